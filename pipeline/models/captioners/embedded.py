"""The embedded captioner: what an ImageNet classifier sees and what EXIF knows, in a sentence."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

from PIL import Image

from pipeline.models import imagenet
from pipeline.models.captioners import Caption, PhotoContext
from pipeline.models.encoders import Labels
from pipeline.photos.camera_name import camera_name
from pipeline.photos.dates import in_english

CODE_VERSION = 5
"""To be raised by any change that changes what is said of a photo."""

PROBABLE = 0.5
"""From this probability on, a label is "probably" right: more likely than not."""

_MOST_IN_SENTENCE = 3
_PEOPLE = frozenset({"baseball player", "groom", "scuba diver"})
_WITHOUT_ARTICLE = frozenset(
    {
        "bread", "broccoli", "cauliflower", "chain mail", "chocolate syrup", "coral fungus", "corn",
        "dough", "eggnog", "face powder", "guacamole", "hair spray", "ice cream", "mashed potato",
        "pasta alla carbonara", "rapeseed", "red wine", "soup", "sunscreen", "toilet paper",
        "velvet", "yarn",
    }
)  # fmt: skip


class EmbeddedCaptioner:
    """Names what a photo probably shows, and when and with what it was taken.

    Needs no key, no GPU and no model hub. Implements ``Captioner``.
    """

    name = "embedded"
    producer = f"embedded:{CODE_VERSION}"
    image_size = imagenet.IMAGE_SIZE
    in_flight = 1

    def describe(self, image: Image.Image, context: PhotoContext) -> Caption:
        """Describe one upright RGB photo; its tags are the likely labels, the likeliest first."""
        seen = imagenet.look([imagenet.prepare(image)])
        return self.describe_labels(imagenet.likely_labels(seen.probabilities[0]), context)

    def describe_labels(self, labels: Labels, context: PhotoContext) -> Caption:
        """Describe a photo of which the embedded encoder has said what it shows."""
        people = any(labels.get(label, 0) >= PROBABLE for label in _PEOPLE)
        return Caption(
            caption=_sentences(labels, _taken(context.exif)),
            tags=list(dict.fromkeys(label.lower() for label in labels)),
            # That no label says so does not mean that nobody is there.
            has_people=True if people else None,
        )


def _sentences(likely: Labels, taken: str) -> str:
    if not likely:
        return f"A photo taken {taken}." if taken else "A photo."
    hedge = "Probably" if max(likely.values()) >= PROBABLE else "Perhaps"
    guess = f"{hedge} {_either([_with_article(label) for label in likely][:_MOST_IN_SENTENCE])}."
    return f"{guess} Taken {taken}." if taken else guess


def _taken(exif: Mapping[str, Any]) -> str:
    """Say when and with what: "on 3 July 2015 in the afternoon with a Canon EOS 5D"."""
    parts = []
    taken_at: datetime | None = exif.get("taken_at")
    if taken_at is not None:
        precision = exif.get("taken_precision")
        when = {"month": "in", "year": "in", "circa": ""}.get(precision or "", "on")
        parts.append(f"{when} {in_english(taken_at, precision)}".strip())
        if taken_at.time() != time.min:  # midnight sharp: only the date was known
            parts.append(_part_of_day(taken_at.hour))
    if camera := camera_name(exif.get("camera_make"), exif.get("camera_model")):
        if not (exif.get("camera_model") or "").strip():
            camera += " camera"
        parts.append(f"with {_with_article(camera)}")
    return " ".join(parts)


def _part_of_day(hour: int) -> str:
    if 5 <= hour < 12:
        return "in the morning"
    if 12 <= hour < 17:
        return "in the afternoon"
    return "in the evening" if 17 <= hour < 22 else "at night"


def _with_article(noun: str) -> str:
    plural = re.search(r"(?<![siu])s$", noun)
    if plural or noun in _WITHOUT_ARTICLE:
        return noun
    vowel = re.match(r"(?!eu|uni|one\b)[aeiou]|hour", noun, re.IGNORECASE)
    return f"an {noun}" if vowel else f"a {noun}"


def _either(options: Sequence[str]) -> str:
    *others, last = options
    return f"{', '.join(others)} or {last}" if others else last
