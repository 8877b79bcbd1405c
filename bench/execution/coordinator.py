"""One run of a study: what is missing is trained, stored, sent to MLflow and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.errors import BenchError
from bench.execution.backend import Backend, Kind
from bench.execution.commit import Commit, commit_of
from bench.execution.keeping import policy_of, prunable
from bench.execution.plan import Planned, missing_requirements, plan
from bench.measuring.runs import failed
from bench.metric import Unavailable
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
from bench.records.record import TRANSIENT, Record
from bench.records.store import Store
from bench.registry import make_architecture, make_dataset, make_method
from bench.study import Study
from bench.tracking import Tracker

if TYPE_CHECKING:
    from bench.execution.jobs import Job, Row
    from bench.execution.progress import Progress


Asked = tuple[Record, Cell, list[str]]
"""A stored run, its cell, and the keys of the measurements that it is to get."""


@dataclass(frozen=True)
class Finished:
    """The results of a run, and the state of the study after it."""

    trained: int
    measured: int
    planned: list[Planned]
    metrics: tuple[str, ...] = ()
    """The only ones that were to be taken; none: all."""

    @property
    def failed(self) -> list[Planned]:
        return [each for each in self.planned if each.state == "failed"]

    @property
    def unmeasured(self) -> list[Planned]:
        """Stored cells that were to be measured, and could not be: the machine's fault."""
        return [each for each in self.planned if each.to_measure(self.metrics)]


def run(
    study: Study,
    store: Store,
    tracker: Tracker,
    console: Console,
    *,
    device: str = "auto",
    jobs: int | None = None,
    slots_per_device: int = 1,
    backend: Kind = "threads",
    scheduler: str = "",
    retry: bool = False,
    train: bool = True,
) -> Finished:
    """Train what the store lacks, if wanted, and measure. The caller holds the store's lock.

    Raises:
        BenchError: something is wrong with the study, or a metric it requires cannot be measured.
    """
    where = Backend.of(backend, scheduler, device, jobs, slots_per_device)
    work = _Work(study, store, retry, train)
    if work.to_train or work.to_measure or work.unavailable:
        work.check(console)
    if work.to_train or work.to_measure:
        work.do(tracker, console, where)
    planned = work.planned
    if retry or work.to_train or work.to_measure:
        planned = plan(study.cells, store)
    tracker.send([each.record for each in planned if each.record is not None])
    return Finished(len(work.to_train), len(work.measured), planned, study.metrics)


class _Work:
    """The cells that one run has to train and to measure."""

    def __init__(self, study: Study, store: Store, retry: bool, train: bool):
        self.study, self.store, self.cache = study, store, store.results / "cache"
        self.retry, self.train = retry, train
        self.measured: set[str] = set()
        self._said: set[str] = set()
        self._look()

    def _look(self) -> None:
        """Find the cells to train and the measurements to take."""
        self.planned = plan(self.study.cells, self.store, self.retry)
        # the same run may stand for several cells, which differ by how it is measured
        self.to_train = {
            each.cell.key: each.cell for each in self.planned if self.train and each.to_train
        }
        self._cells: dict[str, list[Cell]] = {}
        for each in self.planned:
            self._cells.setdefault(each.cell.key, []).append(each.cell)
        others = [each for each in self.planned if each.cell.key not in self.to_train]
        self.to_measure = self._asked(others)

    @property
    def unavailable(self) -> bool:
        """Whether a metric lacks something, such as weights, that may be available by now."""
        states = (measure.state for each in self.planned for measure in each.measures)
        return "unavailable" in states

    def _asked(self, planned: list[Planned]) -> list[Asked]:
        """Return the measurements to take of stored runs."""
        return [
            (each.record, each.cell, keys)
            for each in planned
            if each.record is not None and (keys := each.to_measure(self.study.metrics))
        ]

    def check(self, console: Console) -> None:
        """Check methods and data, and bring what is needed, before anything is trained."""
        # a run that has nothing to train starts sooner without these
        from bench.check import pair_fits, preflight
        from bench.execution.apart import Lost, apart

        def method_runs(part: Component) -> None:
            preflight(make_method(part.name, part.hyperparameters))

        def networks_fit(part: Component, data: Component) -> None:
            pair_fits(
                make_architecture(part.name, part.hyperparameters),
                make_dataset(data.name, data.hyperparameters),
            )

        cells = list(self.to_train.values())
        methods = {cell.method.label: cell.method for cell in cells}.values()
        pairs = _once((c.architecture, c.dataset) for c in cells)
        checks: list[tuple[str, Callable[..., None], tuple[Component, ...]]] = [
            ("method", method_runs, (method,)) for method in methods
        ]
        checks += [("architecture", networks_fit, pair) for pair in pairs]
        try:
            if checks:
                apart(*(partial(check, *parts) for _, check, parts in checks))
        except Lost as lost:
            kind, _, parts = checks[lost.place]
            told = f"{kind} {parts[0].label}: checking it {lost}; nothing was trained"
            raise BenchError(told) from lost
        measured = [cell for _, cell, _ in self.to_measure]
        for (part,) in _once((cell.dataset,) for cell in (*cells, *measured)):
            make_dataset(part.name, part.hyperparameters).fetch(self.cache)
        self._fetch_weights(console)

    def _fetch_weights(self, console: Console) -> None:
        """Fetch extractors' weights; report missing ones, or raise if the study requires them."""
        extractors = {
            measure.asked.metric.sees: None
            for each in self.planned
            for measure in each.measures
            if measure.state == "unavailable"
        }
        for extractor in extractors:
            if extractor is not None:
                with suppress(Unavailable):
                    extractor.fetch()
        if extractors:
            # keys depend on weights, which may have come
            self._look()
        if lacking := missing_requirements(self.planned, self.study.require):
            raise BenchError(
                f"the study {self.study.name} requires {lacking[0]}; nothing was trained"
            )
        missing: dict[str, list[str]] = {}
        for each in self.planned:
            for measure in each.measures:
                if measure.state == "unavailable":
                    told = f"not measured on {each.cell.dataset.label}: {measure.why}"
                    names = missing.setdefault(told, [])
                    names += [n for n in [measure.asked.component.label] if n not in names]
        for told, names in missing.items():
            console.print(f"{', '.join(names)} {told}", style="yellow", markup=False)

    def do(self, tracker: Tracker, console: Console, where: Backend) -> None:
        """Train and measure on all slots, and store each cell as soon as it is done."""
        from bench.execution.progress import Progress
        from bench.execution.scheduler import make_jobs, make_measure_jobs

        limit, save_every = self.study.time_limit, self.study.save_every
        with where.opened(self.cache, console) as crew:
            cells = list(self.to_train.values())
            work = make_jobs(cells, self.cache, limit, crew.size, save_every)
            work += make_measure_jobs(self.to_measure, self.cache, limit, crew.size)
            progress = Progress(work, crew.size, console)
            commit = commit_of()

            def take(rows: list[Row]) -> list[Job]:
                return self._take(rows, commit, progress, console)

            with progress.shown(), closing(crew.run(work, progress, take)) as finished:
                for rows in _told(finished, console):
                    keys = dict.fromkeys(row.data["key"] for row in rows)
                    for key in keys:
                        self._prune(key)
                    tracker.send([self.store.records[key] for key in keys])

    def _take(
        self, rows: list[Row], commit: Commit | None, progress: Progress, console: Console
    ) -> list[Job]:
        """Store what came back of a job; return the jobs that measure what it trained."""
        from bench.execution.scheduler import make_measure_jobs
        from bench.training.savepoints import forget

        trained: list[str] = []
        again: list[Asked] = []
        for row in rows:
            if row.measurements is not None:
                again += self._take_measurements(row, console)
                continue
            sources = self.to_train[row.data["key"]].ingredients()
            row.data["run"] |= {"commit": None} if commit is None else commit.told(sources)
            record = self._stored(row)
            trained.append(record.key)
            progress.stored(str(record.cell), record.status, record.reason)
            if record.status not in TRANSIENT:
                forget(self.cache, record.cell.group, record.cell.seed)
            run = row.data["run"]
            for note in (*run.get("notes", ()), *_not_compiled(run)):
                self._say_once(console, f"{record.cell.method.label}: {note}")
        cells = [cell for key in trained for cell in self._cells[key]]
        try:
            asked = self._asked(plan(cells, self.store) if cells else [])
        except OSError as error:  # a source file is gone meanwhile
            self._say_once(console, f"nothing more is measured now: {error}")
            return []
        # a measurement that may have ended its process gets a job of its own
        return [
            job
            for those in (asked, *([each] for each in again))
            for job in make_measure_jobs(those, self.cache, self.study.time_limit, 1)
        ]

    def _stored(self, row: Row) -> Record:
        """Store a row; if that fails, store a crashed one with the reason."""
        from bench.execution.jobs import crashed_row

        try:
            return self.store.put(row.data, row.files)
        except (ValueError, TypeError, KeyError) as error:
            told = f"what came back cannot be stored: {type(error).__name__}: {error}"
            failed = crashed_row(self.to_train[row.data["key"]], told, row.data["run"])
            return self.store.put(failed.data, failed.files)

    def _take_measurements(self, row: Row, console: Console) -> list[Asked]:
        """Store what was measured of a run; return what is to be measured metric by metric.

        A metric fails if it ends its process when it is the only one there.
        """
        key, why, found = row.data["key"], row.data.get("reason", ""), row.measurements
        record = self.store.records[key]
        planned = plan(self._cells[key], self.store) if "asked" in row.data else []
        ended = [
            (each.cell, measure.wanted)
            for each in planned
            for measure in each.measures
            if measure.key in row.data["asked"]
        ]
        if len(ended) > 1:
            return [(record, cell, [wanted.key]) for cell, wanted in ended]
        if ended:
            updates = [checkpoint["update"] for checkpoint in record.checkpoints]
            found = [failed(ended[0][1], updates, f"measuring it did not end: {why}")]
        if found:
            try:
                self.store.measured(key, found)
            except (ValueError, TypeError, KeyError) as error:
                why = f"what came back cannot be stored: {type(error).__name__}: {error}"
            else:
                self.measured.add(key)
                return []
        self._say_once(console, f"{record.cell} was not measured: {why}")
        return []

    def _prune(self, key: str) -> None:
        """Give up the networks that the study does not keep, once nothing is left to measure."""
        record = self.store.records[key]
        updates = prunable(record, policy_of(record, self.study.keep))
        if updates and not any(p.to_measure() for p in plan(self._cells[key], self.store)):
            self.store.drop_networks(key, updates)

    def _say_once(self, console: Console, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            console.print(text, style="yellow", markup=False)


def _told(finished: Iterable[list[Row]], console: Console) -> Iterator[list[Row]]:
    """Yield the same rows; on an interrupt, print what happens next."""
    try:
        yield from finished
    except BaseException as error:
        if not isinstance(error, Exception | GeneratorExit):
            with suppress(OSError):  # the terminal itself may be gone
                console.print("Stopping: saving running cells; a second signal ends at once.")
        raise


def _not_compiled(run: dict[str, Any]) -> list[str]:
    note = run.get("engine_note")
    return [f"rounds are not compiled: {note}"] if note else []


def _once(parts: Iterable[tuple[Component, ...]]) -> list[tuple[Component, ...]]:
    """Return the distinct ones, in their order."""
    return list({digest([asdict(part) for part in each]): each for each in parts}.values())
