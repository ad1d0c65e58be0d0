"""Favourites, tags and hidden photos of a snapshot, with all that was marked until now."""

import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import AlbumscopeError
from pipeline.library.corrections import PEOPLE
from pipeline.library.journal import Followed
from pipeline.library.marks import JOURNALS, Kind, Mark, checked_tag, plain_tag
from pipeline.snapshot.marks import Retagged, last_words, retagged
from pipeline.snapshot.reading import Snapshot
from pipeline.storage import Storage
from search_app.search.filters import Filters
from search_app.search.parsed import MarkName, ParsedQuery
from search_app.search.people import Who

_log = logging.getLogger("albumscope.search")

Mask = NDArray[np.bool_]
Action = Literal["favourite", "unfavourite", "add_tag", "remove_tag", "hide", "show"]
_EFFECTS: Mapping[Action, tuple[Kind, bool]] = {
    "favourite": ("favourite", True),
    "unfavourite": ("favourite", False),
    "add_tag": ("tag", True),
    "remove_tag": ("tag", False),
    "hide": ("hidden", True),
    "show": ("hidden", False),
}
_ACTIONS = {effect: action for action, effect in _EFFECTS.items()}
_FAVOURITE = re.compile(r"(?i)\s*(?<!\S)is[:：](?:favourite|favorite)(?!\S)")
_USERS = 50  # whose marks are kept in memory


class Marking(NamedTuple):
    """What is done to photos. ``user`` is who does it, "" where nobody has to sign in."""

    action: Action
    image_ids: Sequence[int]
    tag: str = ""
    user: str = ""


@dataclass(frozen=True, eq=False)
class Marks:
    """The marks on the photos of a snapshot at one time, as one user sees them.

    Masks are of the rows of table ``images``, shape (photos,). ``favourites`` are the user's, among
    them photos that say it of themselves. ``retagged`` has the photos whose tags people changed, by
    id. ``who`` is on the photos. ``versions`` are others whenever anything of a kind is said.
    """

    versions: Mapping[Kind | Literal["people"], str]
    favourites: Mask
    hidden: Mask
    hidden_ids: frozenset[int]
    retagged: Mapping[int, Retagged]
    who: Who

    def has(self, name: MarkName) -> Mask:
        """The rows that have a mark."""
        return self.favourites if name == "favourite" else self.hidden

    def allowed(self, filters: Filters, query: ParsedQuery) -> Mask | None:
        """The rows with all marks that are wanted and none that is not; None if all may be found.

        Hidden ones may be if they are wanted.
        """
        wanted = {*filters.marked, *query.only.marked}
        unwanted = {*filters.unmarked, *query.never.marked}
        if "hidden" not in wanted and self.hidden_ids:
            unwanted.add("hidden")
        masks = [*map(self.has, wanted), *(~self.has(each) for each in unwanted)]
        return np.logical_and.reduce(masks) if masks else None

    def version(self, filters: Filters, query: ParsedQuery) -> str:
        """What is another whenever a search may find others because of what is said."""
        asked = (filters, query.only, query.never)
        kinds: list[Kind | Literal["people"]] = ["hidden", "people"]
        if any("favourite" in fields.marked for fields in asked):
            kinds.append("favourite")
        if any(fields.tags for fields in asked):
            kinds.append("tag")
        return " ".join(self.versions[kind] for kind in kinds)

    def with_tags(self, photo: Mapping[str, Any]) -> dict[str, Any]:
        """A photo with its ``tags``, and perhaps those of its ``caption``, as they are now.

        It has columns of table ``images``; ``caption``, if it is there, those of table
        ``captions``.
        """
        columns = dict(photo)
        if now := self.retagged.get(columns["image_id"]):
            columns["tags"] = now.tags
            if columns.get("caption"):
                columns["caption"] = columns["caption"] | {"tags": now.caption_tags}
        return columns


class MarkBook:
    """Marks photos of one snapshot, and knows what is said of them. May serve many threads."""

    def __init__(self, snapshot: Snapshot, storage: Storage, faces_a_person: int) -> None:
        """``faces_a_person`` is how many faces make a person of a group without a name."""
        self._snapshot = snapshot
        self._storage = storage
        self._looking = threading.Lock()
        self._is_away = False  # what was marked cannot be listed
        self._said = {kind: Followed(journal) for kind, journal in JOURNALS.items()}
        self._said_of_people = Followed(PEOPLE)
        self._faces_a_person = faces_a_person
        self._who = self._who_now()
        self._by_themselves = np.zeros(snapshot.manifest["tables"]["images"], bool)
        said = snapshot.cursor().execute(
            "SELECT images.rowid AS row FROM images JOIN exif USING (image_id)"
            " WHERE favourite OR rating = 5"
        )
        self._by_themselves[said.fetchnumpy()["row"]] = True
        self._favourites = self._hidden = last_words(snapshot.cursor(), [], [])
        self._retagged: Mapping[int, Retagged] = {}
        self._of_user: dict[str, Marks] = {}

    def now(self, user: str = "") -> Marks:
        """All that is marked, as a user sees it, or anyone where nobody has to sign in."""
        user = user.casefold()
        with self._looking:
            self._look()
            if user not in self._of_user:
                if len(self._of_user) == _USERS:
                    self._of_user.clear()
                self._of_user[user] = self._seen_by(user)
            return self._of_user[user]

    def refresh(self) -> None:
        """Take up what other machines marked in a bucket, when it is next asked for."""
        self._storage.refresh()
        self._is_away = False

    def mark(self, marking: Marking) -> Marking:
        """Mark photos, or take marks off them. Returns what undoes it.

        That has only the photos on which this changed anything. Unknown ids are left out. Raises
        AlbumscopeError if the tag is none, or if the disk or the bucket does not let it.
        """
        kind, is_on = _EFFECTS[marking.action]
        tag = checked_tag(marking.tag) if kind == "tag" else ""
        photos = [
            (image_id, sha256)
            for image_id, sha256, has in self._photos(kind, marking, plain_tag(tag))
            if has != is_on
        ]
        if photos:
            mark = Mark(
                is_on=is_on,
                user=marking.user.casefold(),
                at=datetime.now(UTC),
                tag=tag,
                image_id=[image_id for image_id, _ in photos],
                sha256=[sha256 for _, sha256 in photos],
            )
            JOURNALS[kind].write(self._storage, mark)
        return Marking(
            _ACTIONS[kind, not is_on], [image_id for image_id, _ in photos], tag, marking.user
        )

    def _photos(self, kind: Kind, marking: Marking, plain: str) -> Iterator[tuple[int, str, bool]]:
        """The id of each photo that there is, its sha256, and whether it has the mark now."""
        now = self.now(marking.user)
        cursor = self._snapshot.cursor()
        cursor.register("wanted", pa.table({"image_id": pa.array(marking.image_ids, pa.int64())}))
        found = cursor.execute(
            """
            SELECT image_id, images.rowid AS row, sha256,
                   coalesce(images.tags, []), coalesce(captions.tags, [])
            FROM images SEMI JOIN wanted USING (image_id) LEFT JOIN captions USING (image_id)
            """
        )
        for image_id, row, sha256, *tags in found.fetchall():
            if kind == "tag":
                has = plain in now.retagged.get(image_id, Retagged(image_id, row, *tags)).plain
            else:
                has = bool(now.has(kind)[row])
            yield image_id, sha256, has

    def _look(self) -> None:
        """Take up what was marked since."""
        if self._is_away:
            return
        try:
            for kind, said in self._said.items():
                if said.look(self._storage):
                    self._of_user.clear()
                    self._take_up(kind, said.entries)
            if self._said_of_people.look(self._storage):
                self._of_user.clear()
                self._who = self._who_now()
        except AlbumscopeError as error:
            self._is_away = True
            _log.warning("%s. Until then what is marked does not count.", error)

    def _take_up(self, kind: Kind, marks: Sequence[Mark]) -> None:
        cursor = self._snapshot.cursor()
        match kind:
            case "favourite":
                self._favourites = last_words(cursor, marks, [mark.user for mark in marks])
            case "hidden":
                self._hidden = last_words(cursor, marks, [""] * len(marks))
            case "tag":
                self._retagged = {photo.image_id: photo for photo in retagged(cursor, marks)}

    def _who_now(self) -> Who:
        said = self._said_of_people
        # Both are named by when they were made, a snapshot before it takes in what was said.
        is_published = said.last < self._snapshot.name
        return Who(self._snapshot, said.entries, self._faces_a_person, is_published=is_published)

    def _seen_by(self, user: str) -> Marks:
        favourites, hidden = self._by_themselves.copy(), np.zeros_like(self._by_themselves)
        said = self._said["favourite"].entries
        words = self._favourites[np.array([mark.user == user for mark in said], bool)]
        favourites[words.rows] = np.array([mark.is_on for mark in said], bool)[words.marks]
        words = self._hidden[np.array([mark.is_on for mark in self._said["hidden"].entries], bool)]
        hidden[words.rows] = True
        return Marks(
            versions={
                **{kind: said.version for kind, said in self._said.items()},
                "people": self._said_of_people.version,
            },
            favourites=favourites,
            hidden=hidden,
            hidden_ids=frozenset(words.image_ids.tolist()),
            retagged=self._retagged,
            who=self._who,
        )


def with_favourites(text: str, *, alone: bool) -> str:
    """A query of favourites alone, or of other photos too, whatever its own."""
    return f"{_FAVOURITE.sub('', text)} {'is:favourite' if alone else ''}".strip()
