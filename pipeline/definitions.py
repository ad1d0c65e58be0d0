"""What Dagster loads: the project over the library that the settings name.

A door like the command line: it hands the assets what they may not look up for themselves.
"""

import atexit
import gc

from pipeline.garbage import collecting_no_garbage

# Each run is a process that imports all this. As in the command line, looking for garbage among it
# would take a second, meanwhile and at the end.
with collecting_no_garbage():
    from pipeline.assets.instance import check_dagster_home
    from pipeline.assets.project import definitions
    from pipeline.library.library import Library
    from pipeline.settings import load_settings
    from search_app.search.judging import found_by_words

    check_dagster_home(load_settings())
    defs = definitions(Library(load_settings()), search=found_by_words)
    gc.freeze()
atexit.register(gc.freeze)
