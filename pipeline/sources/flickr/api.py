"""The methods of the API that are used: finding the user, whole listings of albums and photos."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from pipeline.sources.flickr.errors import (
    AlbumGone,
    FlickrCodeError,
    FlickrError,
    FlickrUnavailable,
)
from pipeline.sources.flickr.parsing import (
    URL_EXTRAS,
    FlickrAlbum,
    FlickrPhoto,
    number,
    parse_album,
    parse_photo,
    text,
)
from pipeline.sources.flickr.transport import Transport

_PER_PAGE = 500  # the most that Flickr gives
_LISTINGS = 3
_EXTRAS = (
    "license,date_upload,date_taken,last_update,owner_name,path_alias,geo,tags,machine_tags,"
    "description,media,original_format,o_dims,views," + ",".join(URL_EXTRAS)
)
_USER_ID = re.compile(r"\d+@N\d+")
_USER_PAGE = re.compile(r"flickr\.com/(?:photos|people)/([^/?#\s]+)", re.IGNORECASE)
_NOT_FOUND = 1  # Flickr's error code for an album, and for a user where no album is asked for
_USER_NOT_FOUND = 2  # and for a user where one is


class FlickrApi:
    """Lists what a user shows to everyone."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def user_id(self, given: str | None) -> str:
        """Find the id (``25925838@N00``) of a user given as id, name or address of a page.

        Raises FlickrError if there is no such user.
        """
        given = (given or "").strip()
        if not given:
            raise FlickrError(
                "Set FLICKR_USER_ID to the user whose albums you want: id, name or profile URL"
            )
        page = _USER_PAGE.search(given)
        name = unquote(page[1]) if page else given
        if _USER_ID.fullmatch(name):
            return name
        address = f"https://www.flickr.com/photos/{quote(name, safe='')}/"
        lookups = [("flickr.urls.lookupUser", {"url": address})]
        if not page:
            lookups.insert(0, ("flickr.people.findByUsername", {"username": name}))
        for method, params in lookups:
            try:
                user = _field(self._transport.call(method, **params), "user")
            except FlickrCodeError as refused:
                if refused.code not in {_NOT_FOUND, _USER_NOT_FOUND}:
                    raise
            else:
                return text(user.get("nsid")) or text(user.get("id"))
        raise _unknown_user(given)

    def albums(self, user_id: str) -> list[FlickrAlbum]:
        """List a user's albums, in Flickr's order.

        Raises FlickrError if Flickr does not know the user.
        """
        try:
            _, albums = self._list(
                "flickr.photosets.getList", "photosets", "photoset", user_id=user_id
            )
        except FlickrCodeError as refused:
            if refused.code not in {_NOT_FOUND, _USER_NOT_FOUND}:
                raise
            raise _unknown_user(user_id) from None
        return [parse_album(album, user_id) for album in albums]

    def photos(self, album_id: str, user_id: str) -> list[FlickrPhoto]:
        """List an album's photos, in the album's order, without its videos.

        Raises AlbumGone if Flickr does not know the album.
        """
        try:
            album, photos = self._list(
                "flickr.photosets.getPhotos",
                "photoset",
                "photo",
                photoset_id=album_id,
                user_id=user_id,
                media="photos",
                extras=_EXTRAS,
            )
        except FlickrCodeError as refused:
            if refused.code == _USER_NOT_FOUND:
                raise _unknown_user(user_id) from None
            if refused.code != _NOT_FOUND:
                raise
            raise AlbumGone(
                f"Flickr has no album {album_id} of user {user_id} any more: it was deleted or"
                " made private there"
            ) from None
        owner = text(album.get("owner")) or user_id
        return [parse_photo(photo, owner, text(album.get("ownername"))) for photo in photos]

    def _list(
        self, method: str, listing: str, entries: str, **params: str
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the last page's head, and the entries of all pages, each once.

        Entries move to another page when the list changes between two pages, and are then missed.
        So a list counts only if Flickr's totals bear it out, or if it comes out the same twice.
        """
        previous: list[str] | None = None
        for _ in range(_LISTINGS):
            head, found, totals = self._list_once(method, listing, entries, params)
            if totals == {len(found)} or list(found) == previous:
                return head, list(found.values())
            previous = list(found)
        raise FlickrUnavailable(
            "What is on Flickr changed each time it was listed: try again when nobody works on it"
        )

    def _list_once(
        self, method: str, listing: str, entries: str, params: Mapping[str, str]
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]], set[int | None]]:
        found: dict[str, dict[str, Any]] = {}
        totals: set[int | None] = set()
        page = pages = 1
        head: dict[str, Any] = {}
        while page <= pages:
            try:
                answer = self._transport.call(method, **params, page=page, per_page=_PER_PAGE)
            except FlickrCodeError as refused:
                if page == 1 or refused.code != _NOT_FOUND:
                    raise
                totals.add(None)  # the list grew shorter, and there is no such page any more
                break
            head = _field(answer, listing)
            for entry in head.get(entries) or []:
                if isinstance(entry, dict) and is_id(entry_id := text(entry.get("id"))):
                    found.setdefault(entry_id, entry)
            totals.add(number(head.get("total")))
            pages = number(head.get("pages")) or 0
            page += 1
        return head, found, totals


def is_id(text: str) -> bool:
    """Whether it can name a file and be a BIGINT."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _field(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = answer.get(name)
    if not isinstance(value, dict):
        raise FlickrUnavailable(f"Flickr's answer has no {name!r} in it: try again later")
    return value


def _unknown_user(given: str) -> FlickrError:
    return FlickrError(
        f"Flickr knows no user {given!r}: check FLICKR_USER_ID, which is an id such as"
        " 25925838@N00, a name, or the address of a profile"
    )
