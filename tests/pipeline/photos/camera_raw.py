"""A camera RAW file of our own making: there is none that may be shipped."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 10: "ii"}


def write_dng(path: Path, preview_side: int = 0, orientation: int = 1) -> None:
    """Write a DNG of 96 × 64 sensor pixels, red on the left and blue on the right.

    With ``preview_side`` it has a JPEG of as many pixels, all green, in an IFD before it.
    """
    width, height = 96, 64
    mosaic = np.full((height, width), 200, np.uint16)
    mosaic[0::2, 0 : width // 2 : 2] = 3000  # red, where the pattern has it
    mosaic[1::2, width // 2 + 1 :: 2] = 3000  # blue
    preview = io.BytesIO()
    if preview_side:
        size = (preview_side, preview_side * 2 // 3)
        Image.new("RGB", size, (20, 200, 20)).save(preview, "JPEG")
    sensor = [
        (254, 4, [0]),  # NewSubfileType: the photo itself
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [16]),
        (259, 3, [1]),
        (262, 3, [32803]),  # a mosaic of colours
        (273, 4, ["mosaic"]),
        (277, 3, [1]),
        (278, 4, [height]),
        (279, 4, [mosaic.nbytes]),
        (33421, 3, [2, 2]),
        (33422, 1, [0, 1, 1, 2]),
        (50714, 3, [0]),
        (50717, 4, [4095]),
    ]
    camera = [
        (271, 2, list(b"Maker\0")),
        (272, 2, list(b"Model R\0")),
        (274, 3, [orientation]),
        (306, 2, list(b"2020:05:06 07:08:09\0")),
        (50706, 1, [1, 4, 0, 0]),
        (50708, 2, list(b"Maker Model R\0")),
        (50721, 10, [10, 10, 0, 10, 0, 10, 0, 10, 10, 10, 0, 10, 0, 10, 0, 10, 10, 10]),
        (50728, 5, [1, 1, 1, 1, 1, 1]),
        (50778, 3, [21]),
    ]
    if not preview_side:
        content = _tiff([sensor + camera], {"mosaic": mosaic.tobytes()})
    else:
        shown = [
            (254, 4, [1]),  # a smaller picture of it
            (256, 4, [size[0]]),
            (257, 4, [size[1]]),
            (258, 3, [8, 8, 8]),
            (259, 3, [7]),
            (262, 3, [6]),
            (273, 4, ["preview"]),
            (277, 3, [3]),
            (278, 4, [size[1]]),
            (279, 4, [len(preview.getvalue())]),
            (330, 4, ["ifd 1"]),
        ]
        parts = {"mosaic": mosaic.tobytes(), "preview": preview.getvalue()}
        content = _tiff([shown + camera, sensor], parts)
    path.write_bytes(content)


def _tiff(ifds: list[list[tuple[int, int, list[int | str]]]], parts: dict[str, bytes]) -> bytes:
    """A little-endian TIFF; texts in place of numbers name the part or IFD that lies there."""
    for _ in range(2):  # first to learn where all lies, then to write it
        places: dict[str, int] = {} if _ == 0 else places  # noqa: F821
        content = bytearray(b"II*\0" + struct.pack("<I", 8))
        for number, ifd in enumerate(ifds):
            places[f"ifd {number}"] = len(content)
            entries, data = b"", b""
            after = len(content) + 2 + 12 * len(ifd) + 4
            for tag, kind, values in sorted(ifd, key=lambda entry: entry[0]):
                numbers = [places.get(v, 0) if isinstance(v, str) else v for v in values]
                packed = struct.pack(f"<{len(numbers)}{_TYPES[kind][0]}", *numbers)
                count = len(numbers) // len(_TYPES[kind])
                entries += struct.pack("<HHI", tag, kind, count)
                if len(packed) <= 4:
                    entries += packed.ljust(4, b"\0")
                else:
                    entries += struct.pack("<I", after + len(data))
                    data += packed + b"\0" * (len(packed) % 2)
            content += struct.pack("<H", len(ifd)) + entries + b"\0\0\0\0" + data
        for name, part in parts.items():
            places[name] = len(content)
            content += part + b"\0" * (len(part) % 2)
    return bytes(content)
