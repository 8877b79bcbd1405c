"""Hands jobs to worker processes and always returns a row for every cell of a job.

Each slot has one worker, which takes job after job. One that crashes, hangs, runs out of memory or
is killed costs its own job and nothing else: the next job gets a fresh worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from io import FileIO
from pathlib import Path

from bench.execution.devices import Slot
from bench.execution.jobs import (
    Ended,
    Job,
    Row,
    failed_rows,
    finished_rows,
    is_done,
    unfinished_rows,
)
from bench.execution.stopping import signal_name

WARDEN, WORKER = (Path(__file__).with_name(f"{name}.py") for name in ("warden", "worker_process"))
BEGUN, DONE, ENDED = b"b", b"d", b""
"""Answers of a worker, as ``worker_process.py`` gives them; and what its end counts as."""

STARTS = 2
"""Workers in a row that may end before they take a job, until their slot is set aside."""
START_SECONDS = 300.0
"""Time for a worker to start, beside the time limit of its job."""
STOP_SECONDS = 15.0
"""Time for a worker to write a savepoint when it is to end before its job has."""
END_SECONDS = 10.0
"""Time for a warden to end all that is below it."""
POLL_SECONDS = 0.1
OUTPUT_LINES, LAST_BYTES = 20, 20_000
"""Bytes that are kept of a job's output: its last lines."""
OUTPUT_BYTES = 2**20
"""Size of a job's output from which on its beginning is dropped."""


class SlotFailed(Exception):
    """Says that the workers of a slot end before they take a job; the text names the reason."""


class Worker:
    """Starts a worker process below its warden, and hands it one job after another.

    ``process`` is the warden: it ends as the worker has ended.
    """

    def __init__(self, slot: Slot, output: Path):
        answers, theirs = os.pipe()
        self._answers: FileIO | None = FileIO(answers, "rb")
        python, apart = sys.executable, ("-I", "-S")
        try:
            with open(output, "ab") as start:
                self.process = subprocess.Popen(
                    [python, *apart, WARDEN, python, WORKER, slot.device, str(theirs)],
                    env={**os.environ, **slot.environment(), "PYTHONSAFEPATH": "1"},
                    stdin=subprocess.PIPE,
                    stdout=start,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[theirs],
                    bufsize=0,
                )
        except BaseException:
            self.close()
            raise
        finally:
            os.close(theirs)

    def begin(self, folder: Path) -> bool:
        """Hand over a job; False if the process ended, or hung, before it took the job."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(str(folder)).encode() + b"\n")
        except BrokenPipeError:
            return False
        deadline, answer = time.monotonic() + START_SECONDS, None
        while answer is None and time.monotonic() < deadline:
            answer = self.answer()
        return answer == BEGUN

    def answer(self) -> bytes | None:
        """Wait a moment for an answer; ``ENDED`` once the process has ended, None without one."""
        if self._answers is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(POLL_SECONDS)
            return None if self.process.poll() is None else ENDED
        ended = self.process.poll() is not None
        if not _readable(self._answers, 0 if ended else POLL_SECONDS):
            return ENDED if ended else None
        answer = self._answers.read(1)
        if not answer:
            self.close()  # it ends, or something in it closed all its files
            return None
        return answer

    def stop(self) -> None:
        """Ask the worker to write a savepoint, if it trains, and to end."""
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Kill the worker and whatever it has started; nothing happens where all is gone."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # the warden does the rest
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Give up the pipe of the answers."""
        if self._answers is not None:
            self._answers.close()
            self._answers = None


def _readable(file: FileIO, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        return bool(selector.select(seconds))


class Workers:
    """Keeps the live worker processes, so that an interrupted command leaves none behind."""

    def __init__(self) -> None:
        self._live: set[Worker] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, slot: Slot, output: Path) -> Worker | None:
        """Return a new worker, or None if the command is being stopped."""
        with self._lock:
            if self._stopped:
                return None
            worker = Worker(slot, output)
            self._live.add(worker)
            return worker

    def end(self, worker: Worker) -> None:
        """Kill a worker and whatever it started; nothing happens where all is gone."""
        worker.end()
        with self._lock:
            self._live.discard(worker)

    def stop(self) -> None:
        """End all workers and let no new one start; those that train write savepoints first."""
        with self._lock:
            self._stopped = True
            live = list(self._live)
        try:
            for worker in live:
                worker.stop()
            deadline = time.monotonic() + STOP_SECONDS
            for worker in live:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(max(deadline - time.monotonic(), 0))
        finally:  # also where somebody is in a hurry
            for worker in live:
                self.end(worker)

    @property
    def stopped(self) -> bool:
        """Whether the command is being stopped."""
        with self._lock:
            return self._stopped


class Place:
    """Has jobs done on one slot, by a worker process that lives from job to job."""

    def __init__(self, slot: Slot, workers: Workers):
        self.slot = slot
        self._workers = workers
        self._worker: Worker | None = None

    def work(
        self, job: Job, progress: Callable[[float], None], take: Callable[[list[Row]], None]
    ) -> None:
        """Have a job done, and hand one row per cell to ``take``, each as soon as it is there.

        Nothing is handed over of cells that are not done when the command is being stopped.

        Raises:
            SlotFailed: two workers in a row ended before they took the job; it has cost nothing.
        """
        left, begun, taking = job, time.monotonic(), False

        def taken(rows: list[Row]) -> None:
            nonlocal left, begun, taking
            taking = True
            take(rows)
            taking = False
            done, begun = {row.data["key"] for row in rows}, time.monotonic()
            left = replace(left, cells=[cell for cell in left.cells if cell.key not in done])

        try:
            self._done(job, progress, lambda: left, taken)
        except OSError as error:  # no space for its folder, or no process can be started
            if taking:
                raise  # raised by the caller that handles the rows, not by the worker
            self.release()
            reason = f"the worker could not be run ({error.strerror or error})"
            seconds = (time.monotonic() - begun) / max(len(left.cells), 1)
            take(failed_rows(left, self.slot, "crashed", reason, seconds=seconds))

    def release(self) -> None:
        """End the worker of this slot, if there is one."""
        if self._worker is not None:
            self._workers.end(self._worker)
            self._worker.close()
            self._worker = None

    def _done(
        self,
        job: Job,
        progress: Callable[[float], None],
        left: Callable[[], Job],
        take: Callable[[list[Row]], None],
    ) -> None:
        jobs = (job.cache / "jobs").absolute()
        jobs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix="bench-job-", dir=jobs, ignore_cleanup_errors=True
        ) as name:
            folder, begun = Path(name), time.monotonic()
            output = folder / "output.txt"
            _describe(folder, job)
            worker = self._begin(folder)
            if worker is None:
                return

            def seconds(cells: int) -> float:
                nonlocal begun
                before, begun = begun, time.monotonic()
                return (begun - before) / cells

            def look() -> None:
                _shorten(output)
                progress(_fraction(folder))
                if done := [cell for cell in left().cells if is_done(job, folder, cell)]:
                    take(finished_rows(job, folder, done, self.slot, seconds(len(done))))

            answer = _wait(worker, time.monotonic() + job.time_limit, look)
            if answer is None:
                worker.stop()
                _wait(worker, time.monotonic() + STOP_SECONDS, lambda: _shorten(output))
            if answer != DONE:
                self.release()
            look()
            if self._workers.stopped and answer != DONE:
                return  # it was ended by us, and has not failed
            if not (cells := left().cells):
                return
            status, reason = ("timed_out", f"stopped after the time limit of {job.time_limit:g} s")
            if answer is not None:
                code = worker.process.returncode if answer == ENDED else None
                status, reason = _verdict(code, folder)
            ended = Ended(status, reason, _last_lines(output), self.slot, seconds(len(cells)))
            take(unfinished_rows(left(), folder, ended))

    def _begin(self, folder: Path) -> Worker | None:
        """Return a worker that has taken the job: this slot's, or a new one."""
        output, reason = folder / "output.txt", ""
        # one that trained before may have ended since, or find that its code was changed
        for _ in range(STARTS if self._worker is None else STARTS + 1):
            self._worker = self._worker or self._workers.start(self.slot, output)
            if self._worker is None:
                return None
            if self._worker.begin(folder):
                return self._worker
            hung, worker = self._worker.process.poll() is None, self._worker
            self.release()
            reason = (
                f"it did not start within {START_SECONDS:g} s"
                if hung
                else _verdict(worker.process.returncode, folder)[1]
            )
        raise SlotFailed(reason)


def _describe(folder: Path, job: Job) -> None:
    (folder / "job.json").write_text(json.dumps(job.describe()), encoding="utf-8")


def _wait(worker: Worker, deadline: float, look: Callable[[], None]) -> bytes | None:
    """Wait until the job has ended, and return the worker's last word; None at the deadline."""
    while time.monotonic() < deadline:
        answer = worker.answer()
        if answer is not None:
            return answer
        look()
    return None


def _fraction(folder: Path) -> float:
    try:
        return float(json.loads((folder / "progress.json").read_text())["fraction"])
    except FileNotFoundError:
        return 0.0


def _verdict(code: int | None, folder: Path) -> tuple[str, str]:
    """Return the status and reason of the cells without a record."""
    for name, status in (("reason.txt", "crashed"), ("out_of_memory.txt", "out_of_memory")):
        if (folder / name).is_file():
            return status, (folder / name).read_text(encoding="utf-8")
    if code is not None and code < 0:
        status = "killed" if -code in (signal.SIGKILL, signal.SIGTERM) else "crashed"
        hint = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
        return status, f"the worker was ended by {signal_name(-code)}{hint}"
    last = [line for line in _last_lines(folder / "output.txt").splitlines() if line.strip()]
    return "crashed", last[-1].strip() if last else f"the worker ended with exit code {code}"


def _shorten(file: Path) -> None:
    """Drop the beginning of a file that has grown long, while its writer goes on appending."""
    if file.stat().st_size > OUTPUT_BYTES:
        with open(file, "r+b") as output:
            output.seek(-LAST_BYTES, os.SEEK_END)
            last = output.read(LAST_BYTES)
            output.truncate(0)
        with open(file, "ab") as output:
            output.write(last)


def _last_lines(file: Path) -> str:
    with open(file, "rb") as output:
        output.seek(max(file.stat().st_size - LAST_BYTES, 0))
        text = output.read(LAST_BYTES).decode(errors="replace")
    return "\n".join(text.splitlines()[-OUTPUT_LINES:])
