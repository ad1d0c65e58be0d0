"""Where in a photo file its EXIF, its XMP, its IPTC and its plain texts lie."""

import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image, IptcImagePlugin

import pipeline.photos.pillow  # noqa: F401
from pipeline.photos.iptc import Records, read_records
from pipeline.photos.texts import KEYWORDS

_TIFF_START = re.compile(rb"II\*\x00|MM\x00\*")
_PNG_START = b"\x89PNG"
_WRAPPED_FORMATS = ("JPEG", "WEBP", "GIF", "HEIF", "AVIF", "JXL")
_PNG_XMP = b"XML:com.adobe.xmp"
_APP1_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_IPTC_OF_PHOTOSHOP = b"8BIM\x04\x04\0\0"  # with no name; four bytes of length follow
_MAX_CHUNK = 2**24


class Blocks(NamedTuple):
    """What of a file tells of the photo; each is empty where there is none.

    ``exif`` is what ExifRead can read the block from. ``texts`` are by the keywords of PNG, of
    which the comment of a JPEG or GIF is "Comment".
    """

    exif: BinaryIO | None = None
    xmp: bytes = b""
    iptc: Records = MappingProxyType({})
    texts: Mapping[str, bytes] = MappingProxyType({})


def find_blocks(file: BinaryIO) -> Blocks:
    """Find the blocks of a photo file, which stays open, for ``exif`` may be the file itself.

    In a TIFF, as which most camera RAW is written, ExifRead finds what it reads by itself. A PNG is
    gone through chunk by chunk: Pillow would have to decode it to see what follows the pixels.
    Elsewhere Pillow finds the blocks: ExifRead misses those after 4 KB of other JPEG segments and
    most of those in WebP and HEIC, and its HEIC parser shares state between files.
    """
    start = file.read(4)
    file.seek(0)
    if start == _PNG_START:
        return _of_png(file)
    is_tiff = bool(_TIFF_START.match(start))
    formats = ("TIFF",) if is_tiff else _WRAPPED_FORMATS
    exif, xmp, iptc, texts = file if is_tiff else None, b"", {}, {}
    with damage_forgiven(), Image.open(file, formats=formats) as image:
        exif = exif or _tiff_within(_exif_of(image))
        xmp = image.info.get("xmp") or b""
        texts = {"Comment": image.info.get("comment") or b""}
        iptc = IptcImagePlugin.getiptcinfo(image) or {}
    return Blocks(exif, xmp.encode() if isinstance(xmp, str) else xmp, iptc, texts)


@contextmanager
def damage_forgiven() -> Iterator[None]:
    """Pass over what parsers raise on damaged data, but not a disk that failed."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise


def _exif_of(image: Image.Image) -> bytes:
    block: bytes = image.info.get("exif") or b""
    if image.format == "JXL" and (block or image.info.get("xmp")):
        exif = image.getexif()
        exif[ExifTags.Base.Orientation] = 1  # as of a HEIC
        block = exif.tobytes()
    return block


def _tiff_within(block: bytes) -> BinaryIO | None:
    tiff = _TIFF_START.search(block[:64])  # a prefix may come before it
    return io.BytesIO(block[tiff.start() :]) if tiff else None


def _of_png(file: BinaryIO) -> Blocks:
    """ImageMagick and others write blocks as "raw profiles", in hexadecimal, in text chunks."""
    exif = xmp = b""
    iptc: Records = {}
    texts: dict[str, bytes] = {}
    for kind, data in _png_chunks(file):
        with damage_forgiven():
            if kind == b"eXIf":
                exif = data
                continue
            keyword, text = _png_text(kind, data)
            if keyword == _PNG_XMP:
                xmp = text
            elif keyword.startswith(b"Raw profile type "):
                profile = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode())
                if keyword.endswith(b"xmp") or profile.startswith(_APP1_XMP):
                    xmp = xmp or profile.removeprefix(_APP1_XMP)
                elif keyword.lower().endswith((b"exif", b"app1")):
                    exif = exif or profile
                elif keyword.lower().endswith((b"iptc", b"8bim")):
                    iptc = iptc or read_records(profile.partition(_IPTC_OF_PHOTOSHOP)[2][4:])
            elif (name := keyword.decode("latin-1")) in KEYWORDS:
                texts.setdefault(name, text)
    return Blocks(_tiff_within(exif), xmp, iptc, texts)


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that may hold a block, each with what kind it is."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in {b"eXIf", b"tEXt", b"zTXt", b"iTXt"} and length <= _MAX_CHUNK:
            yield kind, file.read(length)
            length = 0
        elif kind == b"IEND":
            return
        file.seek(length + 4, io.SEEK_CUR)  # past the checksum


def _png_text(kind: bytes, data: bytes) -> tuple[bytes, bytes]:
    """The keyword of a text chunk, and its text."""
    keyword, _, rest = data.partition(b"\0")
    if kind == b"zTXt":
        return keyword, _inflated(rest[1:])
    if kind == b"iTXt":
        is_compressed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        return keyword, _inflated(text) if is_compressed else text
    return keyword, rest


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _MAX_CHUNK)
