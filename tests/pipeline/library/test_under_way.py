"""What is told of work while it is going on: by whoever works, and of those who were killed."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.library import under_way
from pipeline.library.under_way import Progress, UnderWay
from pipeline.storage.disk import DiskStorage
from tests.waiting import wait_for

ALBUMS: dict[str, Any] = {
    name: {"album_id": name, "title": name.title(), "photo_count": 10}
    for name in ("harbour", "zoo")
}


def seen(storage: DiskStorage) -> under_way.Work:
    """What somebody else sees, once there is anything. Raises AssertionError if there never is."""
    return wait_for(lambda: under_way.under_way(storage), "the work to be told", every=0.01)


def test_work_is_told_by_stage_while_it_goes_on_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "BEAT", 0.01)
    storage = DiskStorage(tmp_path)
    telling = UnderWay(storage)
    with telling.working():
        assert seen(storage).stages == {}
        telling.expect("faces", ALBUMS)
        with telling.working(on="faces"):
            telling.done("faces", ALBUMS["harbour"], 10)
            telling.done("faces", ALBUMS["zoo"], 3)
            while "faces" not in (work := seen(storage)).doing or work.albums != ("Zoo",):
                pass
            assert work.stages == {"faces": Progress(13, 20)}
    assert under_way.under_way(storage) is None
    assert storage.names(under_way.FOLDER) == []


def test_who_was_killed_does_not_work_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "BEAT", 0.01)
    script = (
        "import sys, time; from pathlib import Path; from pipeline.library import under_way;"
        " from pipeline.storage.disk import DiskStorage; under_way.BEAT = 0.01;\n"
        "with under_way.UnderWay(DiskStorage(Path(sys.argv[1]))).working(): time.sleep(60)"
    )
    storage = DiskStorage(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    while not storage.names(under_way.FOLDER):
        assert process.poll() is None
    assert under_way.under_way(storage)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (left,) = storage.names(under_way.FOLDER)
    assert under_way.under_way(storage) is None

    elsewhere = json.loads(storage.read(f"{under_way.FOLDER}/{left}")) | {"host": "elsewhere"}
    storage.write_text(f"{under_way.FOLDER}/other.json", json.dumps(elsewhere))
    assert under_way.under_way(storage)  # it may yet write again
    elsewhere["at"] -= 120
    storage.write_text(f"{under_way.FOLDER}/other.json", json.dumps(elsewhere))
    assert under_way.under_way(storage) is None

    with UnderWay(storage).working():
        seen(storage)
        assert len(storage.names(under_way.FOLDER)) == 1  # the others' are swept
