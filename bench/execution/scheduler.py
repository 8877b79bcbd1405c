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
from pathlib import Path

from joblib import Parallel, delayed

from bench.execution.devices import Slot
from bench.execution.progress import Progress
from bench.execution.supervisor import Job, Row, Workers, supervise
from bench.records.cell import Cell


def make_jobs(cells: list[Cell], cache: Path, time_limit: float, workers: int) -> list[Job]:
    """Group cells that differ by their seed alone, the largest jobs first.

    Where that makes fewer jobs than there are workers, jobs are halved: results do not depend
    on who is trained with whom.
    """
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.group].append(cell)
    jobs = [Job(group, cache, time_limit) for group in groups.values()]
    while len(jobs) < workers and any(len(job.cells) > 1 for job in jobs):
        jobs.sort(key=lambda job: len(job.cells))
        largest = jobs.pop()
        half = len(largest.cells) // 2
        jobs += [
            replace(largest, cells=largest.cells[:half]),
            replace(largest, cells=largest.cells[half:]),
        ]
    return sorted(jobs, key=_size, reverse=True)


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
