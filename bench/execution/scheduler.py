"""Jobs over slots, through joblib.

joblib's threading backend is used on one machine: a task only waits for its worker process, so
a thread is all it needs, and a thread cannot be killed away from under the other results.
"""

from __future__ import annotations

import queue
import warnings
from collections import defaultdict
from collections.abc import Generator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from joblib import Parallel, delayed

from bench.execution.devices import Slot
from bench.execution.progress import Progress
from bench.execution.supervisor import Job, Row, Workers, supervise
from bench.records.cell import Cell
from bench.registry import make_architecture
from bench.training.loop import blocks_of, width_of


def make_jobs(cells: list[Cell], cache: Path, time_limit: float, workers: int) -> list[Job]:
    """Group cells that differ by their seed alone, the largest jobs first.

    Where that makes fewer jobs than there are workers, jobs are halved, between blocks of seeds
    that train together.
    """
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.group].append(cell)
    jobs = [Job(group, cache, time_limit) for group in groups.values()]
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


def _blocks(job: Job) -> list[list[Cell]]:
    """Return a job's cells by the blocks of seeds that train together."""
    first = job.cells[0]
    architecture = make_architecture(first.architecture.name, first.architecture.settings)
    by_seed = {cell.seed: cell for cell in job.cells}
    blocks = blocks_of(list(by_seed), width_of(architecture, first.setting.precision))
    return [[by_seed[seed] for seed in block] for block in blocks]


def _size(job: Job) -> float:
    """A rough measure of work; convolutions come before networks for points in the plane."""
    cell = job.cells[0]
    weight = {"mlp": 1.0, "dirac": 0.1, "resnet": 100.0}.get(cell.architecture.name, 10.0)
    return weight * cell.updates * cell.setting.batch_size * len(job.cells)


def run_jobs(
    jobs: list[Job], slots: list[Slot], progress: Progress
) -> Generator[list[Row], None, None]:
    """Rows of each job as it finishes. Closing the iterator stops what still runs."""
    free: queue.Queue[Slot] = queue.Queue()
    for slot in slots:
        free.put(slot)
    workers = Workers()

    def one(number: int, job: Job) -> list[Row]:
        slot = free.get()
        try:
            progress.started(number)
            return supervise(job, slot, workers, lambda share: progress.moved(number, share))
        finally:
            progress.finished(number)
            free.put(slot)

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
