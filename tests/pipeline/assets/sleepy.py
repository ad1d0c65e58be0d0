"""A worker as several machines have it, with a run that takes its time."""

import time

from pipeline.assets.celery_runs import app


@app.task(name="sleep", track_started=True)
def sleep() -> None:
    time.sleep(600)
