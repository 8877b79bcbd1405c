"""Jobs that are stopped in the middle, and go on: savepoints, memory, and what is left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.execution.devices import Slot
from bench.execution.jobs import Job
from bench.execution.supervisor import Place, Workers
from bench.training.savepoints import forget, resumable

pytestmark = pytest.mark.slow

UPDATES = 400
HEAD = """
import os, subprocess, time
from dataclasses import dataclass
import torch
from bench.method import Method

@dataclass(frozen=True)
class Mine(Method):
    def discriminator_loss(self, real_logits, fake_logits):
"""
SLOW = "        time.sleep(0.02)\n"
MEMORY = "        if len(real_logits) > 2: raise torch.OutOfMemoryError('too much')\n"
NEVER = "        raise torch.OutOfMemoryError('too much')\n"
ESCAPES = """
        subprocess.Popen(["sleep", "1234"], start_new_session=True)
        import ctypes
        ctypes.PyDLL(None).sleep(600)  # holds the interpreter
"""
TAIL = "        return super().discriminator_loss(real_logits, fake_logits)\n"
BODIES = {"slow": SLOW, "memory": MEMORY, "never": NEVER, "escapes": ESCAPES}


@pytest.fixture
def cell_of(methods_folder, make_cell):
    for name, body in BODIES.items():
        (methods_folder / f"{name}.py").write_text(HEAD + body + TAIL)
    return lambda method, seed=0, **own: make_cell(method, seed, **own)


def contents(rows):
    """What rows hold: numbers, and the content of files that are gone with the job's folder."""
    return [
        (
            row.data["result"],
            {n: f.read_bytes() if isinstance(f, Path) else f for n, f in row.files.items()},
        )
        for row in rows
    ]


def work(job, workers=None):
    """The rows of a job, and what they hold."""
    rows, held = [], []

    def take(found):
        held.extend(contents(found))
        rows.extend(found)

    place = Place(Slot("cpu"), workers or Workers())
    place.work(job, lambda _: None, take)
    place.release()
    return rows, held


def begun(job, workers):
    """Start a job on a thread, and return once its first savepoint is there."""
    thread = threading.Thread(target=work, args=(job, workers))
    thread.start()
    deadline = time.monotonic() + 120
    while not resumable(job.cache) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert resumable(job.cache)
    return thread


@pytest.fixture
def slow_jobs(cell_of, tmp_path):
    def make(name, **own):
        cells = [cell_of("slow", seed, updates=UPDATES) for seed in (0, 1)]
        return Job(cells, tmp_path / name, own.pop("time_limit", 300), **own)

    return make


def test_a_job_that_is_stopped_killed_or_out_of_time_goes_on_to_the_same_record(slow_jobs):
    whole, expected = work(slow_jobs("whole"))
    assert [row.data["status"] for row in whole] == ["ok", "ok"]

    # stopped: a savepoint at once, and nothing is handed over
    workers = Workers()
    thread = begun(slow_jobs("parts", save_every=0.5), workers)
    before = max(resumable(slow_jobs("parts").cache).values())
    workers.stop()
    thread.join(30)
    at = max(resumable(slow_jobs("parts").cache).values())
    assert before <= at < UPDATES

    # killed: it goes on from the last savepoint that was written in time
    workers = Workers()
    thread = threading.Thread(target=work, args=(slow_jobs("parts", save_every=0.5), workers))
    thread.start()
    while max(resumable(slow_jobs("parts").cache).values()) <= at:
        time.sleep(0.05)
    (worker,) = workers._live
    os.killpg(worker.process.pid, signal.SIGKILL)
    thread.join(30)

    # out of time: a savepoint, too, and a row that says so
    rows, _ = work(slow_jobs("parts", time_limit=1.0))
    assert {row.data["status"] for row in rows} == {"timed_out"}

    rows, found = work(slow_jobs("parts"))
    assert [row.data["status"] for row in rows] == ["ok", "ok"]
    assert len(rows[0].data["run"]["resumed"]) >= 2
    assert found == expected
    # they stay until the records are stored
    cache, group = slow_jobs("parts").cache, slow_jobs("parts").cells[0].group
    for seed in (0, 1):
        forget(cache, group, seed)
    assert not list((cache / "savepoints").iterdir())


def test_a_stack_that_does_not_fit_is_split_and_the_size_remembered(cell_of, tmp_path):
    cells = [cell_of("memory", seed) for seed in range(5)]
    rows, held = work(Job(cells, tmp_path / "cache", 300))
    assert [row.data["status"] for row in rows] == ["ok"] * 5
    assert [row.data["run"]["population"] for row in rows] == [2] * 5
    assert rows[0].data["run"]["notes"] == ["more than 2 seeds at a time do not fit into memory"]
    assert [f.read_text() for f in (tmp_path / "cache" / "fits").iterdir()] == ["2"]
    # the numbers do not depend on the company
    _, alone = work(Job(cells[3:4], tmp_path / "cache", 300))
    assert alone == held[3:4]


def test_what_does_not_even_fit_alone_has_failed(cell_of, tmp_path):
    rows, _ = work(Job([cell_of("never")], tmp_path / "cache", 300))
    assert (rows[0].data["status"], rows[0].data["reason"]) == ("out_of_memory", "too much")


def test_rows_come_as_soon_as_a_block_is_done(cell_of, tmp_path):
    cells = [cell_of("slow", seed, updates=30) for seed in (0, 5)]
    came: list[float] = []
    place = Place(Slot("cpu"), Workers())
    place.work(
        Job(cells, tmp_path / "cache", 300),
        lambda _: None,
        lambda rows: came.extend([time.monotonic()] * len(rows)),
    )
    place.release()
    assert len(came) == 2
    assert came[1] - came[0] > 0.3


STARTER = """
import json, os, sys, threading
from pathlib import Path
from bench.execution.devices import Slot
from bench.execution.jobs import Job
from bench.execution.supervisor import Place, Workers
from bench.records.cell import Cell

cell = Cell.from_json(json.loads(sys.argv[2]))
workers = Workers()
place = Place(Slot("cpu"), workers)
place.work(Job([cell], Path(sys.argv[1]), 600), lambda _: None, print)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found by /proc")
def test_nothing_is_left_of_a_run_that_is_killed(cell_of, tmp_path):
    text = json.dumps(cell_of("escapes").to_json())
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path), text])
    deadline = time.monotonic() + 120
    while not (below := sleeping(starter.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert below, "the method has not begun"
    everyone = descendants(starter.pid)
    starter.kill()
    starter.wait()
    deadline = time.monotonic() + 5
    while alive(everyone) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(everyone)


def descendants(process: int) -> set[int]:
    found: set[int] = set()
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            found |= {child} | descendants(child)
    return found


def sleeping(process: int) -> set[int]:
    return {p for p in descendants(process) if b"1234" in Path(f"/proc/{p}/cmdline").read_bytes()}


def alive(processes: set[int]) -> set[int]:
    def lives(process: int) -> bool:
        try:
            return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return {process for process in processes if lives(process)}
