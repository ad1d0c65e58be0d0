"""A worker that is lost is seen: Redis, a worker, and its power cut."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from pipeline.assets import celery_runs
from pipeline.assets.celery_runs import CeleryLauncher
from tests.conftest import PROJECT_ROOT
from tests.standins.redis import redis_server
from tests.waiting import wait_for


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a Redis server, which Celery is told of."""
    if not shutil.which("redis-server"):
        pytest.skip("Redis is not installed: apt-get install redis-server")
    with redis_server(tmp_path) as url:
        monkeypatch.setenv("CELERY_BROKER_URL", f"{url}/0")
        monkeypatch.setenv("CELERY_RESULT_BACKEND", f"{url}/1")
        yield url


def test_a_lost_worker_is_seen(redis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery_runs, "_PATIENCE", 5.0)
    launcher = CeleryLauncher("dagster", f"{redis}/0", f"{redis}/1")
    task = launcher.celery.send_task("sleep", queue="dagster")
    run = dg.DagsterRun("sync_album", tags={DAGSTER_CELERY_TASK_ID_TAG: task.id})

    def status() -> WorkerStatus:
        return launcher.check_run_worker_health(run).status

    assert status() == WorkerStatus.UNKNOWN  # nobody has taken it yet
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tests.pipeline.assets.sleepy", "worker"],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: task.state == "STARTED", "the worker to take it")
        assert status() == WorkerStatus.RUNNING
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    found = launcher.check_run_worker_health(run)
    assert found.status == WorkerStatus.FAILED
    assert str(found.msg).endswith("was lost")
