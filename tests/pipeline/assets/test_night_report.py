"""Nights that people are told of: real runs, and a webhook on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import dagster as dg
import pytest

from pipeline.assets import sync
from pipeline.assets.automation import nightly_sync
from pipeline.assets.instance import open_instance
from pipeline.assets.night_report import night_report
from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.settings import Settings, load_settings
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.sources.flickr_library import in_a_hurry
from tests.standins.flickr import FlickrStandIn, make_albums
from tests.standins.server import StandIn

SECRET = "t0psecret"


class Webhook(StandIn):
    """Takes what is posted to it, in the order in which it came."""

    def __init__(self) -> None:
        self.port = 0
        self.lock = threading.RLock()
        self.posted: list[dict[str, Any]] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        yield server


@pytest.fixture
def flickr(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlickrStandIn]:
    """Two albums of three photos; the settings point to them."""
    use_quick_models(monkeypatch)
    in_a_hurry(monkeypatch)
    with FlickrStandIn(make_albums(2, 3)) as stand_in:
        for name, value in stand_in.environment.items():
            monkeypatch.setenv(name, value)
        yield stand_in


class Nights:
    """The nights of one library: its schedule, its runs, and the sensor that tells of them."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings) -> None:
        self._instance = instance
        self._library = Library(settings)
        self._cursor: str | None = None

    def pass_by(self) -> None:
        """What the daemon does in a night, in this process."""
        schedule = nightly_sync(self._library.settings)
        context = dg.build_schedule_context(self._instance, resources={"library": self._library})
        schedule.evaluate_tick(context)
        sync.sync(self._library, self._instance)

    def report(self, quiet_seconds: float = 0) -> str:
        """Evaluate the sensor; returns why it started no run."""
        sensor = night_report(self._library.settings, quiet_seconds)
        with dg.build_sensor_context(
            self._instance, self._cursor, resources={"library": self._library}
        ) as context:
            tick = sensor.evaluate_tick(context)
        self._cursor = tick.cursor or self._cursor
        return str(tick.skip_message)


@pytest.fixture
def nights(
    webhook: Webhook, flickr: FlickrStandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Nights]:
    url = f"json://user:{SECRET}@127.0.0.1:{webhook.port}"
    monkeypatch.setenv("NOTIFY_URLS", url)
    monkeypatch.setenv("PAGE_URL", "https://photos.example.org/")
    monkeypatch.setenv("SYNC_SCHEDULE", "0 3 * * *")
    load_settings.cache_clear()
    with open_instance(load_settings()) as instance:
        yield Nights(instance, load_settings())


def test_a_night_is_told_once(nights: Nights, webhook: Webhook, flickr: FlickrStandIn) -> None:
    assert nights.report() == "No night since the last report"
    flickr.fail_next("html_500", times=1000, match=f"photoset_id={flickr.albums[1].id}")
    nights.pass_by()
    assert nights.report(quiet_seconds=60) == "The night is not over"
    assert nights.report() == "Told"
    assert nights.report() == "No night since the last report"
    (told,) = webhook.posted
    assert told["title"] == "Albumscope: 1 failure, 3 photos in 1 album"
    assert told["type"] == "failure"
    text = told["message"]
    assert f"- {flickr.albums[0].title}: 3 photos" in text
    assert "What failed:\n- 1 of 2 albums failed: " in text
    assert "\n  http://127.0.0.1:3000/runs/" in text
    assert "Search page: https://photos.example.org\n" in text
    assert SECRET not in json.dumps(told)
    assert flickr.environment["FLICKR_API_KEY"] not in json.dumps(told)


def test_a_quiet_night_is_not_told_and_an_untold_one_is_told_with_the_next(
    nights: Nights, webhook: Webhook, flickr: FlickrStandIn
) -> None:
    webhook.stop()
    nights.pass_by()
    assert nights.report() == "Nobody was reached"
    assert nights.report() == "No night since the last report"
    webhook.start()
    nights.pass_by()
    assert nights.report() == "Told"
    nights.pass_by()
    assert nights.report() == "Nothing to tell"
    (told,) = webhook.posted
    assert (told["title"], told["type"]) == ("Albumscope: 6 photos in 2 albums", "info")


def test_a_wrong_address_is_told_without_what_is_secret_in_it() -> None:
    urls = f"json://127.0.0.1, pigeon://user:{SECRET}@loft"
    with pytest.raises(AlbumscopeError, match=r"address 2 \(pigeon://…\)") as error:
        night_report(Settings(notify_urls=urls))
    assert SECRET not in str(error.value)
