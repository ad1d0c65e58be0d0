"""What Dagster loads: the project over the library that the settings name."""

from pipeline.assets.instance import check_dagster_home
from pipeline.assets.project import definitions
from pipeline.library.library import Library
from pipeline.settings import load_settings

check_dagster_home(load_settings())
defs = definitions(Library(load_settings()))
