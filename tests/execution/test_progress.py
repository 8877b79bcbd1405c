"""The estimate of the time that is left."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from bench.execution import progress as module
from bench.execution.progress import Progress
from bench.execution.scheduler import make_jobs


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_seconds_of_compiling_are_no_part_of_a_jobs_pace(clock, make_cell):
    jobs = make_jobs([make_cell()], Path("cache"), 60, workers=1)
    shown = Progress(jobs, 1, Console(file=io.StringIO()))
    shown.started(0)
    clock[0] = 40.0  # it has compiled until now
    shown.moved(0, 0.01)
    assert "time left unknown" in shown.line()
    clock[0] = 50.0
    shown.moved(0, 0.51)
    # half of it took ten seconds
    assert "about 0:10 min left" in shown.line()
