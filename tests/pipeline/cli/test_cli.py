"""The command line as people and scripts meet it: results on stdout, one line on trouble."""

import errno
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from PIL import Image

from pipeline import settings as settings_module
from pipeline.assets.instance import open_instance
from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.library.schemas import ALBUM_TABLES
from pipeline.photos.metadata import METADATA_COLUMNS
from pipeline.settings import Settings
from pipeline.snapshot import reading
from tests.pipeline.cli.several_commands import run_several
from tests.pipeline.command_line import Result, Run
from tests.pipeline.quick_model import QuickModel
from tests.pipeline.quick_sync import bring_in, use_quick_runs
from tests.search_app.browser import free_port
from tests.waiting import wait_for

DEMO = Path(__file__).parents[3] / "data" / "demo"
CAT = DEMO / "Things and Places" / "cat-portrait.jpg"
COMMANDS = [
    "albums", "add-folder", "remove-folder", "sync", "status", "images", "search", "exif",
    "describe", "snapshots", "demo", "serve",
]  # fmt: skip


@pytest.fixture
def demo(demo_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo library, to be read only."""
    monkeypatch.setenv("DATA_DIR", str(demo_library))
    return demo_library


@pytest.fixture
def quick_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.library.stages.siglip_embeddings.load_encoder", lambda *_: QuickModel()
    )
    monkeypatch.setenv("CAPTION_MODEL", "none")


@pytest.fixture
def quick_sync(quick_models: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dagster's instance is kept in memory, which is faster."""
    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setattr(
            "pipeline.assets.instance.open_instance", lambda *_, **__: nullcontext(instance)
        )
        yield


def make_album(folder: Path, photos: int = 3) -> Path:
    folder.mkdir(parents=True)
    for number in range(photos):
        Image.new("RGB", (32, 24), (80 * number, 10, 200)).save(folder / f"photo {number}.jpg")
    return folder


def files(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
    }


def assert_one_line(result: Result, *texts: str) -> None:
    """It failed with one line on standard error, which says all of ``texts``."""
    assert result.code == 1
    assert result.out == ""
    (line,) = result.err.strip().splitlines()
    assert line.startswith("Error: ")
    assert "Traceback" not in line
    assert "Unexpected" not in line
    for text in texts:
        assert text in line


# Commands and their results


def test_the_installed_command_lists_its_subcommands() -> None:
    command = Path(sys.executable).with_name("albumscope")
    result = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f" {name} " in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert f"albumscope {command}" in result.out
    assert "--help" in result.out


def test_search_finds_the_cat(albumscope: Callable[..., Any], demo: Path) -> None:
    """In a process of its own: nothing but JSON may reach standard output."""
    result = albumscope("search", "a cat", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    hits = json.loads(result.stdout)
    assert list(hits[0]) == [
        "rank", "image_id", "path", "album_id", "album_title", "event_name", "event_year", "title",
        "caption", "score", "probability", "image_url", "page_url", "found_by", "words",
    ]  # fmt: skip
    assert hits[0]["path"] == str(CAT)
    assert hits[0]["title"] == "cat portrait"
    assert hits[0]["words"] == ["cat"]
    assert [found["part"] for found in hits[0]["found_by"]] == ["visual", "caption", "text"]
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    assert all(0.18 <= hit["probability"] <= 1 for hit in hits)


def test_search_for_people(run: Run, demo: Path) -> None:
    result = run("search", "a cat", "-k", "3")
    assert (result.code, result.err.splitlines()[1:]) == (0, [])
    columns, _, best, *_ = result.out.strip("\n").split("\n")[1:]
    assert columns.split() == ["rank", "probability", "title", "album", "title", "caption", "path"]
    assert best.split()[0] == "1"
    assert "cat portrait" in best


def test_k_photos_at_the_most(run: Run, demo: Path) -> None:
    everything = run("search", "a cat", "-k", "100", "--min-probability", "0", "--json").json
    assert len(everything) == 28
    three = run("search", "a cat", "-k", "3", "--min-probability", "0", "--json").json
    assert three == everything[:3]


def test_what_does_not_match_is_not_shown(
    run: Run, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = run("search", "a cat", "-k", "100", "--min-probability", "0", "--json").json
    for least in (0.18, 0.01, 0.5, 1.0):
        matching = [hit for hit in everything if hit["probability"] >= least]
        monkeypatch.setenv("MIN_PROBABILITY", str(least))
        by_setting = run("search", "a cat", "-k", "100", "--json")
        assert json.loads(by_setting.out) == matching
        monkeypatch.setenv("MIN_PROBABILITY", "0")
        by_option = run("search", "a cat", "-k", "100", "--min-probability", str(least), "--json")
        assert json.loads(by_option.out) == matching


def test_what_is_less_likely_is_counted(run: Run, demo: Path) -> None:
    for query, empty in {"a cat": "", "an elephant": "Nothing surely matches\n"}.items():
        everything = run("search", query, "-k", "100", "--min-probability", "0", "--json").json
        for options in ([], ["--explain"]):
            in_json = run("search", query, *options, "--json")
            likely = json.loads(in_json.out)
            assert bool(likely) == (not empty)
            result = run("search", query, *options)
            assert in_json.err == (
                "" if likely else result.err
            )  # for programs that found something
            told = re.fullmatch(
                re.escape(empty) + r"(\d+) less likely photos, with a probability below 0\.18:"
                r" `--min-probability 0(?: -k (\d+))?` shows them\n",
                result.err,
            )
            assert told
            count, k = int(told[1]), int(told[2] or 20)
            shown = everything[len(likely) : len(likely) + count]
            assert all(0.018 <= hit["probability"] < 0.18 for hit in shown)
            assert k >= len(likely) + count


def test_nothing_matches(run: Run, demo: Path) -> None:
    """Neither what means nothing, nor what no photo fits, has anything that is less likely."""
    for query in ("quarterly tax return", "an elephant camera:leica"):
        for options in ([], ["--json"], ["--explain"], ["--explain", "--json"]):
            result = run("search", query, *options)
            assert (result.code, result.out) == (0, "[]\n" if "--json" in options else "")
            assert result.err == (
                "Nothing found: no photo fits the words, fields and filters of the query\n"
            )


def test_messages_on_a_query_go_to_standard_error(run: Run, demo: Path) -> None:
    query = "a cat colour:red year:2016..2013"
    result = run("search", query, "--json")
    assert json.loads(result.out)[0]["path"] == str(CAT)
    field, year = result.err.splitlines()
    assert field.startswith("Warning: No field colour, so its words are searched for: ")
    assert year.startswith("Warning: year:2016..2013 was left out: write a year, or from..to")
    assert run("search", query).err.startswith(result.err)


def test_why_there_is_nothing_to_search_for(run: Run, demo: Path) -> None:
    for arguments, wrong in ((["taken:2015-13"], "taken:"), (["--image", "9" * 30], "photo:")):
        assert_one_line(
            run("search", *arguments), f"Nothing to search for: {wrong}", "left out: write"
        )


def test_fields_alone_list_what_fits(run: Run, demo: Path) -> None:
    (hit,) = run("search", "camera:canon", "--json").json
    assert (hit["title"], hit["probability"], hit["found_by"]) == ("maple leaves", None, [])
    narrowed = run("search", "camera:olympus taken:2015-06", "--year", "2015", "--json").json
    assert {hit["title"] for hit in narrowed} == {"blue hour", "wooden pier"}
    assert json.loads(run("search", "camera:olympus", "--year", "2018", "--json").out) == []


def test_a_query_may_begin_with_a_hyphen(run: Run, demo: Path) -> None:
    hits = run("search", "-k", "50", "--json", "--", "-mountain").json
    assert len(hits) == 26
    assert "mountain" not in " ".join(f"{hit['title']} {hit['caption']}" for hit in hits).lower()
    fitting = run("search", "--json", "--", '-camera:olympus album:"northern light"').json
    assert len(fitting) == 4


def test_search_by_several_pictures(run: Run, demo: Path) -> None:
    """Files and photos of the library, with words; those of the library are not found again."""
    ids = {image["title"]: image["image_id"] for image in run("images", "--json").json}
    pier, sunset = ids["wooden pier"], ids["sunset"]
    by_two = run("search", "--image", pier, "--image", sunset, "-k", "50", "--json").json
    assert {hit["image_id"] for hit in by_two} == set(ids.values()) - {pier, sunset}
    by_one = run("search", "--image", pier, "-k", "50", "--json").json
    assert [hit["image_id"] for hit in by_one[:9]] != [hit["image_id"] for hit in by_two[:9]]
    assert run("search", f"photo:{pier} photo:{sunset}", "-k", "50", "--json").json == by_two
    mixed = run("search", "a cat", "--image", CAT, "--image", pier, "--json").json
    assert mixed[0]["path"] == str(CAT)
    assert pier not in {hit["image_id"] for hit in mixed}
    assert {hit["probability"] for hit in (*by_two, *mixed)} == {None}
    one_unknown = run("search", "--image", pier, "--image", "12", "-k", "50", "--json")
    assert json.loads(one_unknown.out) == by_one
    assert one_unknown.err == "Warning: photo:12 was left out: the library has no such photo\n"


def test_an_open_quotation_swallows_no_picture(run: Run, demo: Path) -> None:
    (cat,) = run("search", "a cat", "-k", "1", "--json").json
    result = run("search", '"tabby cat', "--image", cat["image_id"], "--json")
    assert json.loads(result.out) == []  # the one with these words is the one searched with
    assert result.err.startswith('Warning: "tabby cat has no closing quote')


def test_explain_says_what_found_a_photo_and_what_made_its_rows(
    run: Run, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_URL", "https://dagster.example.org/ui")
    plain = run("search", "a cat", "-k", "2", "--min-probability", "0", "--json").json
    explained = run(
        "search", "a cat", "-k", "2", "--min-probability", "0", "--explain", "--json"
    ).json
    assert [{name: hit[name] for name in plain[0]} for hit in explained] == plain
    cat = explained[0]
    assert [album["title"] for album in cat["albums"]] == ["Things and Places"]
    assert cat["snapshot"] == reading.current_name(demo)
    assert cat["versions"]["albumscope"]
    assert [origin["asset"] for origin in cat["origins"]] == [*ALBUM_TABLES, "faiss_index"]
    with open_instance(Settings(data_dir=demo)) as instance:
        for origin in cat["origins"]:
            assert instance.get_run_by_id(origin["run_id"])
            assert origin["run_url"] == f"https://dagster.example.org/ui/runs/{origin['run_id']}"

    result = run("search", "a cat", "-k", "2", "--min-probability", "0", "--explain")
    assert (result.code, result.err) == (0, "")
    first, second = result.out.strip().split("\n\n")
    text = " ".join(first.split())
    assert str(CAT) in text
    assert "matching words cat albums Things and Places" in text
    for found in cat["found_by"]:
        assert f"{found['part']} (rank {found['rank']}, {found['score']:.3f})" in text
    for origin in cat["origins"]:
        assert origin["asset"].replace("_", " ") in text
        assert origin["run_url"] in text
    assert "rank 2" in " ".join(second.split())


@pytest.mark.parametrize("mode", ["visual", "caption", "text", "hybrid"])
def test_search_modes(run: Run, demo: Path, mode: str) -> None:
    assert run("search", "cat", "--mode", mode, "--json").json[0]["path"] == str(CAT)


def test_search_by_picture(run: Run, demo: Path) -> None:
    by_file = run("search", "--image", CAT, "--json").json
    assert by_file[0]["path"] == str(CAT)
    similar = run("search", "--image", by_file[0]["image_id"], "--json").json
    assert str(CAT) not in [hit["path"] for hit in similar]


def test_filters_narrow(run: Run, demo: Path) -> None:
    album_id = run("search", "dog", "-k", "1", "--json").json[0]["album_id"]
    for filters, albums in (
        (["--event", "Northern Light 2015"], {"Northern Light 2015"}),
        (["--year", "2018"], {"Nature Walks 2018"}),
        (["--album-id", album_id], {"Nature Walks 2018"}),
        (["--year", "2018", "--event", "Northern Light 2015"], set()),
        (["--year", "1066"], set()),
    ):
        for command in (["search", "a photo", "-k", "50"], ["images"]):
            found = json.loads(run(*command, *filters, "--json").out)
            assert {row["album_title"] for row in found} == albums


def test_images_join_their_albums_and_events(run: Run, demo: Path) -> None:
    images = run("images", "--json").json
    assert len(images) == 28
    (wooden_pier,) = (image for image in images if image["title"] == "wooden pier")
    assert wooden_pier["album_title"] == wooden_pier["event_name"] == "Northern Light 2015"
    assert wooden_pier["event_year"] == 2015
    assert wooden_pier["path"] == str(DEMO / "Northern Light 2015" / "wooden-pier.jpg")
    design = (
        "image_id, image_url, page_url, relative_path, local_filename, source, flickr_photo_id,"
        " title, description, tags, owner, license, image_format, width, height, file_size_bytes,"
        " sha256, uploaded_at, downloaded_at, created_at"
    )
    assert set(design.split(", ")) <= wooden_pier.keys()
    assert "wooden pier" in run("images").out


def test_albums_say_what_is_synced(run: Run, demo: Path) -> None:
    albums = run("albums", "--json").json
    assert {(a["title"], a["event_year"], a["photo_count"], a["synced"]) for a in albums} == {
        ("Nature Walks 2018", 2018, 9, 9),
        ("Northern Light 2015", 2015, 8, 8),
        ("Space and Flight", None, 3, 3),
        ("Things and Places", None, 8, 8),
    }
    assert albums[0]["album_id"] in run("albums").out


def test_looking_imports_nothing_slow(demo: Path) -> None:
    script = (
        "import sys\n"
        "from pipeline.cli.main import app\n"
        "for command in (['status'], ['albums'], ['search', 'dogs']):\n"
        "    app(command, standalone_mode=False)\n"
        "    print('imported:', *sys.modules, file=sys.stderr)"
    )
    command_line = [sys.executable, "-c", script]
    result = subprocess.run(command_line, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    imported = re.findall("^imported: (.*)$", result.stderr, re.M)
    slow = {"dagster", "torch", "onnxruntime", "faiss", "pandas", "snowballstemmer", "streamlit"}
    assert [slow & set(each.split()) for each in imported] == [
        set(),
        set(),
        {"faiss", "snowballstemmer"},
    ]


def test_status_of_a_library_in_order(run: Run, demo: Path) -> None:
    status = run("status", "--json").json
    assert set(status) == {"albums", "failed", "not_taken", "snapshot", "models"}
    assert status["failed"] == []
    assert status["snapshot"] == reading.current_name(demo)
    assert status["models"] == dict.fromkeys(["embedding", "caption", "text"], "embedded")
    for album in status["albums"]:
        assert set(album["stages"]) == {
            "raw_images", "exif_metadata", "llm_captions", "visible_text", "faces",
            "siglip_embeddings", "caption_embeddings",
        }  # fmt: skip
        for counts in album["stages"].values():
            assert counts == {"done": counts["done"], "missing": 0, "failed": 0}
    assert f"Snapshot: {status['snapshot']}" in run("status").err


def test_exif_of_a_file(run: Run) -> None:
    values = run("exif", DEMO / "Northern Light 2015" / "wooden-pier.jpg", "--json").json
    assert tuple(values) == METADATA_COLUMNS
    assert values["camera_make"]
    assert isinstance(values["raw"], dict)
    shown = run("exif", DEMO / "Northern Light 2015" / "wooden-pier.jpg")
    assert values["camera_model"] in shown.out


def test_describe_a_file(run: Run, data_dir: Path) -> None:
    values = run("describe", CAT, "--json").json
    assert set(values) == {"caption", "tags", "visible_text", "has_people", "language"}
    assert "cat" in values["caption"]
    assert values["caption"] in run("describe", CAT).out
    assert not data_dir.exists()  # nothing is stored


def test_snapshots_are_listed(run: Run, demo: Path) -> None:
    (listed,) = run("snapshots", "--json").json
    assert listed["name"] == reading.current_name(demo)
    assert (listed["current"], listed["photos"], listed["state"]) == (True, 28, "good")
    assert listed["name"] in run("snapshots").out


def test_a_dry_run_only_counts(run: Run, demo_copy: Path, tmp_path: Path) -> None:
    run("add-folder", make_album(tmp_path / "New 2022"))
    before = files(demo_copy)
    rows = run("sync", "--dry-run", "--json").json
    new = next(row for row in rows if row["title"] == "New 2022")
    assert (new["new"], new["kept"], new["to_describe"], new["to_embed"]) == (3, 0, 3, 3)
    assert [row["new"] for row in rows if row is not new] == [0] * 4
    assert "New 2022" in run("sync", "--dry-run").out
    assert files(demo_copy) == before


def test_looking_at_an_empty_library_makes_none(run: Run, data_dir: Path) -> None:
    for command in ("albums", "status", "snapshots"):
        result = run(command)
        assert (result.code, result.out) == (0, "")
        assert "No snapshot yet" in result.err or "No albums yet" in result.err
    assert run("sync", "--dry-run", "--json").json == []
    assert run("albums", "--json").json == []
    assert run("snapshots", "--json").json == []
    assert not data_dir.exists()


@pytest.mark.usefixtures("quick_sync")
def test_from_adding_to_removing_a_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_album(tmp_path / "Rome 2019")
    make_album(tmp_path / "Paris", photos=1)
    monkeypatch.chdir(tmp_path)
    result = run("add-folder", "Rome 2019/")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("Added 1 album with 3 photos.")
    options = ["--title", "Weekend", "--event", "Trip", "--year", "2020", "--event-type", "trip"]
    run("add-folder", tmp_path / "Rome 2019" / ".." / "Paris", *options)

    report = run("sync", "--json")
    assert json.loads(report.out)["failed"] == {}
    paris = next(album for album in run("albums", "--json").json if album["title"] == "Weekend")
    assert (paris["event_name"], paris["event_year"], paris["event_type"]) == ("Trip", 2020, "trip")
    assert run("sync").err.strip().startswith("Nothing new; the newest snapshot is ")

    assert run("remove-folder", "Rome 2019").code == 0
    use_quick_runs(monkeypatch)
    run("sync")
    assert {image["album_title"] for image in run("images", "--json").json} == {"Weekend"}


@pytest.mark.usefixtures("quick_sync", "quick_runs")
def test_one_album_can_be_synced_alone(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_album(tmp_path / name, photos=1)
        run("add-folder", tmp_path / name)
    album_id = run("albums", "--json").json[1]["album_id"]
    assert json.loads(run("sync", album_id, "--json").out)["albums"] == [album_id]
    assert {image["album_id"] for image in run("images", "--json").json} == {album_id}


def test_the_demo_can_be_built_without_serving(run: Run, demo_copy: Path) -> None:
    result = run("demo", "--no-serve")
    assert result.code == 0
    assert "Added 4 albums with 28 photos" in result.err


def test_a_reader_that_stops_reading_is_no_error(demo: Path) -> None:
    command = f"'{sys.executable}' -m pipeline.cli images --json | true"
    result = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert result.stderr == b""


def test_stopping_a_sync_keeps_what_is_done(data_dir: Path, run: Run) -> None:
    run("add-folder", "-r", DEMO)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "sync"], stderr=subprocess.PIPE, text=True
    )
    tables = data_dir / "tables" / "raw_images"
    wait_for(lambda: list(tables.glob("*.parquet")), "the first table", every=0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "Error: Stopped. What was done is kept; run the command again to go on."


# Trouble: one line that says what to do


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["search"], ["Nothing to search for: give a text or a picture"]),
        (["search", "x" * 100_000], ["The query has 100,000 characters; shorten it to 1,000"]),
        (["search", "--image", "nowhere.jpg"], ["nowhere.jpg is not a file: give the path of"]),
        (["search", "--image", __file__], ["test_cli.py: not a photo in a format that can be"]),
        (["search", "--image", str(DEMO)], ["is not a file: give the path of a photo"]),
        (
            ["search", "--image", "12345"],
            ["photo:12345 was left out: the library has no such photo"],
        ),
        (["search", "--image", "²"], ["² is not a file: give the path of a photo"]),
        (["search", "--image", "x" * 5000], ["xx is not a file: give the path of a photo"]),
        (["search", "--mode", "text", "--image", str(CAT)], ["Mode 'text' searches with words"]),
        (["sync", "nope"], ["No album 'nope': `albumscope albums` lists the ids"]),
        (["sync", "--dry-run", "nope"], ["No album 'nope': `albumscope albums` lists the ids"]),
        (["snapshots", "--publish", "nope"], ["No snapshot 'nope'; there are: 20"]),
        (["snapshots", "--publish", "../x"], ["No snapshot '../x'; there are: 20"]),
        (["exif", "nowhere.jpg"], ["nowhere.jpg is not a file: give the path of a photo"]),
        (["describe", "nowhere.jpg"], ["nowhere.jpg is not a file: give the path of a photo"]),
        (["describe", __file__], ["test_cli.py: not a photo in a format that can be read"]),
        (["add-folder", "nowhere"], ["nowhere is not a folder: give the path of one"]),
        (["add-folder", str(CAT)], ["cat-portrait.jpg is not a folder: give the path of one"]),
        (["add-folder", str(DEMO)], ["holds no photos; with -r the folders below it"]),
        (["remove-folder", "nowhere"], ["nowhere was not added; added folders: ", str(DEMO)]),
    ],
)
def test_trouble_with_arguments(
    run: Run, demo: Path, arguments: list[str], texts: list[str]
) -> None:
    assert_one_line(run(*arguments), *texts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["add-folder"],
        ["add-folder", str(DEMO), "-r", "--title", "One"],
        ["add-folder", str(DEMO), "--year", "soon"],
        ["search", "cat", "--mode", "nope"],
        ["search", "cat", "-k", "0"],
        ["search", "cat", "--min-probability", "2"],
        ["search", "cat", "--min-probability", "nan"],
        ["search", "-cat"],
        ["search", "cat", "--year", "soon"],
        ["sync", "--all", "an-album"],
        ["serve", "--port", "99999"],
        ["serve", "--base-path", "photos of us"],
        ["serve", "--base-path", "/media/"],
        ["albums", "--nope"],
    ],
)
def test_wrong_usage(run: Run, data_dir: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage: albumscope" in result.err
    assert "Traceback" not in result.err
    assert not data_dir.exists()


def test_an_env_file_that_is_missing_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings_module, "ENV_FILE", str(tmp_path / "missing.env"))
    assert "missing.env: there is no such file" in run("status").error


def test_a_misspelt_setting_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    lines = ("EMBED_MODLE=embedded", "AWS_REGION=x", "DAGSTER_POSTGRES_URL=x", "=", "DATA_DIR=x")
    file.write_text("\n".join(lines))
    monkeypatch.setattr(settings_module, "ENV_FILE", str(file))
    told = run("albums").err.splitlines()
    assert told[:2] == [
        f"Line 4 of {file} is passed over: write NAME=value",
        f"EMBED_MODLE in {file} is no setting: is EMBED_MODEL meant?",
    ]
    assert not [line for line in told[2:] if "is no setting" in line or "passed over" in line]


def test_a_disk_that_is_full_for_dagster_is_told_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    run("add-folder", tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", full)
    assert_one_line(run("sync"), "the disk is full")


def test_an_env_file_that_is_no_text_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_bytes("DATA_DIR=Bücher".encode("latin-1"))
    monkeypatch.setattr(settings_module, "ENV_FILE", str(file))
    assert_one_line(run("status"), str(file), "UTF-8")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("DEVICE", "tpu", "DEVICE='tpu' in the environment or .env is wrong: Input should be"),
        ("BATCH_SIZE", "0", "BATCH_SIZE='0' in the environment or .env is wrong: Input should be"),
        ("BATCH_SIZE", "many", "BATCH_SIZE='many' in the environment or .env is wrong"),
        ("BASE_PATH", "../x", "BASE_PATH='../x' in the environment or .env is wrong: give a path"),
        ("MIN_PROBABILITY", "x", "MIN_PROBABILITY='x' in the environment or .env is wrong"),
        ("MIN_PROBABILITY", "2", "MIN_PROBABILITY='2' in the environment or .env is wrong"),
        ("DATA_DIR", __file__, "test_cli.py is a file: give a folder"),
        ("DATA_DIR", f"{__file__}/below/it", "test_cli.py is a file: give a folder"),
        ("DATA_DIR", "~nobody-of-this-name/library", "in the environment or .env is wrong: "),
        ("DAGSTER_HOME", __file__, "test_cli.py is a file: give a folder"),
    ],
)
def test_trouble_with_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    monkeypatch.setenv(name, value)
    for arguments in (["sync"], ["search", "cat"], ["status"], ["add-folder", str(DEMO)]):
        assert_one_line(run(*arguments), name, text)
    assert run("--help").code == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("EMBED_MODEL", "set EMBED_MODEL to 'embedded', the folder of a model, or the name of"),
        ("TEXT_MODEL", "set TEXT_MODEL to 'embedded', the folder of a model, or the name of"),
    ],
)
def test_a_model_that_is_not_there(
    run: Run, demo_copy: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    hits = run("search", "a cat", "--json").json
    monkeypatch.setenv(name, "no/such-model")
    assert_one_line(run("sync"), text)
    assert run("search", "a cat", "--json").json == hits  # what is published still works
    monkeypatch.delenv(name)
    assert "Nothing new" in run("sync").err  # and nothing is lost


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_is_not_there(
    run: Run, demo_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add-folder", make_album(tmp_path / "New"))
    monkeypatch.setenv("DEVICE", "cuda")
    for arguments in (["sync"], ["search", "cat"]):
        assert_one_line(run(*arguments), "DEVICE is 'cuda'", "set DEVICE to 'auto' or 'cpu'")


def test_a_port_that_is_taken(run: Run, demo: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command, option in (
            ("serve", "--port"),
            ("demo", "--port"),
            ("demo", "--dagster-port"),
        ):
            result = run(command, option, port)
            assert_one_line(result, f"127.0.0.1:{port}", f"choose another with {option}")


def test_dagster_can_be_stopped_if_a_script_started_it_in_the_background(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell has such ignore SIGINT, and Dagster does with SIGTERM as with SIGINT."""
    monkeypatch.chdir(tmp_path)
    became: list[object] = []
    monkeypatch.setattr(os, "execve", lambda *_: became.append(signal.getsignal(signal.SIGINT)))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run("dagster", "--port", str(free_port())).code == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert became == [signal.default_int_handler]


def test_an_error_that_nobody_foresaw(
    run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cli.albums.open_library", lambda: 1 // 0)
    result = run("status")
    assert result.code == 1
    (line,) = result.err.splitlines()
    assert line.startswith("Error: Unexpected ZeroDivisionError")
    assert str(data_dir / "albumscope.log") in line
    assert "Traceback" in (data_dir / "albumscope.log").read_text()


# Trouble with the disk

FULL = "the disk is full: make room and run the command again, nothing is lost"
YOURS = "set DATA_DIR to a folder that is yours, or mend its permissions"


RunBound = Callable[..., list[Result]]


@pytest.fixture
def run_bound(unprivileged: list[str]) -> RunBound:
    """Runs commands as a user whom permissions bind, all in one process."""

    return partial(run_several, unprivileged)


def test_a_library_that_is_read_only(run_bound: RunBound, demo_copy: Path, tmp_path: Path) -> None:
    name = reading.names(demo_copy)[0]
    folders = [demo_copy, *(path for path in demo_copy.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        *refused, images, albums = run_bound(
            ["add-folder", str(make_album(tmp_path / "New"))],
            ["remove-folder", str(DEMO)],
            ["snapshots", "--publish", name],
            ["images", "--json"],
            ["albums", "--json"],
        )
    finally:
        for path in folders:
            path.chmod(0o755)
    for result in refused:
        assert_one_line(result, str(demo_copy), YOURS)
    assert len(images.json) == 28
    assert len(albums.json) == 4


@pytest.mark.parametrize("below", ["", "snapshots", "tables/albums"])
def test_a_library_that_may_not_be_read(run_bound: RunBound, demo_copy: Path, below: str) -> None:
    (demo_copy / below).chmod(0)
    commands = {"snapshots": ["images", "snapshots"], "tables/albums": ["albums", "status"]}
    try:
        results = run_bound(*([each] for each in commands.get(below, ["images", "status", "sync"])))
    finally:
        (demo_copy / below).chmod(0o755)
    for result in results:
        assert_one_line(result, str(demo_copy), YOURS)


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 16 MB, with DATA_DIR on it. Skips the test without the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", disk]
    if not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    monkeypatch.setenv("DATA_DIR", str(disk / "library"))
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path, left: int) -> Path:
    """Fill a disk until only so many bytes are left; returns the file to delete again."""
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - left))
    return filler


@pytest.mark.usefixtures("quick_sync")
@pytest.mark.parametrize("left", [0, 40_000, 700_000])
def test_a_full_disk_loses_nothing(
    run: Run, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """Wherever it runs out: writing tables, writing the snapshot."""
    run("add-folder", make_album(tmp_path / "Old 2020"))
    bring_in(Library(Settings()))
    run("add-folder", make_album(tmp_path / "New 2021", photos=200))

    filler = fill(small_disk, left)
    assert_one_line(run("sync"), str(small_disk), FULL)
    assert {image["album_title"] for image in run("images", "--json").json} == {"Old 2020"}
    filler.unlink()
    assert not [path for path in small_disk.rglob("*") if path.suffix == ".tmp"]
    use_quick_runs(monkeypatch)
    assert run("sync").code == 0
    assert len(run("images", "--json").json) == 203


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize("left", [4_096, 200_000])
def test_a_full_disk_that_dagster_writes_to(
    run: Run, small_disk: Path, tmp_path: Path, left: int
) -> None:
    run("add-folder", make_album(tmp_path / "Old 2020"))
    filler = fill(small_disk, left)
    result = run("sync")
    assert result.code == 1
    assert result.err.splitlines()[-1] == f"Error: {small_disk / 'library'}: {FULL}"
    filler.unlink()
    assert run("sync").code == 0
    assert len(run("images", "--json").json) == 3


@pytest.mark.usefixtures("quick_sync")
@pytest.mark.parametrize(
    ("function", "error"),
    [
        (
            "pipeline.library.tables.pq.write_table",
            OSError(errno.ENOSPC, "No space left on device"),
        ),
        ("pipeline.storage.disk.flush_to_disk", OSError(errno.EDQUOT, "Disk quota exceeded")),
        (
            "pipeline.snapshot.fulltext.create_index",
            duckdb.IOException("IO Error: No space left on device"),
        ),
        (
            "pipeline.snapshot.index_file.write",
            RuntimeError("write error: No space left on device"),
        ),
        ("pipeline.assets.sync.find_albums", sqlite3.OperationalError("database or disk is full")),
    ],
    ids=["Parquet", "quota", "DuckDB", "FAISS", "SQLite"],
)
def test_whoever_says_that_the_disk_is_full(
    run: Run,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    error: Exception,
) -> None:
    run("add-folder", make_album(tmp_path / "New 2021"))

    def fail(*arguments: object, **options: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(function, fail)
        assert_one_line(run("sync"), str(data_dir), FULL)
    use_quick_runs(monkeypatch)
    assert run("sync").code == 0
    assert len(run("images", "--json").json) == 3


@pytest.mark.usefixtures("quick_runs")
def test_a_damaged_table_is_told_and_made_anew(run: Run, demo_copy: Path) -> None:
    album_id = min(run("albums", "--json").json, key=lambda album: album["synced"])["album_id"]
    library = Library(Settings(data_dir=demo_copy))
    table = library.storage.local(library.tables.key("siglip_embeddings", album_id))
    table.write_bytes(table.read_bytes()[:-50])
    assert_one_line(run("status"), str(table), "run `albumscope sync`, which sets it aside")
    assert run("sync").code == 0
    assert run("status", "--json").json["failed"] == []


def test_a_flipped_bit_of_a_table_is_noticed_or_harmless(demo_copy: Path) -> None:
    tables = Library(Settings(data_dir=demo_copy)).tables
    (album_id, *_) = tables.partitions("siglip_embeddings")
    good = tables.read("siglip_embeddings", album_id)
    path = tables.storage.local(tables.key("siglip_embeddings", album_id))
    content = path.read_bytes()
    noticed = 0
    for at in range(0, len(content), 101):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        try:
            assert tables.read("siglip_embeddings", album_id).equals(good)
        except AlbumscopeError as error:
            assert str(path) in str(error)
            noticed += 1
    assert noticed > 100


# Trouble with a snapshot


def current(data_dir: Path) -> Path:
    name = reading.current_name(data_dir)
    assert name is not None
    return reading.snapshots_folder(data_dir) / name


def cut(folder: Path) -> None:
    content = (folder / "catalog.duckdb").read_bytes()
    (folder / "catalog.duckdb").write_bytes(content[:-1000])


def flip(folder: Path) -> None:
    content = bytearray((folder / "images.faiss").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / "images.faiss").write_bytes(content)


def lose_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def garble_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")


def lose_all(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.usefixtures("quick_runs")
@pytest.mark.parametrize("damage", [cut, flip, lose_manifest, garble_manifest, lose_all])
def test_a_damaged_snapshot_is_told_and_mended(
    run: Run, demo_copy: Path, damage: Callable[[Path], None]
) -> None:
    damage(current(demo_copy))
    assert_one_line(run("search", "a cat"), "is damaged", "run `albumscope sync` to publish it")
    assert run("snapshots").code == 0
    assert run("status").code == 0
    assert run("sync").code == 0
    assert run("search", "a cat", "--json").json[0]["path"] == str(CAT)


@pytest.fixture
def two_snapshots(run: Run, demo_copy: Path, quick_runs: object) -> tuple[str, str]:
    """An older snapshot, of all demo photos, and a newer one without any."""
    older = current(demo_copy).name
    run("remove-folder", DEMO)
    run("sync")
    return older, current(demo_copy).name


def test_an_older_snapshot_can_be_published(
    run: Run, demo_copy: Path, two_snapshots: tuple[str, str]
) -> None:
    older, newer = two_snapshots
    assert run("images", "--json").json == []
    flip(current(demo_copy))
    listed = {row["name"]: row["state"] for row in run("snapshots", "--json").json}
    assert listed[older] == "good"
    assert "damaged" in listed[newer]
    assert_one_line(run("images"), f"Snapshot {newer} is damaged", "snapshots --publish NAME")
    assert_one_line(run("snapshots", "--publish", newer), f"Snapshot {newer} is damaged")
    result = run("snapshots", "--publish", older)
    assert (result.code, result.out) == (0, "")
    assert len(run("images", "--json").json) == 28


def test_a_sync_mends_an_older_snapshot_that_was_published(
    run: Run, demo_copy: Path, two_snapshots: tuple[str, str]
) -> None:
    older, newer = two_snapshots
    run("snapshots", "--publish", older)
    assert run("sync").code == 0
    assert current(demo_copy).name == older  # nothing is new: it stays
    lose_manifest(current(demo_copy))
    assert run("sync").code == 0
    assert current(demo_copy).name == newer


def test_without_a_snapshot_it_says_how_to_get_one(run: Run, data_dir: Path) -> None:
    for command in (["search", "cat"], ["images"]):
        assert_one_line(run(*command), str(data_dir), "albumscope add-folder", "albumscope sync")
