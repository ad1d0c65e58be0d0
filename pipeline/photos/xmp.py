"""What XMP says of a photo: within the file, or in a sidecar beside it.

XMP is RDF: properties of the photo, each a text, a list of texts, or a structure of properties.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
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

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DC = "{http://purl.org/dc/elements/1.1/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_IPTC = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}"
_IPTC_EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_TIFF = "{http://ns.adobe.com/tiff/1.0/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_HIERARCHIES = (  # whose last part is the keyword
    "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject",
    "{http://www.digikam.org/ns/1.0/}TagsList",
)
_MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
_MP = "{http://ns.microsoft.com/photo/1.2/}"
_MP_REGIONS = "{http://ns.microsoft.com/photo/1.2/t/RegionInfo#}Regions"
_MP_REGION = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_NO_XML = (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError)
_COORDINATE = re.compile(
    r"(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?(?:,(\d+(?:\.\d+)?))?([NSEW])", re.ASCII
)


class _Node:
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
        return [] if element is None else element.findall(f"*/{_RDF}li")

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

    def nodes(self, name: str) -> Iterator["_Node"]:
        """The structures of a list, or the one structure."""
        element = self._elements.get(name)
        if element is not None:
            for each in self.items(name) or [element]:
                yield _Node([each, *each.findall(f"{_RDF}Description")])


def read_xmp(packet: bytes) -> Said:
    """Take a packet for what it says. Raises DamagedError if it is no XMP."""
    try:
        is_utf_16 = packet.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        root = fromstring(packet if is_utf_16 else packet.strip(b"\0 \t\r\n"))
    except _NO_XML as error:
        raise DamagedError from error
    of_photo = [*root.iter(f"{_RDF}RDF")]
    if not of_photo:
        raise DamagedError
    photo = _Node(each for rdf in of_photo for each in rdf.findall(f"{_RDF}Description"))
    regions = [*_mwg_regions(photo), *_mp_regions(photo)]
    orientation = number(photo.text(f"{_TIFF}Orientation"))
    tags = photo.texts(f"{_DC}subject") or [
        re.split(r"[|/]", each)[-1] for name in _HIERARCHIES for each in photo.texts(name)
    ]
    return said_of(
        title=line(photo.text(f"{_DC}title", f"{_PHOTOSHOP}Headline")),
        description=photo.text(
            f"{_DC}description", f"{_TIFF}ImageDescription", f"{_EXIF}UserComment"
        ),
        tags=lines(tags),
        people=lines(
            [
                *(each["name"] for each in regions if each["type"] == "Face"),
                *photo.texts(f"{_IPTC_EXT}PersonInImage"),
            ]
        ),
        regions=regions,
        rating=rating(photo.text(f"{_XMP}Rating")),
        creator=", ".join(lines(photo.texts(f"{_DC}creator"))),
        rights=line(photo.text(f"{_DC}rights")),
        place_names=_place_names(photo),
        taken=_moment(photo, f"{_EXIF}DateTimeOriginal", f"{_PHOTOSHOP}DateCreated"),
        digitized=_moment(photo, f"{_EXIF}DateTimeDigitized", f"{_XMP}CreateDate"),
        position=_position(photo),
        orientation=next((each for each in range(1, 9) if each == orientation), None),
    )


def _moment(photo: _Node, *names: str) -> Moment | None:
    dates = (read_date((photo.text(name) or "").strip()) for name in names)
    return next((date for date in dates if date), None)


def _place_names(photo: _Node) -> list[str]:
    names = (f"{_IPTC}Location", *(f"{_PHOTOSHOP}{each}" for each in ("City", "State", "Country")))
    if found := lines(photo.text(name) for name in names):
        return found
    parts = ("Sublocation", "City", "ProvinceState", "CountryName")
    places = (
        place
        for name in ("LocationCreated", "LocationShown")
        for place in photo.nodes(f"{_IPTC_EXT}{name}")
    )
    named = (lines(place.text(f"{_IPTC_EXT}{part}") for part in parts) for place in places)
    return next((names for names in named if names), [])


def _position(photo: _Node) -> Position | None:
    if (photo.text(f"{_EXIF}GPSStatus") or "").upper().startswith("V"):
        return None
    altitude = number(photo.text(f"{_EXIF}GPSAltitude"))
    if altitude is not None and photo.text(f"{_EXIF}GPSAltitudeRef") == "1":
        altitude = -altitude
    latitude, longitude = (
        _degrees(photo.text(f"{_EXIF}{name}")) for name in ("GPSLatitude", "GPSLongitude")
    )
    return position(latitude, longitude, altitude)


def _degrees(written: str | None) -> float | None:
    """Of "56,9.0N" or "56,9,30N", or of plain degrees, which some programs write."""
    match = _COORDINATE.fullmatch((written or "").replace(" ", "").upper())
    if match is None:
        return number(written)
    degrees = sum(float(part or 0) / 60.0**at for at, part in enumerate(match.groups()[:3]))
    return -degrees if match[4] in "SW" else degrees


def _mwg_regions(photo: _Node) -> Iterator[Region]:
    """Regions of the Metadata Working Group: middle and size, in parts of the whole."""
    for regions in photo.nodes(f"{_MWG}Regions"):
        for region in regions.nodes(f"{_MWG}RegionList"):
            for area in region.nodes(f"{_MWG}Area"):
                numbers = _numbers(area.text(f"{_AREA}{each}") for each in ("x", "y", "w", "h"))
                kind = line(region.text(f"{_MWG}Type")) or "Face"
                name = line(region.text(f"{_MWG}Name"))
                if numbers and name:
                    x, y, width, height = numbers
                    yield from _region(name, kind, x - width / 2, y - height / 2, width, height)


def _mp_regions(photo: _Node) -> Iterator[Region]:
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
