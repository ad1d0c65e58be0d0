"""Descriptions that were made elsewhere and moved in, by the photo's own bytes.

They stand for what a captioner would make, whatever CAPTION_MODEL says, and outlive albums, moves
and tables (``stages/llm_captions.py``).
"""

from collections.abc import Mapping

from pydantic import BaseModel

from pipeline.library.journal import Journal
from pipeline.storage import Storage

IMPORTED = "imported"
"""The producer of such captions, and the name of what made them."""


class ImportedCaptions(BaseModel):
    """The descriptions of one import, by the photos' sha256, hexadecimal."""

    captions: Mapping[str, str]


IMPORTS = Journal(IMPORTED, ImportedCaptions)
"""All imports; of a photo the last counts."""


class Imported:
    """What was imported into a library; files are read again when there are others."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._read: list[str] = []
        self._captions: dict[str, str] = {}

    @property
    def version(self) -> str:
        """What is another whenever something was imported; empty before."""
        return " ".join(IMPORTS.names(self._storage))

    @property
    def captions(self) -> Mapping[str, str]:
        """The description of each photo that has one, by its sha256. Raises DamagedFileError."""
        names = IMPORTS.names(self._storage)
        if names != self._read:
            entries = IMPORTS.entries(self._storage)
            self._captions = {key: text for each in entries for key, text in each.captions.items()}
            self._read = names
        return self._captions
