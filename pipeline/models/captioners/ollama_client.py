"""Asking an Ollama server: what passes is waited for, errors say what to do."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import httpx
import ollama

from pipeline.errors import CaptionerError, PhotoError
from pipeline.retries import PassingError, with_retries

ATTEMPTS = 5  # at a request, while the server is gone: 15 seconds, in which it may be restarted
ATTEMPTS_BUSY = 8
ATTEMPTS_DIED = 3
ATTEMPTS_LATE = 2
LONGEST_BACKOFF = 30.0  # seconds
TIMEOUT = 600.0  # seconds to an answer's first word: the model is loaded, others are served first
CHECK_TIMEOUT = 10.0  # seconds
KEEP_ALIVE = "10m"
PHOTOS_FAILED = 8
"""After so many in a row it is not the photos: the model does not fit into the memory, say."""

_THIS_MACHINE = re.compile(r"(https?://)?(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|/|$)")


class Reply(NamedTuple):
    """What a model wrote; ``is_cut`` says that it had no room for more.

    ``thoughts`` is what it put into Ollama's field ``thinking``, where it should write nothing.
    """

    text: str
    is_cut: bool
    thoughts: str


class _AttemptError(PassingError):
    """An attempt that failed: what to raise once there were ``attempts`` of them."""

    def __init__(self, error: PhotoError | CaptionerError, attempts: int = 1) -> None:
        super().__init__(str(error), attempts=attempts)
        self.error = error


class OllamaClient:
    """One vision model on an Ollama server. Thread-safe; asks nothing before it is asked."""

    def __init__(self, host: str, model: str, stopped: threading.Event) -> None:
        """``host`` is the server's address, as in OLLAMA_HOST, ``model`` a name that it knows.

        Once ``stopped`` is set, requests that still wait raise CaptionerError.
        """
        self._stopped = stopped
        self._host = host
        self._model = model
        self._address = re.sub(r"^\w+://|[^/]*@", "", host).rstrip("/")  # never a password
        self._checking = threading.Lock()
        self._check_error: CaptionerError | None = None
        self._photos_failed = 0  # in a row

    def capabilities(self) -> frozenset[str]:
        """What the model can do. Raises CaptionerError if there is none, or it sees nothing."""
        with self._checking:
            if self._check_error:
                raise self._check_error
            try:
                with self._errors_translated():
                    capabilities = _capabilities(self._host, self._model)
                if "vision" not in capabilities:
                    raise CaptionerError(
                        "{model} has no eyes: choose a vision model such as gemma3:4b (`ollama pull"
                        " gemma3:4b`, and CAPTION_MODEL=gemma3:4b)",
                        model=self._model,
                    )
            except _AttemptError as failed:
                self._check_error = CaptionerError(str(failed))
                raise self._check_error from failed
            except CaptionerError as error:
                self._check_error = error
                _capabilities.cache_clear()  # another model may be pulled under that name
                raise
        return capabilities

    def ask(self, prompt: str, photo: bytes, on_text: Callable[[str], object], **how: Any) -> Reply:
        """Ask about a photo, waiting ever longer between attempts while that may help.

        ``photo`` is an image file; ``on_text`` is told of the answer again and again while it
        grows; ``how`` is what else Ollama's chat takes. Raises PhotoError if the model fails at
        this photo, CaptionerError if it can describe none now.
        """
        messages = [{"role": "user", "content": prompt, "images": [photo]}]
        try:
            reply = with_retries(
                lambda: self._attempt(messages, on_text, how),
                self._stopped,
                longest_backoff=LONGEST_BACKOFF,
            )
        except _AttemptError as failed:
            if isinstance(failed.error, PhotoError):
                self._photos_failed += 1
                if self._photos_failed < PHOTOS_FAILED:
                    raise failed.error from failed
                raise CaptionerError(
                    "{reason} ({count} photos in a row): the log of Ollama says why; a smaller"
                    " model may fit",
                    reason=failed,
                    count=self._photos_failed,
                ) from failed
            _capabilities.cache_clear()  # whoever comes next finds out at once
            raise failed.error from failed
        self._photos_failed = 0
        return reply

    def _attempt(
        self, messages: list[dict[str, Any]], on_text: Callable[[str], object], how: dict[str, Any]
    ) -> Reply:
        """Ask once. The answer is read as it is generated, so that it can be stopped."""
        text = thoughts = ""
        end = None
        with self._errors_translated():
            for chunk in _client(self._host, TIMEOUT).chat(
                self._model, messages, stream=True, keep_alive=KEEP_ALIVE, **how
            ):
                if self._stopped.is_set():
                    raise CaptionerError("Stopped")
                text += chunk.message.content or ""
                thoughts += chunk.message.thinking or ""
                on_text(text)
                end = chunk if chunk.done else None
        if end is None:
            raise _AttemptError(self._unavailable("stopped in the middle of an answer"), ATTEMPTS)
        return Reply(text, end.done_reason == "length", thoughts)

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        """Turn what Ollama's client raises into an _AttemptError."""
        try:
            yield
        except ollama.ResponseError as error:
            raise self._translated(error) from error
        except httpx.TimeoutException as error:
            late = self._unavailable("does not answer in time: see whether it hangs, or is slow")
            raise _AttemptError(late, ATTEMPTS_LATE) from error
        except (ConnectionError, httpx.RequestError) as error:
            raise _AttemptError(self._unreachable(), ATTEMPTS) from error
        except (ValueError, TypeError, AttributeError) as error:  # no JSON, or other JSON
            raise _AttemptError(self._no_ollama()) from error

    def _translated(self, error: ollama.ResponseError) -> _AttemptError:
        words = " ".join(str(error.error).split())[:200]
        match error.status_code:
            case 404 if "model" in words:
                return _AttemptError(
                    CaptionerError(
                        "Ollama at {address} has no model {model!r}: run `ollama pull {model}`, or"
                        " set CAPTION_MODEL to another",
                        address=self._address,
                        model=self._model,
                    )
                )
            case 404 | 405:
                return _AttemptError(self._no_ollama())
            case 401 | 403:
                return _AttemptError(self._unavailable(f"refuses to answer ({words})"))
            case 429 | 503:
                return _AttemptError(self._unavailable(f"is too busy ({words})"), ATTEMPTS_BUSY)
            case 502 | 504:  # what stands before it
                return _AttemptError(self._unreachable(), ATTEMPTS)
            case status:  # -1: it had begun to answer
                failed = PhotoError("Ollama failed: {reason}", reason=words, transient=True)
                return _AttemptError(failed, 1 if 400 <= status < 500 else ATTEMPTS_DIED)

    def _unreachable(self) -> CaptionerError:
        return self._unavailable(
            "does not answer: start it with `ollama serve`, or set OLLAMA_HOST to where it is"
        )

    def _no_ollama(self) -> CaptionerError:
        return self._unavailable("does not answer as Ollama does: set OLLAMA_HOST to where it is")

    def _unavailable(self, why: str) -> CaptionerError:
        return CaptionerError("Ollama at {address} {why}", address=self._address, why=why)


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
