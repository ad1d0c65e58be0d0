"""Files that come with Albumscope and are no code: the demo's photos, Dagster's configuration.

They lie at the top of a checkout; a wheel has them in ``pipeline/_shipped``, where pyproject.toml
puts them. Code that is run from a checkout takes the checkout's.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Where a shipped file or folder lies, e.g. ``data/demo``; absolute."""
    in_wheel = _PACKAGE / "_shipped"
    return (in_wheel if in_wheel.is_dir() else _PACKAGE.parent).resolve() / name
