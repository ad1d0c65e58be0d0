"""What the page says about a photo, in words for people."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.photos.camera_name import camera_name
from search_app.page.language import country, language, number, partial_moment, t
from search_app.search.hits import Hit

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# What Streamlit turns into a symbol even where it is escaped: ->, --, >= and the like.
_SHORTHAND = re.compile(r"(?<=[<>=~-])(?=[<>=~-])|(?<=:)(?=streamlit:)")
WORD_JOINER = "\u2060"
"""A character that has no width."""
_FORMULA = (*"=+-@\t\r\n", *"＝＋－＠")  # East Asian forms
_COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def literal(text: str) -> str:
    """Escape a text so that Streamlit's Markdown shows it as it is, on one line."""
    return _escape(" ".join(text.split()))


def with_code(text: str) -> str:
    """Like ``literal``, but what stands between backticks is shown as code."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if at % 2 else _escape(part) for at, part in enumerate(parts))


def no_formula(text: str, mark: str = "'") -> str:
    """A text for a table: with a mark before it, if a spreadsheet would take it for a formula.

    What begins like that is listed by OWASP, CSV injection.
    """
    return mark + text if text.startswith(_FORMULA) else text


def title_of(photo: Mapping[str, Any]) -> str:
    """The title of a photo, for people."""
    return (photo["title"] or "").strip() or t("Untitled")


def photographer(photo: Mapping[str, Any]) -> str | None:
    """Who took a photo, as far as its file or Flickr tells."""
    creator: str | None = photo.get("creator") or (photo.get("exif") or {}).get("creator")
    return creator or photo.get("owner")


def tags_of(photo: Mapping[str, Any]) -> list[str]:
    """The tags of a photo of ``Searcher.details``, each once, with its captioner's last."""
    return list(dict.fromkeys([*(photo["tags"] or ()), *(photo["caption"].get("tags") or ())]))


def people_of(photo: Mapping[str, Any]) -> list[str]:
    """Who is on a photo of ``Searcher.details``, as it says itself and as faces do."""
    return list(dict.fromkeys([*(photo["exif"].get("people") or ()), *photo["seen"]]))


def events_of(albums: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The events of albums, rows of table ``albums``, each with the parameters of its page."""
    found = {}
    for name, year in ((album["event_name"], album["event_year"]) for album in albums):
        if name:
            where = {"event": name} | ({} if year is None else {"year": str(year)})
            found[event_title(name, year)] = where
    return found


def event_title(name: str, year: int | None) -> str:
    """What an event is called among those of other years."""
    return name if year is None or str(year) in name else f"{name} {year}"


def about(photo: Mapping[str, Any]) -> dict[str, str]:
    """Put what is known of a photo, of ``Searcher.details``, into words."""
    facts = {
        t("Description"): photo["description"],
        t("Text in it"): _visible_text(photo),
        t("Tags"): ", ".join(tags_of(photo)),
        t("People"): ", ".join(people_of(photo)),
        t("Rating"): _stars(photo["exif"]),
    }
    facts |= exif_facts(photo["exif"], photo["place"]) | album_facts(photo["albums"])
    facts |= {t("Photographer"): photographer(photo), t("License"): photo["license"]}
    return {name: fact for name, fact in facts.items() if fact}


def exif_facts(exif: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, str]:
    """Put rows of tables ``exif`` and ``places`` into words; what is not known is left out."""
    facts = {
        t("Camera"): camera_name(exif.get("camera_make"), exif.get("camera_model")),
        t("Lens"): exif.get("lens_model"),
        t("Settings"): _settings(exif),
        t("Flash"): t("fired") if exif.get("flash") else None,
        t("Taken"): _taken(exif),
        t("Place"): _place(exif, place),
        t("Copyright"): exif.get("rights"),
    }
    return {name: fact for name, fact in facts.items() if fact}


def album_facts(albums: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Put the albums that a photo is in, rows of table ``albums``, into words."""
    titles = [album["title"] for album in albums]
    events = [*events_of(albums)]
    facts = {t("Album") if len(titles) == 1 else t("Albums"): ", ".join(titles)}
    if events != titles:
        facts[t("Event")] = ", ".join(events)
    return {name: fact for name, fact in facts.items() if fact}


def exposure(seconds: float) -> str:
    """An exposure time as a camera shows it: "1/250 s", "0.8 s", "30 s"."""
    if seconds < 0.3:
        return f"1/{round(1 / seconds):,} s"
    return f"{round(seconds, 1):g} s"


def percent(probability: float) -> str:
    """A probability in percent, rounded down: what was cut never looks as if it were enough."""
    return f"{int(100 * probability)}%" if probability >= 0.01 else "<1%"


def found_by(hit: Hit) -> str:
    """Put into words which parts of a search found a photo; none has to for fields alone."""
    if not hit.found_by:
        return t("It fits the fields of the query")
    names = {"visual": t("what it shows"), "caption": t("its caption"), "text": t("its words")}
    parts = [
        t("{part} (place {rank})", part=names[found.part], rank=number(found.rank))
        for found in hit.found_by
    ]
    return t("Found by {parts}", parts=", ".join(parts))


def said_by(photo: Mapping[str, Any]) -> str | None:
    """Who says what of a photo, of those whose words are beside or within its file."""
    names = {
        "sidecar": t("a sidecar"),
        "xmp": "XMP",
        "iptc": "IPTC",
        "exif": "EXIF",
        "takeout": "Google Takeout",
        "text": t("a text in the file"),
    }
    fields = {
        "title": t("Title"),
        "description": t("Description"),
        "tags": t("Tags"),
        "people": t("People"),
        "rating": t("Rating"),
        "creator": t("Photographer"),
        "rights": t("Copyright"),
        "place_names": t("Place"),
    }
    said = json.loads(photo["exif"].get("said") or "{}")
    told = {
        source: [name for field, name in fields.items() if field in said[source]]
        for source in names
        if source in said
    }
    parts = [f"{names[source]} ({', '.join(each)})" for source, each in told.items() if each]
    return t("Said by {sources}", sources=", ".join(parts)) if parts else None


def map_link(exif: Mapping[str, Any]) -> str | None:
    """The address of a map of where the photo was taken; None if the photo does not tell."""
    latitude, longitude = exif.get("latitude"), exif.get("longitude")
    if latitude is None or longitude is None:
        return None
    at = f"{latitude:.5f}&mlon={longitude:.5f}#map=14/{latitude:.5f}/{longitude:.5f}"
    return f"https://www.openstreetmap.org/?mlat={at}"


def _escape(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", _SHORTHAND.sub(WORD_JOINER, text))


def place_names(place: Mapping[str, Any]) -> list[str]:
    """From the smallest to the country, in the page's language, of a row of table ``places``."""
    if not place:
        return []
    spelt = json.loads(place["spelt"]).get(language(), {})
    names = [spelt.get(part) or place[part] for part in ("quarter", "town", "region")]
    return list(dict.fromkeys(filter(None, [*names, country(place["country"])])))


def _settings(exif: Mapping[str, Any]) -> str:
    time, f_number = exif.get("exposure_time"), exif.get("f_number")
    iso, focal_length = exif.get("iso"), exif.get("focal_length")
    parts = [
        exposure(time) if time else None,
        f"f/{round(f_number, 1):g}" if f_number else None,
        f"ISO {iso}" if iso else None,
        f"{round(focal_length, 1):g} mm" if focal_length else None,
    ]
    return " · ".join(part for part in parts if part)


def _visible_text(photo: Mapping[str, Any]) -> str:
    """What was read in a photo, and what its captioner could read besides."""
    lines = dict.fromkeys(line["text"] for line in photo["lines"])
    by_captioner = photo["caption"].get("visible_text") or ""
    return " · ".join([*lines, *([by_captioner] if by_captioner not in lines else [])]).strip(" ·")


def _stars(exif: Mapping[str, Any]) -> str:
    rating, favourite = exif.get("rating"), exif.get("favourite")
    stars = t("rejected") if rating == -1 else "★" * (rating or 0)
    return ", ".join(filter(None, [stars, t("a favourite") if favourite else None]))


def _taken(exif: Mapping[str, Any]) -> str | None:
    at, offset = exif.get("taken_at"), exif.get("taken_at_offset")
    if at is None:
        return None
    return partial_moment(at, exif.get("taken_precision")) + (f" (UTC{offset})" if offset else "")


def _place(exif: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    latitude, longitude = exif.get("latitude"), exif.get("longitude")
    altitude, direction = exif.get("altitude"), exif.get("direction")
    parts = list(exif.get("place_names") or place_names(place))
    if latitude is not None and longitude is not None:
        parts.append(f"{abs(latitude):.4f}° {'S' if latitude < 0 else 'N'}")
        parts.append(f"{abs(longitude):.4f}° {'W' if longitude < 0 else 'E'}")
    if altitude is not None:
        level = t("{m} m below sea level") if altitude < 0 else t("{m} m above sea level")
        parts.append(level.format(m=round(abs(altitude))))
    if direction is not None:
        parts.append(t("looking {direction}", direction=_COMPASS[round(direction / 45) % 8]))
    return ", ".join(parts)
