"""Photos of two people, made from two photos of the demo."""

from PIL import Image, ImageEnhance, ImageOps

from tests.conftest import DEMO_PHOTOS


def faces() -> dict[str, Image.Image]:
    """Three of one woman, two of one man, one of both, one of a cat."""
    woman, man, cat = (
        Image.open(next(DEMO_PHOTOS.rglob(f"{name}.jpg"))).convert("RGB")
        for name in ("astronaut", "photographer", "cat-portrait")
    )
    both = Image.new("RGB", (1024, 512))
    both.paste(woman, (0, 0))
    both.paste(man, (512, 0))
    return {
        "woman": woman,
        "woman-mirrored": ImageOps.mirror(woman),
        "woman-dark": ImageEnhance.Brightness(woman).enhance(0.6),
        "man": man,
        "man-mirrored": ImageOps.mirror(man),
        "both": both,
        "cat": cat,
    }
