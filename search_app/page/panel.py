"""What the viewer tells of a photo beside it: facts that lead to other photos, and whence it comes.

All is for a script, as what JSON can say.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pipeline.snapshot import fulltext
from search_app.page import addresses
from search_app.page.language import t
from search_app.page.wording import about as facts_of
from search_app.page.wording import (
    events_of,
    found_by,
    map_link,
    people_of,
    said_by,
    tags_of,
    title_of,
)
from search_app.search.hits import Hit
from search_app.search.provenance import Provenance
from search_app.search.searcher import Searcher
from search_app.search.terms import face_term, person_term, photo_term

Json = dict[str, Any]
_EXACT = {"exact", "day", None}


def about(searcher: Searcher, image_id: int, hit: Hit | None) -> Json:
    """All that is known of a photo; ``hit`` says what found it, if it was searched for.

    Raises AlbumscopeError for an unknown id.
    """
    photo = searcher.details(image_id)
    searched = " ".join(hit.words) if hit else ""
    return {
        "id": str(image_id),
        "title": title_of(photo),
        "caption": photo["caption"].get("caption"),
        "description": photo["description"],
        "isCut": bool(photo["is_cut"]),
        "large": addresses.picture_for_script(photo, "large"),
        "src": addresses.picture_for_script(photo, "grid"),
        "ratio": _ratio(photo),
        "thumbhash": photo["thumbhash"],
        "part": addresses.parts_for_script(photo),
        "original": addresses.original(photo),
        "position": _position(photo["exif"]),
        "facts": facts(photo),
        "links": links(photo),
        "lines": [
            {**line, "isFound": fulltext.have_words_in_common(line["text"], searched)}
            for line in photo["lines"]
        ],
        "faces": _faces(searcher, image_id),
        "similar": photo_term(image_id),
        "found": [found_by(hit), *_words(hit)] if hit else [],
        "said": said_by(photo),
        "origin": _origin(searcher.provenance(image_id)),
    }


def _ratio(photo: Mapping[str, Any]) -> float:
    width, height = photo["width"], photo["height"]
    return width / height if width and height else 1.0


def _position(exif: Mapping[str, Any]) -> list[float] | None:
    """Latitude and longitude in degrees, if they are known."""
    position = [exif.get("latitude"), exif.get("longitude")]
    return None if None in position else position  # type: ignore[return-value]


def facts(photo: Mapping[str, Any]) -> list[Json]:
    """The facts of a photo in parts, of which some lead to a search of the page."""
    told = facts_of(photo)
    told.pop(t("Description"), None)
    leading = _leading(photo, told)
    return [
        {"name": name, "parts": leading.get(name) or [{"text": fact}]}
        for name, fact in told.items()
    ]


def _leading(photo: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, list[Json]]:
    """Of the facts that are told those that lead to photos of which the same is true."""
    exif, albums = photo["exif"], photo["albums"]
    in_albums = [_leads(album["title"], album=album["album_id"]) for album in albums]
    found = {
        t("Tags"): [_leads(tag, tag=tag) for tag in tags_of(photo)],
        t("People"): [_leads(name, person=name) for name in people_of(photo)],
        t("Album") if len(albums) == 1 else t("Albums"): in_albums,
        t("Event"): [_leads(event, **where) for event, where in events_of(albums).items()],
    }
    for name, parameter in ((t("Camera"), "camera"), (t("Lens"), "lens")):
        if name in told:
            found[name] = [_leads(told[name], **{parameter: told[name]})]
    if (taken := exif.get("taken_at")) and exif.get("taken_precision") in _EXACT:
        day = taken.date().isoformat()
        found[t("Taken")] = [_leads(told[t("Taken")], **{"from": day, "to": day})]
    return found


def _leads(text: str, **parameters: str) -> Json:
    """A text, and the address of the search that it leads to."""
    return {"text": text, "query": urlencode(parameters)}


def links(photo: Mapping[str, Any]) -> list[Json]:
    """To what a photo's description and its place lead, and to where it comes from."""
    found = [{"text": address, "href": address} for address in photo["links"] or ()]
    if photo["page_url"]:
        found.append({"text": t("On Flickr"), "href": photo["page_url"]})
    if address := map_link(photo["exif"]):
        found.append({"text": t("Show on a map"), "href": address})
    return found


def _faces(searcher: Searcher, image_id: int) -> list[Json]:
    """The faces, each where it is, in percent, and a search for who it is."""
    return [
        {
            **face.key.region._asdict(),
            "name": name,
            "src": addresses.face_for_script(face),
            "query": urlencode({"q": person_term(name) if name else face_term(image_id, number)}),
        }
        for face, name in searcher.faces_of(image_id)
        for number in [face.number]
    ]


def _words(hit: Hit) -> list[str]:
    return [t("Matching words: {words}", words=", ".join(hit.words))] if hit.words else []


def _origin(origin: Provenance) -> Json:
    versions = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    return {
        "columns": [t("asset"), t("by"), t("run"), t("when")],
        "rows": _runs(origin),
        "snapshot": t(
            "Snapshot {name}, made with {versions}", name=origin.snapshot, versions=versions
        ),
    }


def _runs(origin: Provenance) -> Sequence[Sequence[Json]]:
    return [
        [
            {"text": made.asset, "href": made.asset_url},
            {"text": made.producer or ""},
            {"text": (made.run_id or "")[:8] or t("not known"), "href": made.run_url},
            {"text": f"{made.created_at:%Y-%m-%d %H:%M} UTC"},
        ]
        for made in origin.origins
    ]
