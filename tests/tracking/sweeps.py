"""Sweeps that are sent to MLflow, and what it holds afterwards."""

import socket
import time
from collections.abc import Callable
from functools import cached_property

from bench.tracking import Tracker
from bench.tracking.sender import Sender, answer
from bench.tracking.telling import cause

STUDY = "small"
EVALUATIONS = [
    {"update": 0, "generator_update": 0, "modes_20": 0.0, "reverse_kl": None},
    {"update": 250, "generator_update": 50, "modes_20": 3.0, "reverse_kl": 1.25},
    {"update": 500, "generator_update": 100, "modes_20": 8.0, "reverse_kl": 0.5},
]
WHOLE = {
    "discriminator_median_norm": None,
    "discriminator_spikes": 4.0,
    "generator_spikes_per_10k": 0.0,
}
RESULT = {"cost": {"discriminator_updates": 500, "generator_updates": 100}}
RUN = {
    "commit": "abc123",
    "training_seconds": 2.5,
    "job_seconds": 4.0,
    "peak_memory_mb": 300.0,
    "device": "cpu",
    "finished_at": "2026-01-02T03:04:05Z",
}


def children(client, **tags):
    """The active child runs of the study, those with some tags."""
    experiment = client.get_experiment_by_name(STUDY)
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    return [
        run
        for run in runs
        if "mlflow.parentRunId" in run.data.tags and tags.items() <= run.data.tags.items()
    ]


def parents(client):
    experiment = client.get_experiment_by_name(STUDY)
    runs = client.search_runs([experiment.experiment_id])
    return [run for run in runs if "mlflow.parentRunId" not in run.data.tags]


def history(client, run, name):
    points = client.get_metric_history(run.info.run_id, name)
    return [(point.step, point.value) for point in points]


def send(results, *records, uri=None):
    with Tracker(results, STUDY, uri) as tracker:
        tracker.send(records)
    return tracker


def until(happened: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class InProcess:
    """Sends in this process: what MLflow is told does not depend on where it is told from."""

    ready, calling, heard = True, False, 0.0

    def __init__(self, **made_with):
        self._made_with, self._parts = made_with, []

    @cached_property
    def _sender(self):
        return Sender(**self._made_with, tell=self._parts.append)

    def ask(self, request):
        try:
            self._parts.append(answer(self._sender, request))
        except Exception as error:
            raise RuntimeError(cause(error)) from error
        finally:
            parts, self._parts[:] = [p for p in self._parts if "calling" not in p], []
            yield from parts

    def kill(self):
        pass
