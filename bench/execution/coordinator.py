"""One run of a study: what is missing is trained, stored, sent to MLflow and reported."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from bench.errors import BenchError
from bench.execution.devices import Devices, find_devices
from bench.execution.plan import Planned, plan
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
from bench.records.store import Store
from bench.registry import make_architecture, make_dataset, make_method
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
    slots_per_device: int = 1,
    retry: bool = False,
) -> Finished:
    """Train what the store lacks. The caller holds the store's lock."""
    devices = find_devices(device, jobs, slots_per_device)
    to_train = [each for each in plan(study.cells, store, retry, study.require) if each.to_train]
    if to_train:
        _train(study, [each.cell for each in to_train], store, tracker, console, devices)
    planned = plan(study.cells, store)
    tracker.send([each.record for each in planned if each.record is not None])
    return Finished(len(to_train), planned)


def _train(
    study: Study,
    cells: list[Cell],
    store: Store,
    tracker: Tracker,
    console: Console,
    devices: Devices,
) -> None:
    """Check the methods and data of some cells, train the cells and store each."""
    # a run that has nothing to train starts sooner without these
    from bench.check import pair_fits, preflight
    from bench.execution.progress import Progress
    from bench.execution.scheduler import make_jobs, run_jobs

    for method in {cell.method.label: cell.method for cell in cells}.values():
        preflight(make_method(method.name, method.settings))
    for pair, data in _once((c.architecture, c.dataset) for c in cells):
        pair_fits(
            make_architecture(pair.name, pair.settings), make_dataset(data.name, data.settings)
        )
    _provide(study, cells, store.results / "cache", console)
    commit = commit_of(Path(__file__).parent)
    with devices.leased() as (slots, held):
        for line in held:
            console.print(line, style="yellow", markup=False)
        work = make_jobs(cells, store.results / "cache", study.time_limit, len(slots))
        progress, uncompiled = Progress(work, len(slots), console), set()
        with progress.shown(), closing(run_jobs(work, slots, progress)) as finished:
            for rows in finished:
                for row in rows:
                    row.data["run"]["commit"] = commit
                    record = store.put(row.data, row.files)
                    progress.stored(str(record.cell), record.status, record.reason)
                    note = row.data["run"].get("engine_note")
                    if note and (said := f"{record.cell.method.label}: {note}") not in uncompiled:
                        uncompiled.add(said)
                        console.print(
                            f"rounds are not compiled, {said}", style="yellow", markup=False
                        )
                    tracker.send([record])


def _provide(study: Study, cells: list[Cell], cache: Path, console: Console) -> None:
    """Bring the data and weights that these cells need, once and before anything is trained."""
    missing: dict[str, list[str]] = {}
    for (part,) in _once((cell.dataset,) for cell in cells):
        for metric, reason in make_dataset(part.name, part.settings).fetch(cache).items():
            if metric in study.require:
                raise BenchError(
                    f"the study {study.name} requires {metric}: {reason}; nothing was trained"
                )
            missing.setdefault(f"not computed on {part.label}: {reason}", []).append(metric)
    for told, metrics in missing.items():
        console.print(f"{', '.join(metrics)} {told}", style="yellow", markup=False)


def _once(parts: Iterable[tuple[Component, ...]]) -> list[tuple[Component, ...]]:
    """The different ones, in their order."""
    return list({digest([asdict(part) for part in each]): each for each in parts}.values())


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
