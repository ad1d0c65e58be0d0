"""Writing XMP: what the library knows of a photo, merged into the sidecar that is there.

What a person wrote in a sidecar stays. What Albumscope writes it notes in the sidecar itself
(``xmp.WE_WROTE``, ``xmp.MADE``): that alone is replaced or taken back by a later export.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from defusedxml.ElementTree import iterparse

from pipeline.library.marks import plain_tag
from pipeline.photos import xmp
from pipeline.photos.words import Region, Said, lines
from pipeline.photos.xmp import (
    AREA,
    DC,
    EXIF,
    IPTC,
    MADE,
    MWG,
    PHOTOSHOP,
    PLACE,
    RDF,
    WE_WROTE,
    XMP,
    Node,
)

_X = "{adobe:ns:meta/}"
_DIMENSIONS = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {
    "x": _X, "rdf": RDF, "dc": DC, "xmp": XMP, "exif": EXIF, "photoshop": PHOTOSHOP,
    "Iptc4xmpCore": IPTC, "mwg-rs": MWG, "stArea": AREA, "stDim": _DIMENSIONS,
    "albumscope": xmp.OURS,
}  # fmt: skip
_PROPERTIES: Mapping[str, Sequence[str]] = {
    "title": [f"{DC}title"],
    "description": [f"{DC}description"],
    "tags": [f"{DC}subject"],
    "rating": [f"{XMP}Rating"],
    "position": [f"{EXIF}GPSLatitude", f"{EXIF}GPSLongitude"],
    "place_names": PLACE,
}
_PACKET = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{}\n<?xpacket end="w"?>\n'

_SINGLE = ("title", "description", "rating", "position", "place_names")
_REPLACED = ("title", "description")


class Known(NamedTuple):
    """What is known of a photo that a sidecar can say, in the form that ``words`` give it.

    Of ``place_names`` there are four: quarter, town, region and country; each may be empty.
    """

    said: Said
    """By people, wherever they did."""
    made: Said
    """By models: of title, description, place only what nobody said."""
    by_file: Said
    """By the photo's own file, which a sidecar need not repeat."""
    size: tuple[int, int]
    """Width and height of the picture as it is stored, in pixels."""


class Merged(NamedTuple):
    """A new or changed sidecar, and which of its fields are to be others than they were."""

    packet: bytes
    changes: Sequence[str]


def merge(packet: bytes | None, known: Known) -> Merged | None:
    """Put what is known into a sidecar, or into a new one; None if that changes nothing.

    Raises DamagedError if the sidecar is no XMP.
    """
    root = _new() if packet is None else xmp.parse(packet)
    photo = xmp.properties(root)
    before = xmp.all_that_is_said(photo)
    wrote, made = xmp.noted(photo, WE_WROTE), xmp.noted(photo, MADE)
    own = xmp.without(xmp.without(before, wrote), made)
    target = xmp.descriptions(root)
    if not target:
        target = [
            SubElement(next(root.iter(f"{RDF}RDF")), f"{RDF}Description", {f"{RDF}about": ""})
        ]

    said_now, made_now = _to_say(own, known)
    tags = own.get("tags") or known.by_file.get("tags") or []
    said_now["tags"] = _others(known.said.get("tags"), tags)
    refused = _others(made.get("tags"), before.get("tags") or [])
    made_now["tags"] = _others(known.made.get("tags"), [*tags, *said_now["tags"], *refused])
    news = [*said_now["tags"], *made_now["tags"]]
    all_tags = [*tags, *news] if news else own.get("tags") or []
    # those that are known of the file may be of the sidecar, if it has any
    regions = (own if before.get("regions") else known.by_file).get("regions") or []
    said_now["regions"] = _elsewhere(known.said.get("regions") or [], regions)

    wanted = {**said_now, **made_now, "tags": all_tags}
    changes = [
        field
        for field in _PROPERTIES
        if field not in own and not _alike(field, wanted.get(field), before.get(field))
    ]
    if all_tags != (before.get("tags") or []) and "tags" not in changes:
        changes.append("tags")
    ours = [each for each in before.get("regions") or [] if each in (wrote.get("regions") or [])]
    if not _same_regions(ours, said_now["regions"]):
        changes.append("regions")
    if not changes:
        return None
    for field in changes:
        if field == "regions":
            _set_regions(target, ours, said_now["regions"], regions, known.size)
        else:
            _remove(target, _PROPERTIES[field])
            if wanted.get(field):
                _WRITERS[field](target[0], wanted[field])
    _note(root, target, own, said_now, made_now, refused)
    return Merged(_written(root, packet), changes)


def _to_say(own: Said, known: Known) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a sidecar is to say that its owner does not: by people, and if nobody does, by models.

    The file's own words are not repeated; those that people wrote since, on Flickr say, are others.
    """
    said_now, made_now = dict[str, Any](), dict[str, Any]()
    for field in _SINGLE:
        by_people, by_file = known.said.get(field), known.by_file.get(field)
        if field in own:
            continue
        if by_file is None or (field in _REPLACED and by_people not in {None, by_file}):
            if by_people is not None:
                said_now[field] = by_people
            elif made := known.made.get(field):
                made_now[field] = made
    return said_now, made_now


def _others(tags: Iterable[str] | None, known: Iterable[str]) -> list[str]:
    """The tags that are none of the known ones, each once."""
    plain = {*map(plain_tag, known)}
    others = {plain_tag(tag): tag for tag in tags or ()}
    return [tag for key, tag in others.items() if key not in plain]


def _elsewhere(regions: Iterable[Region], known: Sequence[Region]) -> list[Region]:
    """The regions whose middle is in none of the known ones."""

    def is_in(one: Region, other: Region) -> bool:
        x, y = (one["left"] + one["right"]) / 2, (one["top"] + one["bottom"]) / 2
        return other["left"] <= x <= other["right"] and other["top"] <= y <= other["bottom"]

    return [one for one in regions if not any(is_in(one, other) for other in known)]


def _same_regions(some: Sequence[Region], others: Sequence[Region]) -> bool:
    return len(some) == len(others) and all(
        any(_is_same_region(one, other) for other in others) for one in some
    )


def _is_same_region(one: Region, other: Region) -> bool:
    edges = ("left", "top", "right", "bottom")
    is_near = all(abs(one[edge] - other[edge]) < 0.01 for edge in edges)  # type: ignore[literal-required]
    return is_near and one["name"] == other["name"]


def _alike(field: str, wanted: Any, there: Any) -> bool:
    """Whether a field needs no writing."""
    if field == "tags":
        return True  # compared by itself
    if field == "place_names":
        return lines(wanted or ()) == (there or [])
    if field == "position" and wanted and there:
        return all(
            abs(one - other) < 1e-6 for one, other in zip(wanted[:2], there[:2], strict=True)
        )
    return bool((wanted or None) == (there or None))


def _remove(target: Iterable[Element], names: Sequence[str]) -> None:
    for description in target:
        for name in names:
            description.attrib.pop(name, None)
            for element in description.findall(name):
                description.remove(element)


def _note(
    root: Element,
    target: Sequence[Element],
    own: Said,
    said: Mapping[str, Any],
    made: Mapping[str, Any],
    refused: Sequence[str],
) -> None:
    """Note what is ours, as it is read: texts and numbers may have changed a little by that."""
    after = xmp.all_that_is_said(xmp.properties(root))

    def as_read(fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {
            field: after[field]  # type: ignore[literal-required]
            for field, value in fields.items()
            if value and field not in {"tags", "regions"} and field in after and field not in own
        }
        plain = {*map(plain_tag, fields.get("tags", ()))}
        found["tags"] = [tag for tag in after.get("tags", ()) if plain_tag(tag) in plain]
        found["regions"] = [
            region
            for region in after.get("regions", ())
            if any(_is_same_region(region, each) for each in fields.get("regions", ()))
        ]
        return {field: value for field, value in found.items() if value}

    notes = {WE_WROTE: as_read(said), MADE: as_read(made)}
    if refused:
        notes[MADE]["tags"] = [*notes[MADE].get("tags", ()), *refused]
    _remove(target, [WE_WROTE, MADE])
    for name, values in notes.items():
        if values:
            SubElement(target[0], name).text = json.dumps(values, ensure_ascii=False)


# --- Fields --------------------------------------------------------------------------------------


def _write_translated(name: str) -> Callable[[Element, str], None]:
    def write(target: Element, text: str) -> None:
        item = SubElement(SubElement(SubElement(target, name), f"{RDF}Alt"), f"{RDF}li")
        item.set(_LANG, "x-default")
        item.text = text

    return write


def _write_tags(target: Element, tags: Sequence[str]) -> None:
    bag = SubElement(SubElement(target, f"{DC}subject"), f"{RDF}Bag")
    for tag in tags:
        SubElement(bag, f"{RDF}li").text = tag


def _write_rating(target: Element, stars: int) -> None:
    SubElement(target, f"{XMP}Rating").text = str(stars)


def _write_position(target: Element, position: Sequence[float]) -> None:
    for name, degrees, letters in zip(
        _PROPERTIES["position"], position[:2], ("NS", "EW"), strict=True
    ):
        whole, minutes = divmod(round(abs(degrees) * 60, 6), 60)
        SubElement(target, name).text = f"{whole:.0f},{minutes:.6f}{letters[degrees < 0]}"


def _write_place(target: Element, names: Sequence[str]) -> None:
    for name, text in zip(PLACE, names, strict=True):
        if text:
            SubElement(target, name).text = text


_WRITERS: Mapping[str, Callable[[Element, Any], None]] = {
    "title": _write_translated(f"{DC}title"),
    "description": _write_translated(f"{DC}description"),
    "tags": _write_tags,
    "rating": _write_rating,
    "position": _write_position,
    "place_names": _write_place,
}


def _set_regions(
    target: Sequence[Element],
    ours: Sequence[Region],
    news: Sequence[Region],
    others: Sequence[Region],
    size: tuple[int, int],
) -> None:
    """Take out those that are ours, and put in the new ones.

    Where there are none yet ``others`` are put in too: those of the file, which nobody who reads
    the sidecar would look for.
    """
    bags = [
        bag
        for description in target
        for regions in description.iter(f"{MWG}RegionList")
        for bag in regions
    ]
    for bag in bags:
        for item in bag.findall(f"{RDF}li"):
            node = Node([item, *item.findall(f"{RDF}Description")])
            if any(region in ours for region in xmp.mwg_region(node)):
                bag.remove(item)
    if any(map(len, bags)):
        bag = bags[0]
    else:
        _remove(target, [f"{MWG}Regions"])
        if not news:
            return
        regions = SubElement(target[0], f"{MWG}Regions", {f"{RDF}parseType": "Resource"})
        width, height = map(str, size)
        measures = {
            f"{_DIMENSIONS}{key}": text for key, text in zip("wh", (width, height), strict=True)
        }
        SubElement(regions, f"{MWG}AppliedToDimensions", measures | {f"{_DIMENSIONS}unit": "pixel"})
        bag = SubElement(SubElement(regions, f"{MWG}RegionList"), f"{RDF}Bag")
        news = [*others, *news]
    for region in news:
        _write_region(SubElement(bag, f"{RDF}li"), region)


def _write_region(item: Element, region: Region) -> None:
    width, height = region["right"] - region["left"], region["bottom"] - region["top"]
    numbers = {
        "x": region["left"] + width / 2,
        "y": region["top"] + height / 2,
        "w": width,
        "h": height,
    }
    names = {f"{MWG}Name": region["name"], f"{MWG}Type": region["type"]}
    area = {f"{AREA}{key}": f"{number / 100:.7f}" for key, number in numbers.items()}
    SubElement(
        SubElement(item, f"{RDF}Description", names),
        f"{MWG}Area",
        area | {f"{AREA}unit": "normalized"},
    )


# --- The packet ----------------------------------------------------------------------------------


def _new() -> Element:
    root = Element(f"{_X}xmpmeta")
    SubElement(SubElement(root, f"{RDF}RDF"), f"{RDF}Description", {f"{RDF}about": ""})
    return root


def _written(root: Element, before: bytes | None) -> bytes:
    """The packet's text, in which each namespace goes by the name that it had."""
    ours = {uri.strip("{}"): prefix for prefix, uri in _PREFIXES.items()}
    if before:
        for _, (prefix, uri) in iterparse(BytesIO(before.strip(b"\0 \t\r\n")), ["start-ns"]):
            is_free = uri not in ours and prefix not in _PREFIXES
            if is_free and prefix and not prefix.startswith(("ns", "xml")):
                ElementTree.register_namespace(prefix, uri)
    for uri, prefix in ours.items():
        ElementTree.register_namespace(prefix, uri)
    ElementTree.indent(root, " ")
    return _PACKET.format(ElementTree.tostring(root, encoding="unicode")).encode()
