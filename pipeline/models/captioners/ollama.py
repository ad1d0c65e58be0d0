"""Captions from a vision model that an Ollama server runs."""

import hashlib
import io
import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any

from PIL import Image

from pipeline.errors import CaptionerError, PhotoError
from pipeline.models.captioners import Caption, PhotoContext
from pipeline.models.captioners.ollama_answer import (
    SCHEMA,
    Answer,
    caption_so_far,
    is_garbage,
    one_line,
    read_answer,
    read_cut_answer,
)
from pipeline.models.captioners.ollama_client import OllamaClient
from pipeline.photos.dates import in_english

PROMPT = """\
Describe this photo for a photo library's search. Answer in {language}, with one JSON object:
- "caption": one to three plain sentences that say what is to be seen: the subjects, what they do, \
the setting, the light. Begin with the subject itself.
- "tags": five to twelve keywords
- "visible_text": the text that can be read in the photo, word for word in its own language; \
empty if there is none
- "has_people": whether anybody is to be seen, be it in part
"""
CONTEXT_PROMPT = """
This is known of the photo. It may be wrong, and may be about other photos of the same album. Use \
a name from it where it fits what you see; never describe what you do not see.
"""
LONG_SIDE = 896  # pixels; what is sent
JPEG_QUALITY = 90

TEMPERATURES = (0.0, 0.4, 0.8)
"""One for each time that a photo is asked about until the answer is good: the same question would
get the same answer."""
ROOM, MORE_ROOM = 512, 2048
"""Tokens that an answer may have; more once it was cut."""
_LONGEST_TITLE = 200
PHOTOS_IN_VAIN = 3
"""After so many in a row without a caption it is the model, not the photos."""


def _nobody_listens(text: str) -> None:
    pass


class OllamaCaptioner:
    """Describes photos with a vision model on an Ollama server. Implements ``SlowCaptioner``.

    The server is asked nothing before the first photo.
    """

    image_size = LONG_SIDE
    in_flight = 4

    def __init__(self, model: str, host: str, language: str) -> None:
        self.name = model
        self.language = language
        # Not the schema as pydantic words it, which another version may word otherwise.
        asked = [PROMPT, CONTEXT_PROMPT, list(Answer.model_fields), language, LONG_SIDE]
        digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        self.producer = f"ollama:{model}:{digest[:8]}"
        self.on_text: Callable[[str], object] = _nobody_listens
        self.stopped = threading.Event()
        self._client = OllamaClient(host, model, self.stopped)
        self._photos_in_vain = 0  # in a row

    def describe(self, image: Image.Image, context: PhotoContext) -> Caption:
        """Describe one upright RGB photo. Thread-safe.

        Raises PhotoError if this photo cannot be described, CaptionerError if none can now.
        """
        capabilities = self._client.capabilities()
        prompt = prompt_for(context, self.language)
        photo = _jpeg(image)
        room = ROOM
        text = thoughts = ""
        is_garbled = False
        for temperature in TEMPERATURES:
            text, is_cut, thoughts = self._client.ask(
                prompt,
                photo,
                lambda so_far: self.on_text(caption_so_far(so_far)),
                format=SCHEMA,
                options={"temperature": temperature, "num_predict": room},
                # Thinking takes ten times as long, and describes no better.
                think=False if "thinking" in capabilities else None,
            )
            answer = read_answer(text)
            if answer is None and is_cut:
                if room == MORE_ROOM:  # it goes round in circles
                    answer = read_cut_answer(text)
                room = MORE_ROOM
            if answer and not is_garbage(answer.caption):
                self._photos_in_vain = 0
                return Caption(**answer.model_dump(), language=self.language)
            if answer and is_garbled:
                break
            is_garbled = answer is not None
        raise self._no_caption(text, thoughts)

    def _no_caption(self, text: str, thoughts: str) -> PhotoError | CaptionerError:
        """What to raise for a photo of which the model said nothing: it may never say anything."""
        if thoughts and not text:
            excerpt = "it put all that it said into its thoughts"
        else:
            excerpt = f"the last one began {text[:60]!r}" if text else "the last was empty"
        self._photos_in_vain += 1
        if self._photos_in_vain < PHOTOS_IN_VAIN:
            return PhotoError(
                "{name} gave no caption; {excerpt}", name=self.name, excerpt=excerpt, transient=True
            )
        return CaptionerError(
            "{name} gave no caption of {count} photos in a row; {excerpt}. Set CAPTION_MODEL"
            " to another vision model (`ollama list` names those that are there)",
            name=self.name,
            count=self._photos_in_vain,
            excerpt=excerpt,
        )


def prompt_for(context: PhotoContext, language: str) -> str:
    """The question, with what is known of the photo."""
    exif = context.exif
    known = {
        "title": context.title[:_LONGEST_TITLE],
        "album": context.album_title[:_LONGEST_TITLE],
        "taken": _date(exif.get("taken_at"), exif.get("taken_precision")),
        "place": _place(exif),
    }
    lines = [f"{name}: {one_line(value)}" for name, value in known.items() if value]
    prompt = PROMPT.format(language=language)
    return prompt + CONTEXT_PROMPT + "\n".join(lines) if lines else prompt


def _jpeg(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((LONG_SIDE, LONG_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _date(taken_at: datetime | None, precision: str | None) -> str:
    if taken_at is None:
        return ""
    day = in_english(taken_at, precision)
    # midnight sharp: only the date was known
    return day if taken_at.time() == time.min else f"{day}, {taken_at:%H:%M}"


def _place(exif: Mapping[str, Any]) -> str:
    latitude, longitude = exif.get("latitude"), exif.get("longitude")
    if latitude is None or longitude is None:
        return ""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.4f}° {north}, {abs(longitude):.4f}° {east}"
