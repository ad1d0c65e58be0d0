"""Dagster's storage is that of one library."""

import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.instance import keep_to_one_library, open_instance
from pipeline.assets.project import definitions
from pipeline.cli import servers
from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.settings import Settings, load_settings
from pipeline.shipped import shipped
from pipeline.sources import folder
from tests.pipeline.command_line import Run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME for all."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CAPTION_MODEL", "none")
    return tmp_path / "home"


def make_library(data_dir: Path, *titles: str) -> Library:
    library = Library(Settings(data_dir=data_dir))
    for title in titles:
        photos = data_dir.with_name(f"photos of {data_dir.name}") / title
        photos.mkdir(parents=True)
        Image.new("RGB", (32, 24), "navy").save(photos / "photo.jpg")
        folder.register(library.storage, folder.Registration(str(photos)))
    return library


def use(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the environment name this library."""
    monkeypatch.setenv("DATA_DIR", str(library.settings.data_dir))
    load_settings.cache_clear()


def find_albums(library: Library) -> set[str]:
    with open_instance(library.settings) as instance:
        assert not sync.find_albums(library, instance).failed
        return set(instance.get_dynamic_partitions("albums"))


def test_a_second_library_is_told_to_have_a_home_of_its_own(
    home: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_library(tmp_path / "first", "A", "B")
    second = make_library(tmp_path / "second", "C")
    partitions = find_albums(first)
    assert len(partitions) == 2

    use(second, monkeypatch)
    error = run("sync").error
    assert f"{home} is that of the library {tmp_path / 'first'}" in error
    assert "set DAGSTER_HOME" in error and "sync --moved" in error
    with socket.socket() as probe:
        probe.bind((servers.LOCALHOST, 0))
        port = probe.getsockname()[1]
    assert run("dagster", "--port", port).error == error

    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    workspace = ["--workspace", str(shipped("workspace.yaml"))]
    loaded = subprocess.run(
        [*command, *workspace], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 1
    assert f"that of the library {tmp_path / 'first'}" in loaded.stdout + loaded.stderr

    # And whoever loaded the definitions before the first library was there:
    project = definitions(second)
    with open_instance(first.settings) as instance:
        job = project.resolve_job_def("find_albums")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success
        for name in ("album_changes", "nightly_sync"):
            with pytest.raises(dg.DagsterResourceFunctionError) as raised:
                evaluate(project, name, instance)
            assert isinstance(raised.value.__cause__, AlbumscopeError)
        assert set(instance.get_dynamic_partitions("albums")) == partitions

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "second home"))
    assert len(find_albums(Library(Settings(data_dir=second.settings.data_dir)))) == 1


def evaluate(project: dg.Definitions, name: str, instance: dg.DagsterInstance) -> object:
    """What the daemon does at a tick."""
    resources = dict(project.resources or {})
    if name == "nightly_sync":
        schedule_context = dg.build_schedule_context(instance, resources=resources)
        return project.resolve_schedule_def(name).evaluate_tick(schedule_context)
    sensor_context = dg.build_sensor_context(instance, resources=resources)
    return project.resolve_sensor_def(name).evaluate_tick(sensor_context)


def test_a_library_that_was_moved(
    home: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make_library(tmp_path / "before", "A")
    find_albums(library)
    (tmp_path / "before").rename(tmp_path / "after")
    use(Library(Settings(data_dir=tmp_path / "after")), monkeypatch)
    assert f"that of the library {tmp_path / 'before'}" in run("sync").error
    assert run("sync", "--moved").code == 0
    assert run("sync").code == 0


def test_a_library_that_was_moved_with_the_home_inside(tmp_path: Path) -> None:
    find_albums(make_library(tmp_path / "before", "A"))
    (tmp_path / "before").rename(tmp_path / "after")
    assert len(find_albums(Library(Settings(data_dir=tmp_path / "after")))) == 1
    elsewhere = Settings(data_dir=tmp_path / "b", dagster_home=tmp_path / "after" / "dagster")
    with pytest.raises(AlbumscopeError, match=str(tmp_path / "after")):
        open_instance(elsewhere)
    in_a_bucket = Settings(data_dir=tmp_path / "after", library_url="s3://photos/library")
    with pytest.raises(AlbumscopeError, match="cannot be that of s3://photos/library"):
        open_instance(in_a_bucket)


def test_machines_that_share_a_bucket_have_one_library(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as shared:
        for machine in ("one", "two"):
            settings = Settings(data_dir=tmp_path / machine, library_url="s3://photos/library")
            keep_to_one_library(shared, settings)
        other = Settings(data_dir=tmp_path / "one", library_url="s3://photos/other")
        shared.add_dynamic_partitions("albums", ["of-photos-library"])
        with pytest.raises(AlbumscopeError, match="s3://photos/library, and cannot"):
            keep_to_one_library(shared, other)


def test_a_mistyped_library_claims_nothing(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for url in ("s3://fotos/library", "s3://photos/library"):
            keep_to_one_library(instance, Settings(data_dir=tmp_path, library_url=url))


def test_a_copied_configuration_means_the_same_folder_from_everywhere(
    home: Path, tmp_path: Path, data_dir: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    configuration = home / "dagster.yaml"
    configuration.write_text(shipped("dagster.yaml").read_text())
    library = make_library(data_dir, "A")
    use(library, monkeypatch)
    for working_directory in ("here", "there"):
        (tmp_path / working_directory).mkdir()
        monkeypatch.chdir(tmp_path / working_directory)
        assert len(find_albums(library)) == 1
        with dg.DagsterInstance.get() as as_dagster_opens_it:
            assert len(as_dagster_opens_it.get_dynamic_partitions("albums")) == 1
        assert not list(Path.cwd().iterdir())

    configuration.write_text("storage:\n  sqlite:\n    base_dir: data/dagster\n")
    error = run("sync").error
    assert f"base_dir: data/dagster in {configuration} is another folder" in error
    assert "give the whole path" in error


def test_albums_that_did_not_run_are_named(
    data_dir: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another sync deletes a partition meanwhile."""
    monkeypatch.setenv("CAPTION_MODEL", "none")
    library = make_library(data_dir, "A", "B")
    find_albums_as_it_is = sync.find_albums

    def find_albums_and_lose_one(library: Library, instance: dg.DagsterInstance) -> object:
        discovered = find_albums_as_it_is(library, instance)
        instance.delete_dynamic_partition("albums", library.albums()[1]["album_id"])
        return discovered

    monkeypatch.setattr(sync, "find_albums", find_albums_and_lose_one)
    use(library, monkeypatch)
    result = run("sync")
    assert result.code == 1
    lost = library.albums()[1]
    assert f"Error: {lost['title']} ({lost['album_id']}) was not brought in" in result.err
    assert "1 album brought up to date" in result.err
    monkeypatch.setattr(sync, "find_albums", find_albums_as_it_is)
    assert run("sync").code == 0
