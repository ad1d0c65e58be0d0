"""The search page and the searches behind it; reads published snapshots."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_app.api.library import Library

__all__ = ["open_library"]


def open_library(data_dir: str | os.PathLike[str] | None = None) -> "Library":
    """Open a library to read it from Python: the one in this folder, or that the settings name.

    Raises AlbumscopeError if nothing is published there.
    """
    from pipeline.settings import Settings, load_settings
    from search_app.api.library import Library

    return Library(load_settings() if data_dir is None else Settings(data_dir=Path(data_dir)))
