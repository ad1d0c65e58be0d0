"""Captions from Ollama: the real client, and a stand-in server with every trouble it can have."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from PIL import Image

from pipeline import retries
from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.errors import AlbumscopeError, CaptionerError, PhotoError
from pipeline.library.incremental import MAX_ATTEMPTS, Counts
from pipeline.library.library import Library
from pipeline.models.captioners import Caption, PhotoContext, SlowCaptioner, ollama_client
from pipeline.models.captioners import ollama as captioner_module
from pipeline.models.captioners.loading import load_captioner
from pipeline.models.captioners.ollama import (
    LONG_SIDE,
    MORE_ROOM,
    PHOTOS_IN_VAIN,
    ROOM,
    TEMPERATURES,
    OllamaCaptioner,
)
from pipeline.models.captioners.ollama_answer import caption_so_far, read_answer, read_cut_answer
from pipeline.models.captioners.ollama_client import (
    ATTEMPTS,
    ATTEMPTS_BUSY,
    ATTEMPTS_DIED,
    ATTEMPTS_LATE,
    PHOTOS_FAILED,
)
from pipeline.settings import load_settings
from pipeline.snapshot import reading
from pipeline.sources import Album, folder
from tests.conftest import PROJECT_ROOT
from tests.pipeline.command_line import Run
from tests.pipeline.quick_model import QuickModel
from tests.standins.ollama import TEXT_ONLY, VISION, OllamaStandIn

RED = Image.new("RGB", (64, 48), "red")
GOOD = Caption(
    "A photo in red, as one likes to see it.", ["red", "photo"], None, False, "English"
)  # of RED
CONTEXT = PhotoContext(
    "Old pier",
    "Northern Light 2015",
    {"taken_at": datetime(2015, 7, 3, 15, 20), "latitude": -56.1234, "longitude": 12.3},
)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(retries, "BACKOFF", 0.005)
    yield
    ollama_client._capabilities.cache_clear()
    ollama_client._client.cache_clear()


@pytest.fixture
def ollama() -> Iterator[OllamaStandIn]:
    with OllamaStandIn() as standin:
        yield standin


def captioner(ollama: OllamaStandIn, model: str = VISION, language: str = "English") -> Any:
    return OllamaCaptioner(model, ollama.host, language)


def describe(ollama: OllamaStandIn) -> Caption:
    caption: Caption = captioner(ollama).describe(RED, CONTEXT)
    return caption


# --- What is asked ------------------------------------------------------------------------------


def test_names_other_than_embedded_and_none_are_models_of_ollama(ollama: OllamaStandIn) -> None:
    loaded = load_captioner(VISION, ollama.host, "German")
    assert isinstance(loaded, OllamaCaptioner)
    assert isinstance(loaded, SlowCaptioner)
    assert loaded.name == VISION
    assert ollama.requests == []  # nobody is asked before there is a photo


def test_a_photo_is_described(ollama: OllamaStandIn) -> None:
    assert describe(ollama) == GOOD
    (chat,) = ollama.chats
    assert chat.model == VISION
    assert chat.body["options"] == {"temperature": 0.0, "num_predict": ROOM}
    assert chat.body["keep_alive"] == "10m"
    assert "think" not in chat.body
    schema = chat.body["format"]
    assert schema["required"] == ["caption", "tags", "visible_text", "has_people"]
    kinds = [schema["properties"][name]["type"] for name in schema["required"]]
    assert kinds == ["string", "array", "string", "boolean"]


@pytest.mark.parametrize(
    ("size", "sent"),
    [
        ((2400, 1800), (LONG_SIDE, LONG_SIDE * 3 // 4)),
        ((300, 3000), (90, LONG_SIDE)),
        ((64, 48), (64, 48)),
    ],
)
def test_the_photo_is_scaled_down(
    ollama: OllamaStandIn, size: tuple[int, int], sent: tuple[int, int]
) -> None:
    image = Image.new("RGB", size)
    captioner(ollama).describe(image, CONTEXT)
    (chat,) = ollama.chats
    assert (chat.image_sizes, chat.image_formats) == ([sent], ["JPEG"])
    assert image.size == size


def test_what_is_known_and_the_language_are_in_the_prompt(ollama: OllamaStandIn) -> None:
    captioner(ollama, language="Esperanto").describe(RED, CONTEXT)
    prompt = ollama.chats[0].prompt
    assert "Answer in Esperanto" in prompt
    assert prompt.endswith(
        "title: Old pier\nalbum: Northern Light 2015\ntaken: 3 July 2015, 15:20\n"
        "place: 56.1234° S, 12.3000° E"
    )
    assert "may be wrong" in prompt

    described = captioner(ollama).describe(RED, PhotoContext("", "", {"taken_at": None}))
    assert "may be wrong" not in ollama.chats[1].prompt
    assert described.language == "English"
    # a file name need not be text
    captioner(ollama).describe(RED, PhotoContext("a\udcffb\nc", "", {}))
    assert ollama.chats[2].prompt.endswith("title: a?b c")


def test_prompt_and_language_make_another_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    def producer(model: str = VISION, language: str = "English", host: str = "localhost") -> str:
        return OllamaCaptioner(model, host, language).producer

    first = producer()
    assert first.startswith(f"ollama:{VISION}:")
    assert first == producer(host="elsewhere")
    assert len({first, producer("other"), producer(language="German")}) == 3
    monkeypatch.setattr(captioner_module, "PROMPT", captioner_module.PROMPT + " Be brief.")
    assert producer() != first


def test_a_model_that_thinks_is_asked_not_to(ollama: OllamaStandIn) -> None:
    ollama.models = {"thinker": ("completion", "vision", "thinking")}
    captioner(ollama, "thinker").describe(RED, CONTEXT)
    assert ollama.chats[0].body["think"] is False


def test_the_caption_is_told_as_it_grows(ollama: OllamaStandIn) -> None:
    told: list[str] = []
    slow = captioner(ollama)
    slow.on_text = told.append
    slow.describe(RED, CONTEXT)
    assert len(set(told)) > 3
    assert all(GOOD.caption.startswith(text) for text in told)
    assert told[-1] == GOOD.caption


# --- What is answered ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fenced", "thinking", "prose"])
def test_answers_are_found_among_other_words(ollama: OllamaStandIn, kind: str) -> None:
    ollama.fail_next(kind)
    assert describe(ollama) == GOOD
    assert len(ollama.chats) == 1


def test_odd_types_are_repaired(ollama: OllamaStandIn) -> None:
    ollama.fail_next("odd_types")
    assert describe(ollama) == Caption("Two lines.", ["sea", "sky"], "EXIT, 12", True, "English")
    assert len(ollama.chats) == 1


BUS = "A red bus in a street."
INPUTS = PROJECT_ROOT / "tests" / "inputs" / "ollama"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("has_people-list", {"caption": BUS, "has_people": True}),
        ("has_people-number", {"caption": BUS, "has_people": True}),
        ("has_people-text", {"caption": BUS, "has_people": True}),
        ("visible_text-false", {"caption": BUS, "visible_text": None}),
        ("visible_text-number", {"caption": BUS, "visible_text": "42"}),
        ("visible_text-object", {"caption": BUS, "visible_text": "STOP"}),
        ("keys-in-another-case", {"caption": BUS, "tags": ["bus", "street"]}),
        ("wrapped", {"caption": BUS}),
        ("trailing-comma", {"caption": BUS, "tags": ["bus", "street"]}),
        ("tags-japanese-comma", {"tags": ["バス", "通り", "東京"]}),
        ("tags-semicolon", {"tags": ["bus", "street"]}),
        ("nul", {"caption": "A red bus."}),
    ],
)
def test_a_good_caption_survives_odd_fields(
    ollama: OllamaStandIn, answer: str, expected: dict[str, Any]
) -> None:
    ollama.message = json.loads((INPUTS / f"{answer}.json").read_text())["message"]
    assert asdict(describe(ollama)).items() >= expected.items()
    assert len(ollama.chats) == 1


@pytest.mark.parametrize(
    ("answer", "chats"), [("garbage-one-token", 2), ("garbage-words", 2), ("only-thinking", 3)]
)
def test_a_model_that_never_gives_a_caption_is_given_up(
    ollama: OllamaStandIn, answer: str, chats: int
) -> None:
    ollama.message = json.loads((INPUTS / f"{answer}.json").read_text())["message"]
    asked = captioner(ollama)
    for _ in range(PHOTOS_IN_VAIN - 1):
        with pytest.raises(PhotoError):
            asked.describe(RED, CONTEXT)
    with pytest.raises(CaptionerError, match=f"{VISION} gave no caption of 3 photos in a row"):
        asked.describe(RED, CONTEXT)
    asked_at = [chat.body["options"]["temperature"] for chat in ollama.chats]
    assert asked_at == 3 * [*TEMPERATURES[:chats]]


@pytest.mark.parametrize("kind", ["not_json", "empty", "wrong_types", "no_caption"])
def test_bad_answers_are_asked_for_again_then_fail(ollama: OllamaStandIn, kind: str) -> None:
    ollama.fail_next(kind)
    assert describe(ollama) == GOOD
    assert [chat.body["options"]["temperature"] for chat in ollama.chats] == [0.0, 0.4]

    ollama.forget()
    ollama.fail_next(kind, times=99)
    with pytest.raises(PhotoError, match="gave no caption") as failed:
        describe(ollama)
    assert failed.value.transient
    assert len(ollama.chats) == len(TEMPERATURES)


def test_a_cut_answer_gets_more_room(ollama: OllamaStandIn) -> None:
    ollama.fail_next("cut")
    assert describe(ollama) == GOOD
    assert [chat.body["options"]["num_predict"] for chat in ollama.chats] == [ROOM, MORE_ROOM]


def test_an_answer_that_never_ends_is_closed(ollama: OllamaStandIn) -> None:
    ollama.fail_next("cut_again", times=9)
    assert describe(ollama) == Caption("A photo in red.", ["photo"], None, None, "English")
    assert len(ollama.chats) == 2


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ('{"caption": "a", "tags": null, "visible_text": null, "has_people": null}', "a"),
        ('[{"caption": "a {b}"}]', "a {b}"),
        ('{"caption": "first"} {"caption": "second"}', "second"),
        ('{"caption": "a"} {"caption": "cut', "a"),
        ('thoughts {"caption": "draft"} </think> {"caption": "a"}', "a"),
        ('<think> {"caption": "draft"}', None),
        ('{"caption": "a\\ud83d"}', "a?"),
        ('{"caption": "a", "has_people": "some"}', "a"),
        ("{" * 2000, None),
        ('{"a":' * 5000, None),
        ("", None),
    ],
)
def test_reading_answers(text: str, caption: str | None) -> None:
    answer = read_answer(text)
    assert (answer.caption if answer else None) == caption


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ('{"caption": "a, b", "tags": ["c", "d', ["c"]),
        ('{"caption": "a, b", "tags": ["c"], "visible_text": "EXIT 1', ["c"]),
        ('{"caption": "a,\nb", "tags": ["c"], "has_people": tr', ["c"]),
        ('{"caption": "a, b", "ta', []),
        ('an answer {of mine}: {"caption": "a, b", "tags": [', []),
        ('{"caption": "a, b', None),
        ("{" * 2000, None),
        ("", None),
    ],
)
def test_reading_cut_answers(text: str, tags: list[str] | None) -> None:
    answer = read_cut_answer(text)
    assert (answer and (answer.caption, answer.tags)) == (tags if tags is None else ("a, b", tags))


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("", ""),
        ('{"cap', ""),
        ('{"caption": ', ""),
        ('{"caption": "caf', "caf"),
        ('{"caption": "caf\\u00', "caf"),
        ('<think>{"caption": "draft"}</think> {"caption": "caf\\u00e9 \\"x', 'café "x'),
        ('{"tags": [], "caption": "café", "has_people": tr', "café"),
    ],
)
def test_the_caption_so_far(text: str, caption: str) -> None:
    assert caption_so_far(text) == caption


@pytest.mark.parametrize("text", ["None", "no text", "", None, " "])
def test_no_visible_text(text: str | None) -> None:
    answer = read_answer(json.dumps({"caption": "a", "visible_text": text}))
    assert answer
    assert answer.visible_text is None


# --- A server in trouble ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("busy", ATTEMPTS_BUSY - 1),
        ("died", ATTEMPTS_DIED - 1),
        ("died_midway", ATTEMPTS_DIED - 1),
        ("hang_up", ATTEMPTS - 1),
        ("half", ATTEMPTS - 1),
        ("bad_gateway", ATTEMPTS - 1),
    ],
)
def test_what_passes_is_waited_for(ollama: OllamaStandIn, kind: str, times: int) -> None:
    ollama.fail_next(kind, times)
    assert describe(ollama) == GOOD
    assert len(ollama.chats) == times + 1


@pytest.mark.parametrize(
    ("kind", "attempts", "text"),
    [
        ("busy", ATTEMPTS_BUSY, "is too busy"),
        ("hang_up", ATTEMPTS, "does not answer: start it with `ollama serve`"),
        ("half", ATTEMPTS, "does not answer"),
        ("late", ATTEMPTS_LATE, "does not answer in time"),
    ],
)
def test_what_does_not_pass_makes_it_unavailable(
    ollama: OllamaStandIn,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    attempts: int,
    text: str,
) -> None:
    monkeypatch.setattr(ollama_client, "TIMEOUT", 0.3)
    ollama.late_seconds = 0.6
    ollama.fail_next(kind, times=99)
    with pytest.raises(CaptionerError, match=f"Ollama at 127.0.0.1:{ollama.port} {text}"):
        describe(ollama)
    assert len(ollama.chats) == attempts


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [("died", ATTEMPTS_DIED), ("died_midway", ATTEMPTS_DIED), ("bad_image", 1)],
)
def test_a_photo_that_kills_the_model_fails_alone(
    ollama: OllamaStandIn, kind: str, attempts: int
) -> None:
    ollama.fail_next(kind, times=attempts)
    asked = captioner(ollama)
    with pytest.raises(PhotoError, match="Ollama failed: ") as failed:
        asked.describe(RED, CONTEXT)
    assert failed.value.transient
    assert asked.describe(RED, CONTEXT) == GOOD
    assert len(ollama.chats) == attempts + 1


def test_a_model_that_every_photo_kills_is_unavailable(ollama: OllamaStandIn) -> None:
    ollama.fail_next("died", times=999)
    asked = captioner(ollama)
    for _ in range(PHOTOS_FAILED - 1):
        with pytest.raises(PhotoError):
            asked.describe(RED, CONTEXT)
    with pytest.raises(CaptionerError, match="8 photos in a row"):
        asked.describe(RED, CONTEXT)


def test_a_restart_is_waited_for(ollama: OllamaStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF", 0.1)
    ollama.fail_next("stop")

    def start_again() -> None:
        while ollama.is_running:
            time.sleep(0.01)
        time.sleep(0.3)
        ollama.start()

    restart = threading.Thread(target=start_again, daemon=True)
    restart.start()
    assert describe(ollama) == GOOD
    restart.join()
    assert [chat.fault for chat in ollama.chats] == ["stop", None]


def test_who_stops_does_not_wait(ollama: OllamaStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF", 60.0)
    ollama.fail_next("busy", times=99)
    asked = captioner(ollama)
    threading.Timer(0.2, asked.stopped.set).start()
    with pytest.raises(CaptionerError):
        asked.describe(RED, CONTEXT)


def test_an_answer_that_nobody_wants_any_more_is_not_waited_for(ollama: OllamaStandIn) -> None:
    ollama.seconds = 20.0
    asked = captioner(ollama)
    ollama.late_seconds = 0.0
    ollama.fail_next("late")  # no time until the answer begins
    asked.on_text = lambda _: asked.stopped.set()
    started = time.monotonic()
    with pytest.raises(CaptionerError):
        asked.describe(RED, CONTEXT)
    assert time.monotonic() - started < 5


def test_no_proxy_comes_between_this_machine_and_itself(
    ollama: OllamaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert describe(ollama) == GOOD


# --- The check before the first photo -----------------------------------------------------------


def test_the_model_is_checked_once(ollama: OllamaStandIn) -> None:
    for _ in range(3):
        describe(ollama)
    assert ollama.requests.count("POST /api/show") == 1


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("llava:7b", "has no model 'llava:7b': run `ollama pull llava:7b`"),
        (TEXT_ONLY, f"{TEXT_ONLY} has no eyes: choose a vision model such as gemma3:4b"),
    ],
)
def test_a_model_that_is_missing_or_blind(ollama: OllamaStandIn, model: str, text: str) -> None:
    asked = captioner(ollama, model)
    for _ in range(2):
        with pytest.raises(CaptionerError) as error:
            asked.describe(RED, CONTEXT)
        assert text in str(error.value)
    assert ollama.chats == []
    assert len(ollama.requests) == 1
    ollama.models = {model: ("vision",)}
    assert captioner(ollama, model).describe(RED, CONTEXT) == GOOD  # the next one asks anew


def test_no_server(ollama: OllamaStandIn) -> None:
    ollama.stop()
    with pytest.raises(CaptionerError) as error:
        describe(ollama)
    assert str(error.value) == (
        f"Ollama at 127.0.0.1:{ollama.port} does not answer: start it with `ollama serve`, or set"
        " OLLAMA_HOST to where it is"
    )


def test_a_password_is_not_told() -> None:
    asked = OllamaCaptioner(VISION, "http://me:secret@127.0.0.1:1/", "English")
    with pytest.raises(CaptionerError) as error:
        asked.describe(RED, CONTEXT)
    assert "at 127.0.0.1:1 does" in str(error.value)


@pytest.mark.parametrize("host", ["http://localhost:port", "ftp://localhost", "http://"])
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    with pytest.raises(AlbumscopeError, match=r"OLLAMA_HOST=.* is wrong: give the address"):
        load_settings()


# --- Albums -------------------------------------------------------------------------------------


def make_album(root: Path, photos: int, hue: int = 0) -> None:
    root.mkdir(parents=True)
    for number in range(photos):
        colour = (200 - number, hue, 3 * number)
        Image.new("RGB", (48, 32), colour).save(root / f"photo {number:02}.png")


@pytest.fixture
def library(
    ollama: OllamaStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[], Library]:
    """Two albums, of twelve and of three photos, in a library of which this is the door."""
    for load in ("siglip_embeddings.load_encoder", "caption_embeddings.load_text_encoder"):
        monkeypatch.setattr(f"pipeline.library.stages.{load}", lambda *_: QuickModel())
    monkeypatch.setenv("OLLAMA_HOST", ollama.host)
    monkeypatch.setenv("CAPTION_MODEL", VISION)
    make_album(tmp_path / "photos" / "A day", 12)
    make_album(tmp_path / "photos" / "B day", 3, hue=90)

    def open_library() -> Library:
        load_settings.cache_clear()
        return Library(load_settings())

    registration = folder.Registration(str(tmp_path / "photos"), recursive=True)
    folder.register(open_library().storage, registration)
    return open_library


def run_sync(library: Library) -> sync.SyncReport:
    with open_instance(library.settings) as instance:
        report = sync.sync(library, instance)
    assert not report.failed
    return report


def refresh(library: Library) -> Counts:
    """As a sync does, as far as captions, but without Dagster. Returns those of the last album."""
    counts = Counts()
    library.catalogue(library.find_albums("folder"))
    for table in ("raw_images", "exif_metadata", "llm_captions"):
        for album in library.albums():
            counts = library.stages[table].refresh(album, unavailable=counts.unavailable)
    return counts


def captioned(library: Library) -> list[int]:
    """By album, how many photos have captions."""
    return [
        library.tables.read("llm_captions", album["album_id"]).num_rows
        for album in library.albums()
    ]


def published(library: Library) -> dict[str, int]:
    data_dir = library.settings.data_dir
    name = reading.current_name(data_dir)
    assert name
    tables: dict[str, int] = reading.read_manifest(data_dir, name)["tables"]
    return tables


@pytest.mark.usefixtures("quick_runs")
def test_an_album_is_captioned_while_the_server_dies_and_comes_back(
    ollama: OllamaStandIn, library: Callable[[], Library], caplog: pytest.LogCaptureFixture
) -> None:
    # The fifth photo is the server's end; the first is through then, others may be.
    ollama.fail_next("stop", match="photo 04")
    ollama.seconds = 0.2
    first = library()
    progress: list[tuple[str, Album, int]] = []
    first.on_progress = lambda *done: progress.append(done)

    with caplog.at_level(logging.WARNING, "pipeline"):
        report = run_sync(first)

    assert len(report.albums) == 2
    done = len(ollama.answered)
    assert 1 <= done < 12
    assert captioned(first) == [done, 0]  # every answer that came is kept
    tables = published(first)
    assert (tables["images"], tables["image_embeddings"]) == (15, 15)
    assert (tables["captions"], tables["caption_embeddings"]) == (done, done)
    assert ollama.most_at_once == OllamaCaptioner.in_flight
    (warning,) = [
        record.getMessage() for record in caplog.records if record.name.startswith("pipeline")
    ]
    assert "Captions stay pending: Ollama at 127.0.0.1" in warning
    steps = [photos for table, _, photos in progress if table == "llm_captions" and photos]
    assert steps == list(range(1, done + 1))  # photo by photo
    status = [first.status(album)["llm_captions"] for album in first.albums()]
    assert [each["missing"] for each in status] == [12 - done, 3]
    assert [each["failed"] for each in status] == [0, 0]

    ollama.start()
    ollama.forget()
    ollama.seconds = 0.0
    second = library()
    run_sync(second)

    assert captioned(second) == [12, 3]
    assert len(ollama.chats) == 15 - done  # what was done is not asked for again
    assert published(second)["captions"] == 15

    ollama.forget()
    assert run_sync(library()).albums == []
    assert ollama.requests == []


def test_what_others_have_under_way_is_kept(
    ollama: OllamaStandIn, library: Callable[[], Library]
) -> None:
    ollama.seconds = 0.3
    ollama.fail_next("hang_up", times=ATTEMPTS, match="photo 00")
    opened = library()
    counts = refresh(opened)
    titles = [chat.prompt.partition("title: ")[2].splitlines()[0] for chat in ollama.answered]
    assert sorted(titles) == ["photo 01", "photo 02", "photo 03"]  # of the first album
    assert captioned(opened) == [3, 0]
    assert "does not answer" in str(counts.unavailable)
    assert (counts.new, counts.pending) == (0, 3)  # of the second album


def test_a_photo_without_a_caption_is_tried_by_later_syncs_but_not_for_ever(
    ollama: OllamaStandIn, library: Callable[[], Library]
) -> None:
    ollama.fail_next("not_json", times=999, match="photo 02")
    for attempt in range(1, MAX_ATTEMPTS + 2):
        opened = library()
        refresh(opened)
        failures = [failure for row in opened.albums() for failure in opened.failures(row)]
        attempts = [failure["attempts"] for failure in failures]
        assert attempts == [min(attempt, MAX_ATTEMPTS)] * 2
        assert "gave no caption" in failures[0]["reason"]
    assert captioned(opened) == [12, 3]
    assert len(ollama.chats) == 13 + 2 * MAX_ATTEMPTS * len(TEMPERATURES)


@pytest.mark.usefixtures("quick_runs")
def test_a_server_that_is_down_holds_up_nothing(
    ollama: OllamaStandIn,
    library: Callable[[], Library],
    run: Run,
) -> None:
    library()
    ollama.stop()
    result = run("sync")
    assert (result.code, result.out) == (0, "")
    warning, done = result.err.strip().splitlines()
    assert warning.startswith("Captions stay pending: Ollama at 127.0.0.1")
    assert "`ollama serve`" in warning
    assert done.startswith("2 albums brought up to date")
    opened = library()
    assert published(opened)["image_embeddings"] == 15
    assert published(opened)["captions"] == 0
    assert all(opened.work_left(album).keys() == {"llm_captions"} for album in opened.albums())

    name = reading.current_name(opened.settings.data_dir)
    assert len(run_sync(library()).albums) == 2  # it looks again, but publishes nothing
    assert reading.current_name(opened.settings.data_dir) == name


def test_dagster_says_what_is_pending(
    ollama: OllamaStandIn, library: Callable[[], Library]
) -> None:
    ollama.models = {}
    opened = library()
    with open_instance(opened.settings) as instance:
        sync.sync(opened, instance)
        events = instance.fetch_materializations(dg.AssetKey("llm_captions"), limit=9).records
    found = [event.asset_materialization for event in events]
    pending = [event.metadata["photos pending"].value for event in found if event]
    because = {str(event.metadata["pending because"].value) for event in found if event}
    assert sorted(map(str, pending)) == ["12", "3"]
    assert because == {
        f"Ollama at 127.0.0.1:{ollama.port} has no model '{VISION}': run `ollama pull {VISION}`,"
        " or set CAPTION_MODEL to another"
    }
    assert ollama.requests == ["POST /api/show"]  # not once more for the second album


def test_flickr_says_when_and_where_if_the_camera_does_not(
    ollama: OllamaStandIn, library: Callable[[], Library]
) -> None:
    opened = library()
    refresh(opened)
    album = opened.albums()[1]
    rows = opened.tables.read("raw_images", album["album_id"])
    known = {"taken_at": datetime(2019, 5, 1), "latitude": 1.0, "longitude": -2.0}
    changed = pa.Table.from_pylist([row | known for row in rows.to_pylist()], rows.schema)
    opened.tables.write("raw_images", album["album_id"], changed)
    ollama.forget()
    stage = opened.stages["llm_captions"]
    assert len(list(stage.make(album, stage.wanted(album)))) == 3
    assert "taken: 1 May 2019\nplace: 1.0000° N, 2.0000° W" in ollama.chats[0].prompt


# --- The command line ---------------------------------------------------------------------------


def describe_command(ollama: OllamaStandIn, photo: Path, *options: str) -> tuple[str, str]:
    """Standard output, and what a terminal showed."""
    terminal, stderr = pty.openpty()
    environment = {
        **os.environ,
        "OLLAMA_HOST": ollama.host,
        "CAPTION_MODEL": VISION,
        "TERM": "xterm",
        "COLUMNS": "200",
    }
    shown: list[bytes] = []

    def watch() -> None:
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # the other side is closed
                return
            if not part:
                return
            shown.append(part)

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "describe", str(photo), *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=60,
        check=True,
    )
    os.close(stderr)
    watcher.join()
    os.close(terminal)
    return done.stdout, b"".join(shown).decode()


def test_describe_shows_the_caption_as_it_grows(ollama: OllamaStandIn, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    RED.save(photo)
    ollama.seconds = 1.6
    out, shown = describe_command(ollama, photo)
    assert GOOD.caption in out
    assert f"{VISION} is looking" in shown
    lines = {line.strip() for line in re.split(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]", shown)}
    growing = {line for line in lines if line and GOOD.caption.startswith(line)}
    assert growing - {GOOD.caption}
    ollama.seconds = 0.0
    out, shown = describe_command(ollama, photo, "--json")
    assert json.loads(out) == {
        "caption": GOOD.caption,
        "tags": GOOD.tags,
        "visible_text": None,
        "has_people": False,
        "language": "English",
    }
    assert shown == ""
