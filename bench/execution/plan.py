"""The state of every cell: done, or to be trained or measured, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bench.datasets.base import Dataset
from bench.measuring.choice import named
from bench.measuring.keys import Keys, Wanted
from bench.metric import Reason
from bench.records.cell import Cell, Component
from bench.records.fingerprint import ByIdentity, Form, digest
from bench.records.measurements import Measurement
from bench.records.record import TRANSIENT, Record
from bench.records.store import Store
from bench.registry import make_dataset

State = Literal["done", "missing", "stale", "failed", "not applicable"]


@dataclass(frozen=True)
class PlannedMeasure:
    """One measurement of a cell, and what the store knows of it."""

    asked: Wanted
    """As it is asked of the first of the cells that differ by their seed."""
    key: str
    run: str
    """Key of the cell."""
    judge: str | None
    """Key of the measurement that tells the best checkpoint; None: it does not depend on it."""
    state: Literal["done", "missing", "stale", "failed", "unavailable"]
    why: str = ""

    @property
    def wanted(self) -> Wanted:
        """The measurement as the study asks for it."""
        return _asked_of(self.asked, self.run, self.judge)


@dataclass(frozen=True)
class Planned:
    """One cell of a study, and what the store knows of it."""

    cell: Cell
    state: State
    why: str = ""
    record: Record | None = None
    measures: list[PlannedMeasure] = field(default_factory=list)

    @property
    def to_train(self) -> bool:
        return self.state in ("missing", "stale", "failed")

    def to_measure(self, only: Collection[str] = ()) -> list[str]:
        """Return the keys of the measurements to take: of all metrics, or of the named ones.

        One that tells the best checkpoint comes along with what needs it.
        """
        if self.record is None or not self.record.checkpoints:
            return []
        open_ = [each for each in self.measures if each.state in ("missing", "stale", "failed")]
        chosen = [each for each in open_ if not only or _is_called(each.asked, only)]
        keys = {each.key for each in chosen} | {each.judge for each in chosen}
        return list(dict.fromkeys(each.key for each in open_ if each.key in keys))


def _is_called(wanted: Wanted, names: Collection[str]) -> bool:
    called = {wanted.component.label, wanted.metric.family, *wanted.names}
    return bool(called & {*names})


def plan(cells: list[Cell], store: Store, retry: bool = False) -> list[Planned]:
    """Hold every cell against the store.

    A cell without a record is ``stale`` where one of the same method, dataset, architecture and
    seed exists: the ingredients that changed are named. With ``retry`` diverged cells, and
    measurements that failed, are tried again, too. Metrics that were measured without being asked
    for by the study are shown, too.
    """
    by_key = store.records
    by_place: dict[tuple[str, str, str, int], list[Record]] = defaultdict(list)
    current = {cell.key for cell in cells}
    # only cells that were never trained need a comparison with related records
    for record in by_key.values() if current - by_key.keys() else ():
        if record.key not in current:  # else it answers for another cell of this study
            by_place[record.coordinates].append(record)
    shared = _Shared()
    found = []
    for cell in cells:
        held = _judge(cell, by_key.get(cell.key), by_place.get(cell.coordinates(), ()), retry)
        found.append(_measured(held, shared, retry))
    return found


class _Shared:
    """Works out once what cells share: datasets, and what they are to be measured by."""

    def __init__(self) -> None:
        self._keys = Keys()
        self._datasets: dict[str, Dataset] = {}
        self._dataset_of = ByIdentity[Dataset]()
        self._asked = ByIdentity[_Asked]()
        self._also: dict[str, Component | None] = {}

    def dataset(self, part: Component) -> Dataset:
        def made() -> Dataset:
            named = digest([part.name, part.hyperparameters])
            if named not in self._datasets:
                self._datasets[named] = make_dataset(part.name, part.hyperparameters)
            return self._datasets[named]

        return self._dataset_of.of([part], made)

    def asked(self, cell: Cell, dataset: Dataset) -> _Asked:
        parts = [cell.metrics, *cell.also, dataset, cell.iterate]
        return self._asked.of(parts, lambda: _Asked(self._keys.wanted(cell, dataset)))

    def known(self, each: Measurement, cell: Cell, dataset: Dataset) -> Component | None:
        """Return the metric of a stored measurement; None if it is gone or no longer applies."""
        part = each.component
        told = digest([each.metric, part, cell.dataset.name, cell.dataset.hyperparameters])
        if told not in self._also:
            made: Component | None
            made = Component(part["name"], part["hyperparameters"], each.metric)
            try:
                named({part["name"]: part["hyperparameters"]}, dataset)
            except Exception:  # a user's file may raise anything
                made = None
            self._also[told] = made
        return self._also[told]


class _Asked:
    """The measurements of cells that differ only by seed."""

    def __init__(self, wanted: list[Wanted]):
        """Take the measurements of one of them."""
        self.wanted = wanted
        places = {each.key: place for place, each in enumerate(wanted)}
        self._judges = [places[each.judge[0]] if each.judge else None for each in wanted]
        self._forms = [
            Form(_asked_of(each, Form.BLANK, each.judge and Form.BLANK).ingredients)
            for each in wanted
        ]

    def of(self, run: str) -> list[tuple[Wanted, str, str, str | None]]:
        """Return what identifies each measurement of a run, as :class:`PlannedMeasure` begins."""
        found: list[tuple[Wanted, str, str, str | None]] = []
        for wanted, form, place in zip(self.wanted, self._forms, self._judges, strict=True):
            judge = None if place is None else found[place][1]
            # in the order of names: "best checkpoint by", "run"
            key = form.digest(run) if judge is None else form.digest(judge, run)
            found.append((wanted, key, run, judge))
        return found


def _asked_of(wanted: Wanted, run: str, judge: str | None) -> Wanted:
    """Return the same measurement, but of another run."""
    own = {"run": run} | ({} if judge is None else {"best checkpoint by": judge})
    judged = (judge, wanted.judge[1]) if judge is not None and wanted.judge is not None else None
    return replace(wanted, ingredients=wanted.ingredients | own, judge=judged)


def _judge(cell: Cell, record: Record | None, relatives: Sequence[Record], retry: bool) -> Planned:
    if cell.not_applicable:
        return Planned(cell, "not applicable", cell.not_applicable)
    if record is not None:
        if record.status in TRANSIENT or (retry and record.status != "ok"):
            return Planned(cell, "failed", f"{record.status}: {record.reason}", record)
        return Planned(cell, "done", record.status, record)
    if not relatives:
        return Planned(cell, "missing", "never trained")
    wanted = cell.ingredients()
    closest = min((_changed(wanted, r.data["ingredients"]) for r in relatives), key=len)
    return Planned(cell, "stale", "changed: " + ", ".join(closest))


def _measured(held: Planned, shared: _Shared, retry: bool) -> Planned:
    """Return the planned cell with its measurements, or with reasons for missing ones."""
    record, dataset = held.record, shared.dataset(held.cell.dataset)
    cell = held.cell if record is None else _with_stored(held.cell, record, dataset, shared)
    measures, shown, absent = [], [], dict[str, Reason]()
    for asked in shared.asked(cell, dataset).of(cell.key):
        measure, stored = _judge_measure(asked, record, retry)
        measures.append(measure)
        if stored is not None:
            shown.append(stored.key)
        else:
            text = measure.why if measure.state == "unavailable" else "not measured yet"
            absent |= dict.fromkeys(measure.asked.names, Reason("unavailable", text))
    if record is not None:
        record = record.asked(shown, absent, cell.iterate)
    return replace(held, cell=cell, record=record, measures=measures)


def _with_stored(cell: Cell, record: Record, dataset: Dataset, shared: _Shared) -> Cell:
    """Return the cell with the further metrics that its record was already measured by."""
    known = {component.label for component in cell.metrics}
    others = [each for each in record.known.values() if each.metric not in known]
    own = dataset.evaluation_hyperparameters() if others else {}
    more: dict[str, Component] = {}
    for each in others:
        if each.evaluation not in (own, {}):
            continue
        if not each.is_of_iterate and each.iterate not in (None, cell.iterate):
            continue
        if component := shared.known(each, cell, dataset):
            more[each.metric] = component
    return cell.but(also=tuple(more.values())) if more else cell


def _judge_measure(
    asked: tuple[Wanted, str, str, str | None], record: Record | None, retry: bool
) -> tuple[PlannedMeasure, Measurement | None]:
    """Return the state of a measurement, and the stored one that is used for it."""
    wanted, key, run, judge = asked
    if record is None:
        state: Any = "unavailable" if wanted.unavailable else "missing"
        return PlannedMeasure(*asked, state, wanted.unavailable or "not trained yet"), None
    stored = record.known.get(key)
    if stored is not None:
        if retry and any(why.kind in ("failed", "not_kept") for why in stored.reasons.values()):
            return PlannedMeasure(*asked, "failed", "tried again"), stored
        return PlannedMeasure(*asked, "done"), stored
    wanted = _asked_of(wanted, run, judge)
    alike = [each for each in record.known.values() if each.component == wanted.part]
    changes = [(_changed(wanted.ingredients, each.ingredients), each) for each in alike]
    if wanted.unavailable:
        for changed, each in changes:
            # measured where there were weights
            if {*changed} <= {"extractor weights", "best checkpoint by"}:
                return PlannedMeasure(*asked, "done"), each
        return PlannedMeasure(*asked, "unavailable", wanted.unavailable), None
    if not changes:
        return PlannedMeasure(*asked, "missing", "never measured"), None
    closest, older = min(changes, key=lambda each: len(each[0]))
    why = "changed: " + ", ".join(closest)
    if _cannot_be_had_again(wanted, older, record):
        told = f"{why}; the networks are not kept, and the older numbers are shown"
        return PlannedMeasure(*asked, "unavailable", told), older
    return PlannedMeasure(*asked, "stale", why), None


def _cannot_be_had_again(wanted: Wanted, older: Measurement, record: Record) -> bool:
    """Return whether networks are gone of which an older, equal measurement has numbers."""
    if wanted.metric.needs == "series":
        return False
    evaluation = {k: v for k, v in wanted.ingredients.items() if k.startswith("evaluation ")}
    if digest(evaluation) != digest({f"evaluation {k}": v for k, v in older.evaluation.items()}):
        return False
    if older.iterate != wanted.iterate:
        return False
    numbers = {
        at for at, found in older.values.items() if any(v is not None for v in found.values())
    }
    return bool(numbers - record.networks.keys())


def missing_requirements(planned: list[Planned], require: Sequence[str]) -> list[str]:
    """Return the reasons why required metrics cannot be measured here, one line each."""
    found = {
        f"{name}: {measure.why}": None
        for each in planned
        for measure in each.measures
        for name in require
        if measure.state == "unavailable" and _is_called(measure.asked, [name])
    }
    return list(found)


def _changed(wanted: dict[str, Any], had: dict[str, Any]) -> list[str]:
    # had comes from JSON, where a tuple has become a list
    names = sorted(wanted.keys() | had.keys())
    return [name for name in names if not _equal(wanted.get(name), had.get(name))]


def _equal(one: Any, other: Any) -> bool:
    # most are hashes of sources; of numbers, 1 and 1.0 are not equal
    if isinstance(one, str):
        return bool(one == other)
    return digest(one) == digest(other)
