"""Does jobs on a dask worker: the functions that the coordinator of a cluster has called there.

Each task runs in a thread of the dask worker and supervises a worker process, as a thread of the
coordinator does on one machine. A method that crashes therefore ends its worker process and never
the dask worker. ``cluster.py`` is the coordinator's side.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import bench
from bench.execution.cores import cores, usable_cores
from bench.execution.devices import Slot, visible_gpus
from bench.execution.jobs import Job, MeasureJob, Row
from bench.execution.supervisor import Place, Workers
from bench.kinds import KINDS, variable
from bench.measuring.inception import WEIGHTS_VARIABLE
from bench.records.fingerprint import digest, source_hash
from bench.records.record import TRANSIENT
from bench.registry import SHELVES
from bench.training.savepoints import forget

ROOT = Path(bench.__file__).parent
NOT_OF_WORKERS = ("check", "cli", "report", "study", "tracking", "tuning")
"""Folders of the package that no worker imports."""

TOPIC = "gan-stability-bench"
"""Topic of the events by which tasks report their progress."""
REPORT_SECONDS = 5.0
IDLE_SECONDS = 30.0
"""Seconds after which a worker process ends that has no job."""

Sources = dict[str, dict[str, str]]
"""Text of files by their path below a folder, by the kind of part that the folder holds."""


@dataclass(frozen=True)
class Question:
    """Asks a dask worker for its surroundings, and brings it the user's parts."""

    own: Sources
    """The user's folders."""
    shipped: Sources
    """The package's parts; those that the worker lacks are used from its local directory."""
    cache: str
    seen: str
    """A folder below ``cache`` that is there where the file system is shared."""
    weights: str
    """The file of Inception's weights that the user has named; empty: none."""


@dataclass(frozen=True)
class Answer:
    """Describes a dask worker."""

    worker: str
    """Identifies this start of it; a later one may have the same address."""
    host: str
    versions: dict[str, str]
    hashes: dict[str, str]
    """Hashes of the package's files."""
    processors: frozenset[int]
    cores: int
    gpu: str | None
    cache: str
    sees: bool
    """Whether it sees the coordinator's results folder."""
    variables: tuple[tuple[str, str], ...]
    """Environment of its worker processes: where the user's parts are."""


@dataclass(frozen=True)
class Order:
    """Hands a job to a dask worker."""

    run: str
    number: int
    job: Job
    slot: Slot
    worker: str
    """``Answer.worker`` of the dask worker that it is meant for."""
    files: dict[str, dict[str, bytes]] | None = None
    """Files of the runs to be measured, by key, for a worker that does not see their folders."""


class Restarted(Exception):
    """Says that the dask worker is not the one that was examined, or that it is closing."""


def dask_setup(_: Any) -> None:
    """Leave Ctrl-C to the command that started this dask worker; dask calls it by its name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def examine(question: Question) -> Answer:
    """Return what this dask worker is and has; write the user's parts below its directory.

    Raises:
        BenchError: ``CUDA_VISIBLE_DEVICES`` names no GPU of this machine.
    """
    from distributed import get_worker

    worker = get_worker()
    local = Path(worker.local_directory).absolute() / "bench"
    sees = Path(question.seen).is_dir()
    variables = {variable(kind): "" for kind in KINDS}
    for kind, folder in _written(question, local / "parts").items():
        variables[variable(kind)] = str(folder)
    if question.weights and Path(question.weights).is_file():
        variables[WEIGHTS_VARIABLE] = question.weights
    # dask-cuda lists every GPU of the node, the worker's own first
    gpus = visible_gpus()[:1]
    return Answer(
        worker=worker.id,
        host=socket.gethostname(),
        versions=versions(),
        hashes=hashes(),
        processors=usable_cores(),
        cores=cores(),
        gpu=gpus[0] if gpus else None,
        cache=question.cache if sees else str(local / "cache"),
        sees=sees,
        variables=tuple(variables.items()),
    )


def versions() -> dict[str, str]:
    """Return the versions that results depend on; ``none`` for a package that is not there."""
    found = {"Python": platform.python_version()}
    for package in ("torch", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def hashes() -> dict[str, str]:
    """Return the hashes of every file of the package that workers import, by its name."""
    files = [*ROOT.rglob("*.py"), *SHELVES["method"].home.glob("*.py")]
    return {
        str(file.relative_to(ROOT.parent)): source_hash(file)
        for file in files
        if file.relative_to(ROOT.parent).parts[1] not in NOT_OF_WORKERS
    }


def _written(question: Question, parts: Path) -> dict[str, Path]:
    """Write the user's parts, and shipped ones that are not here, into folders by kind."""
    wanted = {kind: dict(files) for kind, files in question.own.items()}
    for kind, files in question.shipped.items():
        lacking = {
            name: text for name, text in files.items() if not (SHELVES[kind].home / name).exists()
        }
        if lacking:
            wanted[kind] = {**lacking, **wanted.get(kind, {})}
    found = {}
    for kind, files in wanted.items():
        folder = parts / digest(files) / kind
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=folder.parent))
            for name, text in files.items():
                (scratch / name).parent.mkdir(parents=True, exist_ok=True)
                (scratch / name).write_text(text, encoding="utf-8")
            try:
                os.rename(scratch, folder)
            except OSError:  # another thread was first
                shutil.rmtree(scratch, ignore_errors=True)
        found[kind] = folder
    return found


def work(order: Order) -> list[Row]:
    """Have a job done by a worker process; return a row per cell, with the content of its files.

    Raises:
        SlotFailed: no worker process takes a job here.
        Restarted: this dask worker is another one, or is closing.
    """
    from distributed import get_worker

    if get_worker().id != order.worker:
        raise Restarted
    rows: list[Row] = []
    watch = _Watch(order)
    with _unpacked(order) as job, DESK.place(order.slot) as place:

        def look(share: float) -> None:
            if watch.given_up(share):
                place.release()

        place.work(job, look, lambda found: rows.extend(map(_in_memory, found)))
    if watch.over:
        raise Restarted
    done = {row.data["key"] for row in rows if row.data.get("status") not in TRANSIENT}
    for cell in order.job.cells:
        if cell.key in done:
            forget(order.job.cache, cell.group, cell.seed)
    return rows


def _in_memory(row: Row) -> Row:
    # the job's folder is gone once the task has ended
    files: dict[str, bytes | Path] = {
        name: part.read_bytes() if isinstance(part, Path) else part
        for name, part in row.files.items()
    }
    return replace(row, files=files)


@contextmanager
def _unpacked(order: Order) -> Iterator[Job]:
    """Yield the job, with the runs that were sent along in a folder that is removed afterwards."""
    job = order.job
    if order.files is None or not isinstance(job, MeasureJob):
        yield job
        return
    job.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="runs-", dir=job.cache) as name:
        for key, files in order.files.items():
            for file, content in files.items():
                (Path(name) / key / file).parent.mkdir(parents=True, exist_ok=True)
                (Path(name) / key / file).write_bytes(content)
        yield replace(job, records={key: Path(name) / key for key in order.files})


class _Watch:
    """Reports a task's progress, and notices when the coordinator no longer waits for it."""

    def __init__(self, order: Order):
        self._run, self._job, self._reported = order.run, order.number, 0.0
        self.over = False

    def given_up(self, share: float) -> bool:
        """Tell whether the task was cancelled, its coordinator is gone, or the worker closes."""
        from distributed import Status, get_worker
        from distributed.worker import thread_state

        worker = get_worker()
        task = worker.state.tasks.get(thread_state.key)
        wanted = task is not None and task.state != "cancelled"
        if not wanted or worker.status not in (Status.running, Status.paused):
            self.over = True
        elif time.monotonic() - self._reported >= REPORT_SECONDS:
            self._reported = time.monotonic()
            event = {"run": self._run, "job": self._job, "share": share}
            worker.log_event(TOPIC, event)
        return self.over


@dataclass(eq=False)
class _Idle:
    """A place without a job, since one certain moment."""

    place: Place


class _Desk:
    """Keeps the worker processes of a dask worker from task to task."""

    def __init__(self) -> None:
        self._workers = Workers()
        self._free: dict[Any, list[_Idle]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextmanager
    def place(self, slot: Slot) -> Iterator[Place]:
        """Yield a place whose worker process has the slot's environment."""
        kind = tuple(sorted(slot.environment().items()))
        with self._lock:
            same = self._free[kind]
            place = same.pop().place if same else Place(slot, self._workers)
            others = [] if same else self._others(kind)
        for other in others:
            other.release()
        place.slot = slot
        try:
            yield place
        except BaseException:
            place.release()
            raise
        idle = _Idle(place)
        with self._lock:
            self._free[kind].append(idle)
        _later(IDLE_SECONDS, lambda: self._release(kind, idle))

    def _others(self, kind: Any = None) -> list[Place]:
        """Take what is free of other kinds, whose memory is better used."""
        kinds = [each for each in self._free if each != kind]
        return [idle.place for each in kinds for idle in self._free.pop(each)]

    def _release(self, kind: Any, idle: _Idle) -> None:
        with self._lock:
            if idle not in self._free[kind]:
                return
            self._free[kind].remove(idle)
        idle.place.release()

    def rest(self) -> None:
        """End the worker processes that have no job."""
        with self._lock:
            free = self._others()
        for place in free:
            place.release()


def _later(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


DESK = _Desk()


def rest(_: None = None) -> None:
    """End the idle worker processes of this dask worker."""
    DESK.rest()
