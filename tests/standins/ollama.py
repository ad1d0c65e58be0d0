"""A stand-in for Ollama: its server over real HTTP, with models that see colours, and troubles.

    with OllamaStandIn() as ollama:
        ollama.fail_next("busy", times=2)
        ...  # a client that was given ollama.host

``python -m tests.standins.ollama`` starts one by hand; docs/developing.md says what for.
"""

import argparse
import base64
import io
import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from PIL import Image

from tests.standins.server import Server, StandIn

VISION = "gemma3:4b"
TEXT_ONLY = "llama3.2:3b"
MODELS = {VISION: ("completion", "vision"), TEXT_ONLY: ("completion", "tools")}

REFUSALS = {
    "busy": (503, "server busy, please try again.  maximum pending requests exceeded"),
    "died": (500, "llama runner process has terminated: signal: killed"),
    "bad_image": (400, "invalid image input"),
    "bad_gateway": (502, "Bad Gateway"),
}
"""Answers with another status."""
ODD_ANSWERS = (
    *("cut", "cut_again", "fenced", "thinking", "prose", "not_json", "empty", "wrong_types"),
    *("no_caption", "odd_types"),
)
"""Answers of a model that are not as they should be."""
BREAKS = ("died_midway", "hang_up", "half", "late", "stop")
"""Answers that do not come, or not to their end; "stop": the server itself is gone."""
KINDS = (*REFUSALS, *ODD_ANSWERS, *BREAKS)

Json = dict[str, Any]


@dataclass
class Fault:
    """One thing that goes wrong, ``times`` times, where the prompt contains ``match``."""

    kind: str
    times: int = 1
    match: str = ""


@dataclass(frozen=True)
class Chat:
    """A request for an answer; ``fault`` is the kind of what went wrong."""

    model: str
    prompt: str
    image_sizes: list[tuple[int, int]]
    image_formats: list[str]
    colours: list[str]
    stream: bool
    body: Json
    fault: str | None


@dataclass
class OllamaStandIn(StandIn):
    """The server, as a context manager, and what it was asked."""

    port: int = 0
    models: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(MODELS))
    seconds: float = 0.0  # that an answer takes
    late_seconds: float = 1.0
    fail_rate: float = 0.0
    message: Json | None = None  # that the model answers each time, whatever it is asked
    verbose: bool = False
    requests: list[str] = field(default_factory=list)  # "POST /api/show"
    chats: list[Chat] = field(default_factory=list)
    answered: list[Chat] = field(default_factory=list)  # those whose answer was sent whole
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self._ordered: list[Fault] = []
        self._at_once = 0
        self._random = random.Random(0)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        return _Handler

    @property
    def host(self) -> str:
        """The setting OLLAMA_HOST."""
        return f"http://{self.address}:{self.port}"

    def fail_next(self, kind: str, times: int = 1, match: str = "") -> None:
        """Let something go wrong with the next requests whose prompt contains ``match``."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no trouble of Ollama: {', '.join(KINDS)}")
        with self.lock:
            self._ordered.append(Fault(kind, times, match))

    def forget(self) -> None:
        """Forget what was asked so far, and what was to go wrong."""
        with self.lock:
            self.requests, self.chats, self.answered, self._ordered = [], [], [], []
            self.most_at_once = 0

    def fault_for(self, prompt: str) -> str | None:
        """What goes wrong with this request, if anything does."""
        with self.lock:
            for fault in self._ordered:
                if fault.match in prompt:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._ordered.remove(fault)
                    return fault.kind
            if self._random.random() < self.fail_rate:
                return self._random.choice([kind for kind in KINDS if kind != "stop"])
        return None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the answers that are being made."""
        with self.lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self.lock:
                self._at_once -= 1


def content_of(chat: Chat) -> tuple[str, str]:
    """What the model says, and why it ended."""
    colour = chat.colours[0] if chat.colours else "no"
    good = {
        "caption": f"A photo in {colour}, as one likes to see it.",
        "tags": [colour, "photo"],
        "visible_text": "",
        "has_people": False,
    }
    text = json.dumps(good)
    draft = json.dumps(good | {"caption": "A draft."})
    photos = 9 * ' "photo",'
    odd = {
        "caption": "Two lines.",
        "tags": "sea, #sky, sea",
        "visible_text": ["EXIT", "12"],
        "has_people": 2,
    }
    said = {
        "cut": text[:20],
        "cut_again": f'{{"caption": "A photo in {colour}.", "tags": [{photos} "pho',
        "fenced": f"```json\n{json.dumps(good, indent=2)}\n```",
        "thinking": f"<think>Perhaps {draft}? No {{x}}.</think>\n{text}",
        "prose": f"Sure! Here it is, {{as asked}}:\n{text}\nAnything else?",
        "not_json": "The photo shows a colour.",
        "empty": "",
        "wrong_types": json.dumps({"caption": 7, "tags": 3}),
        "no_caption": json.dumps(good | {"caption": " "}),
        "odd_types": json.dumps(odd).replace("Two ", "Two\n"),  # a line break as it is
    }
    reason = "length" if chat.fault in {"cut", "cut_again"} else "stop"
    return said.get(chat.fault or "", text), reason


def colour_of(image: Image.Image) -> str:
    """A word for an image."""
    red, green, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    if max(red, green, blue) - min(red, green, blue) < 24:
        return "grey"
    return max((red, "red"), (green, "green"), (blue, "blue"))[1]


class _Handler(BaseHTTPRequestHandler):
    server: Server[OllamaStandIn]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._note()
        if self.path == "/api/version":
            self._send({"version": "0.12.0"})
        elif self.path == "/api/tags":
            self._send({"models": [self._listed(name) for name in self.server.standin.models]})
        else:
            self._send({"error": "not found"}, 404)

    def do_POST(self) -> None:
        self._note()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        model = str(body.get("model", ""))
        capabilities = self.server.standin.models.get(model)
        if self.path == "/api/pull":
            self._pull()
        elif capabilities is None:
            self._send({"error": f"model '{model}' not found"}, 404)
        elif self.path == "/api/show":
            details = {"family": "stand-in"}
            self._send({"capabilities": list(capabilities), "details": details, "model_info": {}})
        elif self.path == "/api/chat":
            with self.server.standin.at_work():
                self._chat(body)
        else:
            self._send({"error": "not found"}, 404)

    def _chat(self, body: Json) -> None:
        standin = self.server.standin
        prompt = "\n".join(message.get("content", "") for message in body["messages"])
        images = [
            Image.open(io.BytesIO(base64.b64decode(image)))
            for message in body["messages"]
            for image in message.get("images", ())
        ]
        chat = Chat(
            model=body["model"],
            prompt=prompt,
            image_sizes=[image.size for image in images],
            image_formats=[str(image.format) for image in images],
            colours=[colour_of(image) for image in images],
            stream=body.get("stream", True),
            body=body,
            fault=standin.fault_for(prompt),
        )
        with standin.lock:
            standin.chats.append(chat)
        if chat.fault in REFUSALS:
            status, text = REFUSALS[chat.fault]
            self._send({"error": text}, status)
        elif chat.fault == "hang_up":
            self._hang_up()
        elif chat.fault == "stop":
            standin.stop()
        else:
            time.sleep(standin.late_seconds if chat.fault == "late" else standin.seconds / 2)
            self._answer(chat)

    def _answer(self, chat: Chat) -> None:
        standin = self.server.standin
        content, reason = content_of(chat)
        said = {}
        if standin.message:
            content, said = standin.message["content"], standin.message
        end = {
            "done": True,
            "done_reason": reason,
            "total_duration": 2_000_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": 300,
            "eval_count": len(content) // 4,
            "eval_duration": 1_000_000_000,
        }
        if chat.stream:
            pieces = [content[start : start + 12] for start in range(0, len(content), 12)]
            if chat.fault in {"died_midway", "half"}:
                pieces = pieces[:3]
            self._begin()
            self._line(self._part(chat, "", said.get("thinking")))
            for piece in pieces:
                self._line(self._part(chat, piece))
                time.sleep(standin.seconds / 2 / len(pieces))
            if chat.fault == "half":
                self._hang_up()
                return
            if chat.fault == "died_midway":
                self._line({"error": REFUSALS["died"][1]})
            else:
                self._line(self._part(chat, "") | end)
            self.wfile.write(b"0\r\n\r\n")
        else:
            time.sleep(standin.seconds / 2)
            self._send(self._part(chat, content) | end)
        with standin.lock:
            standin.answered.append(chat)

    def _part(self, chat: Chat, content: str, thinking: str | None = None) -> Json:
        message = {"role": "assistant", "content": content}
        return {
            "model": chat.model,
            "created_at": "2025-11-22T12:00:00.000000Z",
            "message": message | ({"thinking": thinking} if thinking else {}),
            "done": False,
        }

    def _pull(self) -> None:
        self._begin()
        for done in (0, 500, 1000):
            self._line({"status": "pulling 1", "digest": "1", "total": 1000, "completed": done})
        self._line({"status": "success"})
        self.wfile.write(b"0\r\n\r\n")

    def _listed(self, name: str) -> Json:
        return {"name": name, "model": name, "size": 3338801804, "digest": "1", "details": {}}

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _line(self, value: Json) -> None:
        line = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def _send(self, value: Json, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _note(self) -> None:
        with self.server.standin.lock:
            self.server.standin.requests.append(f"{self.command} {self.path}")

    def log_message(self, format: str, *args: object) -> None:
        if self.server.standin.verbose:
            print(format % args, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.ollama",
        description="Serve a stand-in for Ollama on this machine, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=8601)
    parser.add_argument("--seconds", type=float, default=2.0, help="that an answer takes")
    parser.add_argument("--fail-rate", type=float, default=0.0, help="0.2: one request in five")
    options = parser.parse_args()
    ollama = OllamaStandIn(
        options.port, seconds=options.seconds, fail_rate=options.fail_rate, verbose=True
    )
    try:
        ollama.start()
    except OSError as error:
        parser.error(f"port {options.port}: {error.strerror}")
    print("Albumscope takes this for Ollama with these settings:\n")
    print(f"OLLAMA_HOST={ollama.host}\nCAPTION_MODEL={VISION}\n", flush=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    ollama.stop()


if __name__ == "__main__":
    main()
