"""How Pillow is set up for whoever reads photos: its formats, its limits, its silence."""

import warnings

import pillow_heif
import pillow_jxl  # noqa: F401  # makes Pillow know the format
from PIL import Image, PngImagePlugin

Image.init()  # all formats; whoever opens a photo says which ones are allowed
pillow_heif.register_heif_opener()
# Pillow's own guard against decompression bombs warns first and raises late; decoding asks for the
# memory that there is.
Image.MAX_IMAGE_PIXELS = None
# Pillow refuses PNGs with more text or a larger profile than 1 MB; generators of pictures write it.
PngImagePlugin.MAX_TEXT_CHUNK = 2**26
PngImagePlugin.MAX_TEXT_MEMORY = 2**27
# Memory in blocks of this size goes back to the system when a photo is done with; the C library
# keeps smaller ones for the thread that had them, which adds up.
Image.core.set_block_size(64 * 2**20)  # type: ignore[attr-defined]
# What Pillow finds odd in a file is nothing that a person could do anything about. It can only be
# filtered for all threads, which read photos at the same time.
warnings.filterwarnings("ignore", module=r"PIL\b")
