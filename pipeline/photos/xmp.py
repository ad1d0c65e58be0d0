"""What XMP says of a photo: within the file, or in a sidecar beside it.

XMP is RDF: properties of the photo, each a text, a list of texts, or a structure of properties.
Sidecars that Albumscope wrote say in properties of its own what of them people had said
(``WE_WROTE``) and what a model had made (``MADE``), which nobody has said of the photo.
"""

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from typing import cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.photos.dates import Moment, read_date
from pipeline.photos.words import (
    DamagedError,
    Position,
    Region,
    Said,
    line,
    lines,
    number,
    position,
    rating,
)
from pipeline.photos.words import said as said_of
from pipeline.photos.words import text as text_of

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
DC = "{http://purl.org/dc/elements/1.1/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
IPTC = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}"
_IPTC_EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_TIFF = "{http://ns.adobe.com/tiff/1.0/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
_HIERARCHIES = (  # whose last part is the keyword
    "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject",
    "{http://www.digikam.org/ns/1.0/}TagsList",
)
MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
_MP = "{http://ns.microsoft.com/photo/1.2/}"
_MP_REGIONS = "{http://ns.microsoft.com/photo/1.2/t/RegionInfo#}Regions"
_MP_REGION = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
PLACE = (f"{IPTC}Location", *(f"{PHOTOSHOP}{each}" for each in ("City", "State", "Country")))
"""The properties that a place is named by, from the smallest to the country."""
OURS = "{urn:albumscope/}"
WE_WROTE = f"{OURS}Wrote"
MADE = f"{OURS}Made"
_NO_XML = (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError)
_COORDINATE = re.compile(
    r"(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?(?:,(\d+(?:\.\d+)?))?([NSEW])", re.ASCII
)


class Node:
    """A photo, or a structure: its properties by name, in whichever way RDF writes them."""

    def __init__(self, elements: Iterable[Element]) -> None:
        self._texts: dict[str, str] = {}
        self._elements: dict[str, Element] = {}
        for element in elements:
            self._texts |= element.attrib
            self._elements |= {child.tag: child for child in element}

    def items(self, name: str) -> list[Element]:
        """The items of a list."""
        element = self._elements.get(name)
        return [] if element is None else element.findall(f"*/{RDF}li")

    def texts(self, name: str) -> list[str]:
        """Of a list all items, of a translated text that in the default language, else the text."""
        if items := self.items(name):
            items.sort(key=lambda item: item.get(_LANG) != "x-default")
            is_translated = items[0].get(_LANG) is not None
            return [item.text or "" for item in (items[:1] if is_translated else items)]
        element = self._elements.get(name)
        value = self._texts.get(name) if element is None else element.text
        return [] if value is None else [value]

    def text(self, *names: str) -> str | None:
        """The first of these properties that says something."""
        return next(
            (said for name in names for each in self.texts(name) if (said := text_of(each))), None
        )

    def nodes(self, name: str) -> Iterator["Node"]:
        """The structures of a list, or the one structure."""
        element = self._elements.get(name)
        if element is not None:
            for each in self.items(name) or [element]:
                yield Node([each, *each.findall(f"{RDF}Description")])


def read_xmp(packet: bytes) -> Said:
    """Take a packet for what it says. Raises DamagedError if it is no XMP.

    What a model of Albumscope's made is left out.
    """
    photo = properties(parse(packet))
    return without(all_that_is_said(photo), noted(photo, MADE))


def parse(packet: bytes) -> Element:
    """The root of a packet. Raises DamagedError if it is no XMP."""
    try:
        is_utf_16 = packet.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        root: Element = fromstring(packet if is_utf_16 else packet.strip(b"\0 \t\r\n"))
    except _NO_XML as error:
        raise DamagedError from error
    if next(root.iter(f"{RDF}RDF"), None) is None:
        raise DamagedError
    return root


def descriptions(root: Element) -> list[Element]:
    """The elements of a packet that have the photo's properties."""
    return [each for rdf in root.iter(f"{RDF}RDF") for each in rdf.findall(f"{RDF}Description")]


def properties(root: Element) -> Node:
    """The photo of a packet."""
    return Node(descriptions(root))


def noted(photo: Node, name: str) -> Said:
    """What Albumscope noted of its own writing, in the property WE_WROTE or MADE."""
    try:
        values = json.loads(next(iter(photo.texts(name)), "{}"))
        return cast(Said, values if isinstance(values, dict) else {})
    except (ValueError, RecursionError):  # spoilt: nothing is known to be ours
        return {}


def without(said: Said, ours: Said) -> Said:
    """What is said, less what is ours: of tags and regions each, else what is as we wrote it."""
    kept: dict[str, object] = {}
    for name, value in said.items():
        our = ours.get(name)
        if name in {"tags", "regions"} and isinstance(value, list):
            kept[name] = [each for each in value if not isinstance(our, list) or each not in our]
        elif json.dumps(value, default=str) != json.dumps(our):
            kept[name] = value
    return said_of(**kept)


def all_that_is_said(photo: Node) -> Said:
    """What a photo's properties say, whoever wrote them."""
    regions = [*_mwg_regions(photo), *_mp_regions(photo)]
    orientation = number(photo.text(f"{_TIFF}Orientation"))
    tags = photo.texts(f"{DC}subject") or [
        re.split(r"[|/]", each)[-1] for name in _HIERARCHIES for each in photo.texts(name)
    ]
    return said_of(
        title=line(photo.text(f"{DC}title", f"{PHOTOSHOP}Headline")),
        description=photo.text(
            f"{DC}description", f"{_TIFF}ImageDescription", f"{EXIF}UserComment"
        ),
        tags=lines(tags),
        people=lines(
            [
                *(each["name"] for each in regions if each["type"] == "Face"),
                *photo.texts(f"{_IPTC_EXT}PersonInImage"),
            ]
        ),
        regions=regions,
        rating=rating(photo.text(f"{XMP}Rating")),
        creator=", ".join(lines(photo.texts(f"{DC}creator"))),
        rights=line(photo.text(f"{DC}rights")),
        place_names=_place_names(photo),
        taken=_moment(photo, f"{EXIF}DateTimeOriginal", f"{PHOTOSHOP}DateCreated"),
        digitized=_moment(photo, f"{EXIF}DateTimeDigitized", f"{XMP}CreateDate"),
        position=_position(photo),
        orientation=next((each for each in range(1, 9) if each == orientation), None),
    )


def _moment(photo: Node, *names: str) -> Moment | None:
    dates = (read_date((photo.text(name) or "").strip()) for name in names)
    return next((date for date in dates if date), None)


def _place_names(photo: Node) -> list[str]:
    if found := lines(photo.text(name) for name in PLACE):
        return found
    parts = ("Sublocation", "City", "ProvinceState", "CountryName")
    places = (
        place
        for name in ("LocationCreated", "LocationShown")
        for place in photo.nodes(f"{_IPTC_EXT}{name}")
    )
    named = (lines(place.text(f"{_IPTC_EXT}{part}") for part in parts) for place in places)
    return next((names for names in named if names), [])


def _position(photo: Node) -> Position | None:
    if (photo.text(f"{EXIF}GPSStatus") or "").upper().startswith("V"):
        return None
    altitude = number(photo.text(f"{EXIF}GPSAltitude"))
    if altitude is not None and photo.text(f"{EXIF}GPSAltitudeRef") == "1":
        altitude = -altitude
    latitude, longitude = (
        _degrees(photo.text(f"{EXIF}{name}")) for name in ("GPSLatitude", "GPSLongitude")
    )
    return position(latitude, longitude, altitude)


def _degrees(written: str | None) -> float | None:
    """Of "56,9.0N" or "56,9,30N", or of plain degrees, which some programs write."""
    match = _COORDINATE.fullmatch((written or "").replace(" ", "").upper())
    if match is None:
        return number(written)
    degrees = sum(float(part or 0) / 60.0**at for at, part in enumerate(match.groups()[:3]))
    return -degrees if match[4] in "SW" else degrees


def _mwg_regions(photo: Node) -> Iterator[Region]:
    """Regions of the Metadata Working Group."""
    for regions in photo.nodes(f"{MWG}Regions"):
        for region in regions.nodes(f"{MWG}RegionList"):
            yield from mwg_region(region)


def mwg_region(region: Node) -> Iterator[Region]:
    """One of them, if it has a name: middle and size are in parts of the whole."""
    for area in region.nodes(f"{MWG}Area"):
        numbers = _numbers(area.text(f"{AREA}{each}") for each in ("x", "y", "w", "h"))
        kind = line(region.text(f"{MWG}Type")) or "Face"
        name = line(region.text(f"{MWG}Name"))
        if numbers and name:
            x, y, width, height = numbers
            yield from _region(name, kind, x - width / 2, y - height / 2, width, height)


def _mp_regions(photo: Node) -> Iterator[Region]:
    """Microsoft's people: left, top, width, height, in parts of the whole."""
    for info in photo.nodes(f"{_MP}RegionInfo"):
        for region in info.nodes(_MP_REGIONS):
            numbers = _numbers((region.text(f"{_MP_REGION}Rectangle") or "").split(","))
            name = line(region.text(f"{_MP_REGION}PersonDisplayName"))
            if numbers and name:
                yield from _region(name, "Face", *numbers)


def _numbers(texts: Iterable[str | None]) -> tuple[float, float, float, float] | None:
    found = [value for value in map(number, texts) if value is not None]
    return (found[0], found[1], found[2], found[3]) if len(found) == 4 else None


def _region(
    name: str, kind: str, left: float, top: float, width: float, height: float
) -> Iterator[Region]:
    if 0 < width <= 1 and 0 < height <= 1:
        edges = (left, top, left + width, top + height)
        left, top, right, bottom = (round(100 * min(max(edge, 0.0), 1.0), 3) for edge in edges)
        yield Region(name=name, type=kind, left=left, top=top, right=right, bottom=bottom)
