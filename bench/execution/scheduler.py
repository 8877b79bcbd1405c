"""Jobs, and how they are done over the slots of this machine, through joblib.

joblib's threading backend is used: a task only waits for its worker process, so a thread is all it
needs, and a thread cannot be killed away from under the other results. ``cluster.py`` does the same
over the workers of a dask cluster.
"""

from __future__ import annotations

import math
import queue
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from joblib import Parallel, delayed

from bench.execution.devices import Slot
from bench.execution.jobs import Job, MeasureJob, Row, failed_rows
from bench.execution.progress import Progress
from bench.execution.supervisor import Place, SlotFailed, Workers
from bench.records.cell import Cell
from bench.records.fingerprint import digest
from bench.records.record import Record
from bench.registry import make_architecture
from bench.training.block import blocks_of, width_of
from bench.training.savepoints import EVERY

RUNS_A_JOB, JOBS_A_WORKER = 50, 4
"""Runs that one job measures at most, and jobs that each worker gets at least, if there are."""


def make_jobs(
    cells: list[Cell],
    cache: Path,
    time_limit: float,
    workers: int,
    save_every: float = EVERY,
) -> list[Job]:
    """Group cells that differ only by seed, the largest jobs first.

    Where that makes fewer jobs than there are workers, jobs are halved, between blocks of seeds
    that train together.
    """
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.group].append(cell)
    jobs = [Job(group, cache, time_limit, save_every=save_every) for group in groups.values()]
    while len(jobs) < workers and any(len(_blocks(job)) > 1 for job in jobs):
        jobs.sort(key=lambda job: len(_blocks(job)))
        largest = jobs.pop()
        blocks = _blocks(largest)
        half = len(blocks) // 2
        jobs += [
            replace(largest, cells=list(chain.from_iterable(part)))
            for part in (blocks[:half], blocks[half:])
        ]
    return sorted(jobs, key=_size, reverse=True)


def make_measure_jobs(
    asked: list[tuple[Record, Cell, list[str]]], cache: Path, time_limit: float, workers: int
) -> list[Job]:
    """Group stored runs by their dataset, in jobs of a size that keeps all workers busy.

    ``asked`` are records, their cells and the keys of the measurements they are to get.
    """
    groups: dict[str, list[tuple[Record, Cell, list[str]]]] = defaultdict(list)
    for each in asked:
        groups[digest([each[1].dataset.name, each[1].dataset.hyperparameters])].append(each)
    size = RUNS_A_JOB
    if workers > 1:
        size = max(1, min(size, math.ceil(len(asked) / (workers * JOBS_A_WORKER))))
    jobs: list[Job] = []
    for group in groups.values():
        for start in range(0, len(group), size):
            part = group[start : start + size]
            jobs.append(
                MeasureJob(
                    [cell for _, cell, _ in part],
                    cache,
                    time_limit,
                    {r.key: r.folder for r, _, _ in part if r.folder is not None},
                    {r.key: keys for r, _, keys in part},
                )
            )
    return jobs


def _blocks(job: Job) -> list[list[Cell]]:
    """Return a job's cells by the blocks of seeds that train together."""
    first = job.cells[0]
    architecture = make_architecture(first.architecture.name, first.architecture.hyperparameters)
    by_seed = {cell.seed: cell for cell in job.cells}
    blocks = blocks_of(list(by_seed), width_of(architecture, first.training))
    return [[by_seed[seed] for seed in block] for block in blocks]


def _size(job: Job) -> float:
    """Return a rough measure of work; convolutions come before fully connected networks."""
    cell = job.cells[0]
    architecture = make_architecture(cell.architecture.name, cell.architecture.hyperparameters)
    weight = 1.0 if architecture.stacks else 50.0
    return weight * cell.updates * cell.training.batch_size * len(job.cells)


class _Shared:
    """Counts the jobs that wait for a slot, and hands out the slots that are free."""

    def __init__(self, places: list[Place], jobs: int):
        self._free: queue.Queue[Place | None] = queue.Queue()
        for place in places:
            self._free.put(place)
        self._usable, self._waiting = len(places), jobs
        self._lock = threading.Lock()
        self.reason = ""

    def take(self) -> Place | None:
        """Return a free slot for a waiting job, or None once every slot is set aside."""
        place = self._free.get()
        if place is None:
            self._free.put(None)
            return None
        with self._lock:
            self._waiting -= 1
        return place

    def give(self, place: Place) -> None:
        """Return a slot; its worker ends if no job is waiting for one."""
        with self._lock:
            idle = self._waiting <= 0
        if idle:
            place.release()
        self._free.put(place)

    def set_aside(self, reason: str) -> int:
        """Leave out a slot that was taken, and return how many are left."""
        with self._lock:
            self._usable, self._waiting, self.reason = self._usable - 1, self._waiting + 1, reason
            left = self._usable
        if not left:
            self._free.put(None)
        return left


Take = Callable[[list[Row]], list[Job]]
"""Stores the rows of a job; returns the jobs that measure what it trained."""


def run_jobs(
    slots: list[Slot], jobs: list[Job], progress: Progress, take: Take
) -> Generator[list[Row], None, None]:
    """Yield the rows of each job as it finishes. Closing the iterator stops running jobs.

    What a job has trained is stored by ``take`` as soon as it is there, and measured on the same
    slot; its rows come when that is stored, too.
    """
    workers = Workers()
    share = _Shared([Place(slot, workers) for slot in slots], len(jobs))
    storing = threading.Lock()

    def one(number: int, job: Job) -> list[Row]:
        rows: list[Row] = []
        following: list[Job] = []

        def taken(found: list[Row]) -> None:
            with storing:
                following.extend(take(found))
            rows.extend(found)

        while (place := share.take()) is not None:
            progress.started(number)
            usable = True
            try:
                if not rows:
                    place.work(job, lambda part: progress.moved(number, part), taken)
                while following:
                    place.work(following[0], lambda _: None, taken)
                    following.pop(0)
                return rows
            except SlotFailed as error:
                usable = False
                progress.given_back(number)
                progress.set_aside(str(place.slot), str(error), share.set_aside(str(error)))
            finally:
                if usable:
                    progress.finished(number)
                    share.give(place)
        progress.started(number)
        progress.finished(number)
        reason = f"no worker could be started: {share.reason}"
        taken(failed_rows(following[0] if following else job, slots[0], "crashed", reason))
        return rows

    parallel = Parallel(
        n_jobs=len(slots), backend="threading", return_as="generator_unordered", batch_size=1
    )
    results = parallel(delayed(one)(number, job) for number, job in enumerate(jobs))
    # joblib warns, at a time of its own, that tasks were cancelled: an interruption is just that
    warnings.filterwarnings("ignore", category=UserWarning, module="joblib.parallel")
    try:
        yield from results
    finally:
        workers.stop()
        results.close()
