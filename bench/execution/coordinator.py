"""One run of a study: what is missing is trained, stored, sent to MLflow and reported."""

from __future__ import annotations

import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.check import preflight
from bench.execution.devices import slots
from bench.execution.plan import Planned, plan
from bench.execution.progress import Progress
from bench.execution.scheduler import make_jobs, run_jobs
from bench.records.store import Store
from bench.registry import make_method
from bench.study import Study
from bench.tracking import Tracker


@dataclass(frozen=True)
class Finished:
    """What a run did, and where the study stands after it."""

    trained: int
    planned: list[Planned]

    @property
    def failed(self) -> list[Planned]:
        return [each for each in self.planned if each.state == "failed"]


def run(
    study: Study,
    store: Store,
    tracker: Tracker,
    console: Console,
    *,
    device: str = "auto",
    jobs: int | None = None,
    retry: bool = False,
) -> Finished:
    """Train what the store lacks. The caller holds the store's lock."""
    available = slots(device, jobs)
    to_train = [each for each in plan(study.cells, store, retry) if each.to_train]
    cells = [each.cell for each in to_train]
    for method in {cell.method.label: cell.method for cell in cells}.values():
        preflight(make_method(method.name, method.settings))
    if cells:
        work = make_jobs(cells, store.results / "cache", study.time_limit, len(available))
        progress = Progress(work, len(available), console)
        commit = commit_of(Path(__file__).parent)
        with progress.shown(), closing(run_jobs(work, available, progress)) as finished:
            for rows in finished:
                for row in rows:
                    row.data["run"]["commit"] = commit
                    record = store.put(row.data, row.files)
                    progress.stored(str(record.cell), record.status, record.reason)
                    tracker.send([record])
    planned = plan(study.cells, store)
    tracker.send([each.record for each in planned if each.record is not None])
    return Finished(len(cells), planned)


def commit_of(folder: Path) -> str | None:
    """The git commit of the code, with ``+changes`` where it differs from it."""
    git = ["git", "-C", str(folder)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "")
