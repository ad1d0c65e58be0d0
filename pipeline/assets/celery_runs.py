"""Dagster's runs on several machines: each is a Celery task, taken by a worker that is free.

A worker is a machine with Albumscope, its settings and a DAGSTER_HOME like that of the others,
started by ``celery -A pipeline.assets.celery_runs worker``. Celery reads from the environment
where tasks wait, CELERY_BROKER_URL, and where it is kept how they go, CELERY_RESULT_BACKEND.
"""

import dagster as dg

# What a launcher says of a run's health is not exported.
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.config import DEFAULT_CONFIG
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.make_app import make_app
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task
from typing_extensions import override

_A_WEEK = 7 * 24 * 3600  # seconds: longer than any run
_PATIENCE = 20.0  # seconds that a worker has to say what it is at
_CONFIG = {
    # A worker takes a run when it is free for it, and none in advance: that would wait for it, and
    # be lost with it.
    "worker_concurrency": 1,
    "worker_prefetch_multiplier": 1,
    "task_acks_late": True,
    # Each run has a process of its own, as it has without Celery.
    "worker_max_tasks_per_child": 1,
    # What a lost worker was at is Dagster's to start again. Redis would do so, too, after an hour.
    "broker_transport_options": DEFAULT_CONFIG["broker_transport_options"]
    | {"visibility_timeout": _A_WEEK},
    "broker_connection_retry_on_startup": True,
    "result_expires": _A_WEEK,
}

app = make_app({"config_source": DEFAULT_CONFIG | _CONFIG})
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)


class CeleryLauncher(CeleryRunLauncher):  # type: ignore[misc]
    """Dagster's own launcher, which also sees that a worker is gone.

    To Celery the task of a machine that lost its power goes on for ever.
    """

    @override
    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the task goes on, and the worker that took it is still at it."""
        health: CheckRunHealthResult = super().check_run_worker_health(run)
        if health.status != WorkerStatus.RUNNING:
            return health
        task = self.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        info = task.info
        worker = info.get("hostname") if isinstance(info, dict) else None
        if worker is None:  # it has just ended
            return health
        asked = self.celery.control.inspect([worker], timeout=_PATIENCE)
        tasks = (asked.active() or {}).get(worker, ())
        if any(each["id"] == task.id for each in tasks) or task.state != "STARTED":
            return health
        return CheckRunHealthResult(WorkerStatus.FAILED, f"Worker {worker} was lost")
