"""Flickr albums from the command line."""

import json
from collections import Counter
from typing import Any

import pytest

from pipeline.settings import Settings
from pipeline.sources.events import event_of_title
from tests.pipeline.command_line import Run
from tests.pipeline.sources.flickr_library import FlickrLibrary, new_photo
from tests.standins.flickr import Album, FlickrStandIn, User, make_albums

# --- The command line ----------------------------------------------------------------------------


@pytest.fixture
def run(settings: Settings, run: Run) -> Run:
    """The command line, with the stand-in's settings."""
    return run


@pytest.mark.usefixtures("quick_runs")
def test_albums_say_what_is_new_in_each(flickr: FlickrStandIn, run: Run) -> None:
    def states() -> list[tuple[str, int, int, int | None, str]]:
        columns = ("title", "photo_count", "synced", "new", "state")
        return [tuple(album[name] for name in columns) for album in run("albums", "--json").json]

    titles = [album.title for album in flickr.albums]
    assert states() == [(title, 5, 0, 5, "new") for title in titles]
    assert run("sync").code == 0
    assert states() == [(title, 5, 5, 0, "complete") for title in titles]
    flickr.add_photo(flickr.albums[1], new_photo(1))
    flickr.add_photo(flickr.albums[1], new_photo(2))
    flickr.add_album(Album("72157799999999", "New 2024", [new_photo(3)]))
    assert states() == [
        ("New 2024", 1, 0, 1, "new"),
        (titles[0], 5, 5, 0, "complete"),
        (titles[1], 7, 5, None, "changed"),
        (titles[2], 5, 5, 0, "complete"),
        (titles[3], 5, 5, 0, "complete"),
    ]


def test_a_dry_run_counts_and_changes_nothing(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    def counts(*arguments: str) -> list[tuple[int, int, int, int]]:
        columns = ("new", "kept", "removed", "to_download")
        rows = run("sync", "--dry-run", "--json", *arguments).json
        return [tuple(row[name] for name in columns) for row in rows]

    assert counts() == [(5, 0, 0, 5)] * 4
    assert not library.tables.partitions("albums") and not library.pictures()
    assert "20 to download, about 5.6 MB" in run("sync", "--dry-run").err
    library.bring_in()
    before = library.files()
    assert counts() == [(0, 5, 0, 0)] * 4
    first, second = flickr.albums[:2]
    flickr.move_photo(first.photos[0], first, second)
    flickr.add_photo(second, new_photo(1))
    flickr.replace_picture(second.photos[0])
    flickr.replace_picture(flickr.albums[2].photos[0])  # which only a look can find
    assert counts() == [(0, 4, 1, 0), (3, 4, 0, 2), (0, 5, 0, 0), (0, 5, 0, 0)]
    assert counts(flickr.albums[2].id) == [(1, 4, 0, 1)]
    assert library.files() == before and not flickr.downloads.keys() & {new_photo(1).id}


@pytest.mark.usefixtures("quick_runs")
def test_what_is_said_of_an_album_is_kept_in_events_toml(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    album = flickr.albums[1]
    said = ("--event", "東京 trip", "--year", "2011", "--event-type", "trip")
    assert run("sync", album.id, *said, "--album-title", "Day 1").code == 0
    events = (library.settings.data_dir / "events.toml").read_text()
    for text in (album.id, "東京 trip", "2011", '"trip"', "Day 1"):
        assert text in events
    shown = {row["album_id"]: row for row in run("albums", "--json").json}
    columns = ("title", "event_name", "event_year", "event_type", "state")
    assert [shown[album.id][name] for name in columns] == [
        *("Day 1", "東京 trip", 2011, "trip", "complete")
    ]
    assert set(library.tables.partitions("raw_images")) == {album.id}
    found = run(
        "search", "harbour", "--mode", "text", "--event", "東京 trip", "--year", "2011", "--json"
    ).json
    assert {(hit["album_id"], hit["album_title"]) for hit in found} == {(album.id, "Day 1")}
    # Said later, and of the same album: the rest stays.
    assert run("sync", album.id, "--year", "2012").code == 0
    (row,) = [row for row in run("albums", "--json").json if row["album_id"] == album.id]
    assert [row[name] for name in columns] == [*("Day 1", "東京 trip", 2012, "trip", "complete")]


def test_events_toml_with_a_pattern_and_with_a_mistake(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    for album, title in zip(
        flickr.albums,
        ("PyCon JP 2024 Conference Day1", "PyCon mini 東海 2025", "Sprint", "pycon jp 2024 party"),
        strict=True,
    ):
        flickr.edit_album(album, title=title)

    def events() -> list[tuple[str, int, str]]:
        columns = ("event_name", "event_year", "event_type")
        return [tuple(album[name] for name in columns) for album in run("albums", "--json").json]

    assert events() == [
        ("PyCon JP 2024", 2024, None),
        ("PyCon mini 東海 2025", 2025, None),
        ("Sprint", None, None),
        ("pycon jp 2024", 2024, None),
    ]
    library.settings.data_dir.mkdir(exist_ok=True)
    file = library.settings.data_dir / "events.toml"
    file.write_text(
        '# ours\n[[event]]\nalbum = "PyCon JP 2024*"\nevent = "PyCon JP 2024"\n'
        'type = "conference"\n[[event]]\nalbum = "Sprint"\nyear = 2023\n'
    )
    assert events() == [
        ("PyCon JP 2024", 2024, "conference"),
        ("PyCon mini 東海 2025", 2025, None),
        ("Sprint", 2023, None),
        ("PyCon JP 2024", 2024, "conference"),
    ]
    for mistake in ('year = "soon"\nalbum = "x"', 'albums = "x"', "album = 5", "nonsense"):
        file.write_text(f"[[event]]\n{mistake}\n")
        for command in (("albums",), ("sync",), ("sync", "--dry-run")):
            assert str(file) in run(*command).error
    assert not library.tables.partitions("raw_images")


@pytest.mark.parametrize(
    ("title", "event", "year"),
    [
        ("PyCon JP 2024 Conference Day1", "PyCon JP 2024", 2024),
        ("PyCon mini 東海 2025", "PyCon mini 東海 2025", 2025),
        ("PyCon JP 2024年9月27日", "PyCon JP 2024", 2024),
        ("Things and Places", "Things and Places", None),
        ("Photo 20240927", "Photo 20240927", None),
        ("Summer Trip (2019) Day 1", "Summer Trip", 2019),
        ("(2019) Harvest", "Harvest", 2019),
        ("Meetup [2021]", "Meetup", 2021),
        ("花見（2018年）上野", "花見", 2018),
        ("(2019)", "(2019)", 2019),
        ("", "", None),
    ],
)
def test_the_event_of_a_title(title: str, event: str, year: int | None) -> None:
    assert event_of_title(title) == (event, year)


@pytest.mark.usefixtures("quick_runs")
def test_another_size_is_downloaded(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    flickr.albums = make_albums(1, 3, size=(900, 600))
    for photo in flickr.albums[0].photos:
        photo.downloadable = True
    assert run("sync", "--size", "z").code == 0
    widths = {max(row["width"], row["height"])
              for row in library.rows("raw_images", flickr.albums[0]).values()}  # fmt: skip
    assert widths == {640}
    assert "--size is one of" in run("sync", "--size", "x").err


@pytest.mark.parametrize("given", ["Ada Example", "https://www.flickr.com/photos/ada-example/"])
def test_the_user_is_given_by_name_or_by_page(
    flickr: FlickrStandIn, run: Run, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.delenv("FLICKR_USER_ID")
    for _ in range(2):
        assert len(run("albums", "--user-id", given, "--json").json) == 4
    asked = Counter(call.method for call in flickr.calls)
    assert asked.pop("flickr.photosets.getList") == 2
    assert asked.total() == 1  # the name is asked for once


@pytest.mark.usefixtures("quick_runs")
def test_another_users_albums_do_not_send_away_the_first_ones(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, run: Run
) -> None:
    flickr.user = User("11111111@N02", "Second", None)
    flickr.users.append(flickr.user)
    mine, flickr.albums = flickr.albums, [Album("72157711111111", "Hers 2020", [new_photo(1)])]
    assert run("sync", "--user-id", "Second").code == 0
    albums = {album["album_id"] for album in run("albums", "--user-id", "Second", "--json").json}
    assert albums == {"72157711111111", *(album.id for album in mine)}
    assert synced_once.published("SELECT count(*) FROM images") == [(21,)]


@pytest.mark.parametrize("command", [("albums",), ("sync",), ("sync", "--dry-run")])
def test_what_concerns_all_of_flickr_is_one_line(
    flickr: FlickrStandIn, run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    assert "Nobody" in run(*command, "--user-id", "Nobody").error
    with monkeypatch.context() as other:
        other.setenv("FLICKR_API_KEY", "f" * 32)
        assert "FLICKR_API_KEY" in run(*command).error
    calls = len(flickr.requests)
    assert calls <= 3  # none was tried again
    flickr.fail_next("503", times=8)
    assert "try again later" in run(*command).error
    flickr.stop()
    assert "cannot be reached" in run(*command).error


def test_an_unknown_album_is_one_line(run: Run) -> None:
    for command in (("sync", "123"), ("sync", "123", "--dry-run"), ("sync", "123", "--year", "9")):
        result = run(*command)
        if "--year" in command:
            assert result.code == 2
        else:
            assert "'123'" in result.error


def test_what_is_there_is_kept_while_flickr_is_down(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, run: Run
) -> None:
    before = synced_once.files()
    flickr.stop()
    assert "cannot be reached" in run("sync").error
    albums = run("albums", "--json")
    assert albums.code == 1 and len(json.loads(albums.out)) == 4
    assert synced_once.files() == before


def test_an_album_that_is_made_private_meanwhile_holds_up_no_other(
    flickr: FlickrStandIn, library: FlickrLibrary
) -> None:
    hidden = flickr.albums[1]
    listed = list(flickr.albums)
    get_list = flickr._get_list

    def as_before(params: dict[str, str]) -> dict[str, Any]:
        here, flickr.albums = flickr.albums, listed
        try:
            return get_list(params)
        finally:
            flickr.albums = here

    flickr.delete_album(hidden)
    flickr._get_list = as_before  # type: ignore[method-assign]
    synced = library.sync()
    assert set(synced.report.failed) == {hidden.id}
    assert hidden.id in synced.report.failed[hidden.id]
    assert len(synced.report.albums) == 3
    flickr._get_list = get_list  # type: ignore[method-assign]
    library.sync_quickly()
    library.assert_same_as_flickr()
