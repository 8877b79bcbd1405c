"""Runs one job in a subprocess and always returns a row for every cell of it.

A worker that crashes, hangs, runs out of memory or is killed costs its own job and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.execution.devices import Slot
from bench.records.cell import SCHEMA, Cell
from bench.records.store import with_files

POLL_SECONDS = 0.1
OUTPUT_LINES = 20


@dataclass(frozen=True)
class Job:
    """The cells that one worker trains: equal but for their seeds."""

    cells: list[Cell]
    cache: Path
    time_limit: float


@dataclass(frozen=True)
class Row:
    """What came back for one cell: a record and the files beside it."""

    data: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)


class Workers:
    """The live worker processes, so that an interrupted command leaves none behind."""

    def __init__(self) -> None:
        self._live: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, folder: Path, slot: Slot, output: Any) -> subprocess.Popen[bytes] | None:
        """A new worker, or None where the command is being stopped."""
        with self._lock:
            if self._stopped:
                return None
            worker = subprocess.Popen(
                [sys.executable, "-m", "bench.execution.worker", str(folder)],
                env={**os.environ, **slot.environment()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._live.add(worker)
            return worker

    def end(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker and whatever it started; nothing happens where all is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        with self._lock:
            self._live.discard(worker)

    def stop(self) -> None:
        """Kill all workers and let no new one start."""
        with self._lock:
            self._stopped = True
            live = list(self._live)
        for worker in live:
            self.end(worker)


def supervise(
    job: Job, slot: Slot, workers: Workers, progress: Callable[[float], None]
) -> list[Row]:
    """Train a job on a slot; returns one row per cell, in any case but that of a stop."""
    begun = time.monotonic()
    try:
        return _supervised(job, slot, workers, progress, begun)
    except OSError as error:  # no room for its folder, or no process to be had
        reason = f"the worker could not be run ({error.strerror or error})"
        seconds = (time.monotonic() - begun) / len(job.cells)
        return [_failed(cell, "crashed", reason, "", slot, seconds) for cell in job.cells]


def _supervised(
    job: Job, slot: Slot, workers: Workers, progress: Callable[[float], None], begun: float
) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-job-") as name:
        folder = Path(name)
        _describe(folder, job, slot)
        with open(folder / "output.txt", "wb") as output:
            worker = workers.start(folder, slot, output)
            if worker is None:
                return []
            timed_out = not _wait(worker, folder, begun + job.time_limit, progress)
            code = worker.returncode
            workers.end(worker)
        seconds = time.monotonic() - begun
        status, reason = ("timed_out", f"stopped after the time limit of {job.time_limit:g} s")
        if not timed_out:
            status, reason = _verdict(code, folder)
        output_lines = _last_lines(folder / "output.txt")
        return [
            _finished(folder / cell.key, seconds / len(job.cells))
            if (folder / cell.key).is_dir()
            else _failed(cell, status, reason, output_lines, slot, seconds / len(job.cells))
            for cell in job.cells
        ]


def _describe(folder: Path, job: Job, slot: Slot) -> None:
    description = {
        "cells": [cell.to_json() for cell in job.cells],
        "cache": str(job.cache.absolute()),
        "device": slot.device,
        "parent": os.getpid(),
    }
    (folder / "job.json").write_text(json.dumps(description), encoding="utf-8")


def _wait(
    worker: subprocess.Popen[bytes],
    folder: Path,
    deadline: float,
    progress: Callable[[float], None],
) -> bool:
    """Until the worker has ended; False if the deadline came first."""
    while time.monotonic() < deadline:
        try:
            worker.wait(POLL_SECONDS)
            return True
        except subprocess.TimeoutExpired:
            progress(_fraction(folder))
    return False


def _fraction(folder: Path) -> float:
    try:
        return float(json.loads((folder / "progress.json").read_text())["fraction"])
    except FileNotFoundError:
        return 0.0


def _verdict(code: int, folder: Path) -> tuple[str, str]:
    for name, status in (("reason.txt", "crashed"), ("out_of_memory.txt", "out_of_memory")):
        if (folder / name).is_file():
            return status, (folder / name).read_text(encoding="utf-8")
    if code < 0:
        killer = signal.Signals(-code).name
        status = "killed" if -code in (signal.SIGKILL, signal.SIGTERM) else "crashed"
        hint = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
        return status, f"the worker was ended by {killer}{hint}"
    last = [line for line in _last_lines(folder / "output.txt").splitlines() if line.strip()]
    return "crashed", last[-1].strip() if last else f"the worker ended with exit code {code}"


def _last_lines(file: Path) -> str:
    with open(file, "rb") as output:
        output.seek(max(file.stat().st_size - 20_000, 0))
        text = output.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-OUTPUT_LINES:])


def _finished(folder: Path, seconds: float) -> Row:
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    data = json.loads(files.pop("record.json"))
    data["run"]["job_seconds"] = seconds
    return Row(data, files)


def _failed(cell: Cell, status: str, reason: str, output: str, slot: Slot, seconds: float) -> Row:
    data = {
        "schema": SCHEMA,
        "key": cell.key,
        "cell": cell.to_json(),
        "ingredients": cell.ingredients(),
        "status": status,
        "reason": reason,
        "output": output,
        "result": {},
        "run": {"device": slot.device, "job_seconds": seconds},
    }
    return Row(with_files(data, {}))
