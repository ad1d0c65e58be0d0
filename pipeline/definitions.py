"""What Dagster loads: the project over the library that the settings name."""

from pipeline.assets.project import definitions
from pipeline.library.library import Library
from pipeline.settings import load_settings

defs = definitions(Library(load_settings()))
