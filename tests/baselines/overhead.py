"""What scheduling costs a job, by threads and by dask, with 1, 8 and 64 workers.

``python -m tests.baselines.overhead`` prints the table of docs/running-at-scale.md. Jobs go the
whole way but for training: a stand-in answers at once in place of the worker process. Seconds are
those of the scheduler, of the job's folder and of the rows. The dask workers are threads of this
process, which all share its interpreter lock.
"""

from __future__ import annotations

import io
import logging
import tempfile
import time
from pathlib import Path

import distributed
from rich.console import Console

from bench.execution import supervisor
from bench.execution.backend import Crew
from bench.execution.cluster import Cluster
from bench.execution.devices import Slot
from bench.execution.jobs import Job, Row
from bench.execution.members import Package
from bench.execution.progress import Progress
from bench.execution.scheduler import run_jobs
from bench.records.cell import Cell, Component
from bench.training.configuration import TrainingConfiguration

WORKERS = (1, 8, 64)
JOBS = 256
STAND_IN = """
import json, os, sys
answers = int(sys.argv[2])
for line in sys.stdin:
    folder = json.loads(line)
    os.write(answers, b"b")
    open(os.path.join(folder, "output.txt"), "a").close()
    os.write(answers, b"d")
"""


def cell(seed: int) -> Cell:
    parts = [Component(name, {}, name) for name in ("method", "dataset", "architecture")]
    return Cell(*parts, training=TrainingConfiguration(), seed=seed, updates=1, evaluations=1,
                sources={})  # fmt: skip


def seconds(crew: Crew, cache: Path) -> float:
    """Seconds of all jobs, the start of the workers left out: each has had a job before."""
    console = Console(file=io.StringIO())
    taken: list[Row] = []

    def take(rows: list[Row]) -> list[Job]:
        taken.extend(rows)
        return []

    begun = 0.0
    for count in (crew.size, JOBS):
        jobs = [Job([cell(seed)], cache, 60) for seed in range(count)]
        taken.clear()
        begun = time.perf_counter()
        for _ in crew.run(jobs, Progress(jobs, crew.size, console), take):
            pass
        assert len(taken) == count
    return time.perf_counter() - begun


def main() -> None:
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    print("| backend | workers | jobs | seconds | ms a job |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        stand_in = Path(folder) / "stand_in.py"
        stand_in.write_text(STAND_IN)
        supervisor.WORKER = stand_in
        cache = Path(folder) / "cache"
        for count in WORKERS:
            slots = [Slot("cpu")] * count
            told = seconds(Crew(count, lambda *given, s=slots: run_jobs(s, *given)), cache)
            print(f"| threads | {count} | {JOBS} | {told:.2f} | {1000 * told / JOBS:.1f} |")
        for count in WORKERS:
            told = by_dask(count, cache)
            print(f"| dask | {count} | {JOBS} | {told:.2f} | {1000 * told / JOBS:.1f} |")


def by_dask(count: int, cache: Path) -> float:
    with (
        distributed.LocalCluster(
            n_workers=count, threads_per_worker=1, processes=False, dashboard_address=None,
            memory_limit=0, local_directory=str(cache),
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):  # fmt: skip
        package = Package(cache, cache, "cpu")
        cluster = Cluster(client, local.scheduler_address, None, package, Console(quiet=True))
        cluster.wait_for_workers()
        assert cluster.size == count
        return seconds(Crew(count, cluster.run), cache)


if __name__ == "__main__":
    main()
