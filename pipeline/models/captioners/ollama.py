"""Captions from a vision model that an Ollama server runs."""

import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time
from functools import lru_cache, partial
from typing import Annotated, Any, NamedTuple

import httpx
import ollama
from PIL import Image
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    wait_exponential_jitter,
)

from pipeline.errors import CaptionerError, PhotoError
from pipeline.models.captioners import Caption, PhotoContext

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

ATTEMPTS = 5  # at a request, while the server is gone: 15 seconds, in which it may be restarted
ATTEMPTS_BUSY = 8
ATTEMPTS_DIED = 3
ATTEMPTS_LATE = 2
BACKOFF = 1.0  # seconds before the second attempt; doubled for each further one
LONGEST_BACKOFF = 30.0  # seconds
TIMEOUT = 600.0  # seconds to an answer's first word: the model is loaded, others are served first
CHECK_TIMEOUT = 10.0  # seconds
KEEP_ALIVE = "10m"

TEMPERATURES = (0.0, 0.4, 0.8)
"""One for each time that a photo is asked about until the answer is good: the same question would
get the same answer."""
ROOM, MORE_ROOM = 512, 2048
"""Tokens that an answer may have; more once it was cut."""
PHOTOS_REFUSED = 8
"""After so many in a row it is not the photos: the model does not fit into the memory, say."""

_MOST_TAGS = 20
_LONGEST_TITLE = 200
_NO_TEXT = frozenset({"none", "no text", "n/a", "null", "empty", "-"})
_THIS_MACHINE = re.compile(r"(https?://)?(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|/|$)")
_CAPTION_SO_FAR = re.compile(r'"caption"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)


def _one_text(value: object) -> object:
    """Text of any form on one line, which UTF-8 can hold: models send halves of characters."""
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    if isinstance(value, str):
        return " ".join(value.encode("utf-8", "replace").decode().split())
    return value


def _text_or_none(value: object) -> object:
    text = _one_text(value)
    return None if isinstance(text, str) and text.lower().strip(".") in {"", *_NO_TEXT} else text


def _tag_list(value: object) -> object:
    tags = value.split(",") if isinstance(value, str) else value or []
    if not isinstance(tags, list):
        return value
    texts = [str(_one_text(tag)).lstrip("# ") for tag in tags if isinstance(tag, str | int)]
    return list(dict.fromkeys(filter(None, texts)))[:_MOST_TAGS]


def _truth(value: object) -> object:
    return value > 0 if isinstance(value, int) else value  # some count the people


class Answer(BaseModel):
    """What the model is asked for. Reading is forgiving: only the caption must be there."""

    caption: Annotated[str, Field(min_length=1), BeforeValidator(_one_text)]
    tags: Annotated[list[str], BeforeValidator(_tag_list)] = []
    visible_text: Annotated[
        str | None, BeforeValidator(_text_or_none), WithJsonSchema({"type": "string"})
    ] = None
    has_people: Annotated[
        bool | None, BeforeValidator(_truth), WithJsonSchema({"type": "boolean"})
    ] = None


SCHEMA = Answer.model_json_schema() | {"required": list(Answer.model_fields)}


class Said(NamedTuple):
    """A model's words; ``is_cut`` says that it had no room for more."""

    text: str
    is_cut: bool


class _RequestError(Exception):
    """A request that failed: after how many attempts to give up, and what to raise then."""

    def __init__(self, final: PhotoError | CaptionerError, attempts: int = 1) -> None:
        super().__init__(str(final))
        self.final = final
        self.attempts = attempts


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
        self._host = host
        self._where = re.sub(r"^\w+://|[^/]*@", "", host).rstrip("/")  # never a password
        self._checking = threading.Lock()
        self._trouble: CaptionerError | None = None
        self._refused = 0  # photos in a row

    def describe(self, image: Image.Image, context: PhotoContext) -> Caption:
        """Describe one upright RGB photo. Thread-safe.

        Raises PhotoError if this photo cannot be described, CaptionerError if none can now.
        """
        capabilities = self._check()
        prompt = prompt_for(context, self.language)
        photo = _jpeg(image)
        room = ROOM
        said = Said("", is_cut=False)
        for temperature in TEMPERATURES:
            ask = partial(
                self._ask,
                model=self.name,
                messages=[{"role": "user", "content": prompt, "images": [photo]}],
                format=SCHEMA,
                options={"temperature": temperature, "num_predict": room},
                keep_alive=KEEP_ALIVE,
                # Thinking takes ten times as long, and describes no better.
                think=False if "thinking" in capabilities else None,
            )
            said = self._with_retries(ask)
            answer = read_answer(said.text)
            if answer is None and said.is_cut:
                if room == MORE_ROOM:  # it goes round in circles
                    answer = read_cut_answer(said.text)
                room = MORE_ROOM
            if answer:
                return Caption(**answer.model_dump(), language=self.language)
        excerpt = f"the last one began {said.text[:60]!r}" if said.text else "the last was empty"
        raise PhotoError(
            f"{self.name} gave {len(TEMPERATURES)} answers without a caption; {excerpt}",
            transient=True,
        )

    def _check(self) -> frozenset[str]:
        """What the model can do. Raises CaptionerError if there is none, or it sees nothing."""
        with self._checking:
            if self._trouble:
                raise self._trouble
            try:
                with self._faults():
                    capabilities = _capabilities(self._host, self.name)
                if "vision" not in capabilities:
                    raise CaptionerError(
                        f"{self.name} has no eyes: choose a vision model such as gemma3:4b"
                        " (`ollama pull gemma3:4b`, and CAPTION_MODEL=gemma3:4b)"
                    )
            except _RequestError as fault:
                self._trouble = CaptionerError(str(fault))
                raise self._trouble from fault
            except CaptionerError as error:
                self._trouble = error
                _capabilities.cache_clear()  # another model may be pulled under that name
                raise
        return capabilities

    def _with_retries(self, attempt: Callable[[], Said]) -> Said:
        """Call ``attempt`` until it works, waiting ever longer; raises the last fault's error."""
        retrying = Retrying(
            retry=retry_if_exception_type(_RequestError),
            stop=lambda state: self.stopped.is_set() or _is_last(state),
            sleep=sleep_using_event(self.stopped),
            # The jitter keeps requests that failed together from coming back together.
            wait=wait_exponential_jitter(multiplier=BACKOFF, max=LONGEST_BACKOFF, jitter=BACKOFF),
            reraise=True,
        )
        try:
            said = retrying(attempt)
        except _RequestError as fault:
            if isinstance(fault.final, PhotoError):
                self._refused += 1
                if self._refused < PHOTOS_REFUSED:
                    raise fault.final from fault
                raise CaptionerError(
                    f"{fault} ({self._refused} photos in a row): the log of Ollama says why;"
                    " a smaller model may fit"
                ) from fault
            _capabilities.cache_clear()  # whoever comes next finds out at once
            raise fault.final from fault
        self._refused = 0
        return said

    def _ask(self, **request: Any) -> Said:
        """Ask once. The answer is read as it is generated, so that it can be stopped."""
        text = ""
        done = None
        with self._faults():
            for part in _client(self._host, TIMEOUT).chat(stream=True, **request):
                if self.stopped.is_set():
                    raise CaptionerError("Stopped")
                text += part.message.content or ""
                self.on_text(caption_so_far(text))
                done = part if part.done else None
        if done is None:
            raise _RequestError(self._unavailable("stopped in the middle of an answer"), ATTEMPTS)
        return Said(text, done.done_reason == "length")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn what the client raises into a _RequestError."""
        try:
            yield
        except ollama.ResponseError as error:
            raise self._fault(error) from error
        except httpx.TimeoutException as error:
            late = self._unavailable("does not answer in time: see whether it hangs, or is slow")
            raise _RequestError(late, ATTEMPTS_LATE) from error
        except (ConnectionError, httpx.RequestError) as error:
            raise _RequestError(self._gone(), ATTEMPTS) from error
        except (ValueError, TypeError, AttributeError) as error:  # no JSON, or other JSON
            raise _RequestError(self._no_ollama()) from error

    def _fault(self, error: ollama.ResponseError) -> _RequestError:
        words = " ".join(str(error.error).split())[:200]
        match error.status_code:
            case 404 if "model" in words:
                return _RequestError(
                    CaptionerError(
                        f"Ollama at {self._where} has no model {self.name!r}: run"
                        f" `ollama pull {self.name}`, or set CAPTION_MODEL to another"
                    )
                )
            case 404 | 405:
                return _RequestError(self._no_ollama())
            case 401 | 403:
                return _RequestError(self._unavailable(f"refuses to answer ({words})"))
            case 429 | 503:
                return _RequestError(self._unavailable(f"is too busy ({words})"), ATTEMPTS_BUSY)
            case 502 | 504:  # what stands before it
                return _RequestError(self._gone(), ATTEMPTS)
            case status:  # -1: it had begun to answer
                failed = PhotoError(f"Ollama failed: {words}", transient=True)
                return _RequestError(failed, 1 if 400 <= status < 500 else ATTEMPTS_DIED)

    def _gone(self) -> CaptionerError:
        return self._unavailable(
            "does not answer: start it with `ollama serve`, or set OLLAMA_HOST to where it is"
        )

    def _no_ollama(self) -> CaptionerError:
        return self._unavailable("does not answer as Ollama does: set OLLAMA_HOST to where it is")

    def _unavailable(self, what: str) -> CaptionerError:
        return CaptionerError(f"Ollama at {self._where} {what}")


def prompt_for(context: PhotoContext, language: str) -> str:
    """The question, with what is known of the photo."""
    exif = context.exif
    known = {
        "title": context.title[:_LONGEST_TITLE],
        "album": context.album_title[:_LONGEST_TITLE],
        "taken": _date(exif.get("taken_at")),
        "place": _place(exif),
    }
    lines = [f"{name}: {_one_text(value)}" for name, value in known.items() if value]
    prompt = PROMPT.format(language=language)
    return prompt + CONTEXT_PROMPT + "\n".join(lines) if lines else prompt


def read_answer(text: str) -> Answer | None:
    """Find the answer in what a model said: fenced, after thoughts, between other words.

    Of several the last one counts; None if there is none.
    """
    spoken = text.rpartition("</think>")[2].partition("<think>")[0]
    decoder = json.JSONDecoder(strict=False)  # line breaks within strings
    found = None
    start = spoken.find("{")
    while start >= 0:
        end = start + 1
        try:
            value, end = decoder.raw_decode(spoken, start)
            found = Answer.model_validate(value)
        except (ValidationError, ValueError, RecursionError):
            pass
        start = spoken.find("{", end)
    return found


def read_cut_answer(text: str) -> Answer | None:
    """Read an answer without its end: what comes before its last comma that allows it."""
    for comma in reversed([match.start() for match in re.finditer(",", text)]):
        for end in ("}", "]}"):
            if answer := read_answer(text[:comma] + end):
                return answer
    return None


def caption_so_far(text: str) -> str:
    """The caption in the beginning of an answer."""
    match = _CAPTION_SO_FAR.search(text)
    try:
        return str(json.loads(f'"{match[1]}"', strict=False)) if match else ""
    except ValueError:  # in the middle of an escape such as \u00e9
        return ""


@lru_cache(maxsize=4)
def _client(host: str, timeout: float) -> ollama.Client:
    return ollama.Client(
        host,
        timeout=httpx.Timeout(timeout, connect=CHECK_TIMEOUT),
        # A proxy to the outside, as HTTP_PROXY names one, knows no way to this machine.
        trust_env=_THIS_MACHINE.match(host) is None,
    )


@lru_cache(maxsize=4)
def _capabilities(host: str, model: str) -> frozenset[str]:
    """What a model can do; one that is there is asked for once in a process."""
    capabilities = _client(host, CHECK_TIMEOUT).show(model).capabilities
    # Servers from before 2025 do not say; the model itself then says it when it is asked.
    return frozenset(["vision"] if capabilities is None else capabilities)


def _is_last(state: RetryCallState) -> bool:
    fault = state.outcome.exception() if state.outcome else None
    return not isinstance(fault, _RequestError) or state.attempt_number >= fault.attempts


def _jpeg(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((LONG_SIDE, LONG_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _date(taken_at: datetime | None) -> str:
    if taken_at is None:
        return ""
    day = f"{taken_at.day} {taken_at:%B} {taken_at.year}"
    # midnight sharp: only the date was known
    return day if taken_at.time() == time.min else f"{day}, {taken_at:%H:%M}"


def _place(exif: Mapping[str, Any]) -> str:
    latitude, longitude = exif.get("latitude"), exif.get("longitude")
    if latitude is None or longitude is None:
        return ""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.4f}° {north}, {abs(longitude):.4f}° {east}"
