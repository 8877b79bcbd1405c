"""What is done, what would be trained and measured, and why."""

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
from bench.records.fingerprint import digest
from bench.records.measurements import Measurement
from bench.records.record import TRANSIENT, Record
from bench.records.store import Store
from bench.registry import make_dataset

State = Literal["done", "missing", "stale", "failed", "not applicable"]


@dataclass(frozen=True)
class PlannedMeasure:
    """One measurement of a cell, and what the store knows of it."""

    wanted: Wanted
    state: Literal["done", "missing", "stale", "failed", "unavailable"]
    why: str = ""


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
        """Keys of the measurements to be taken: of all metrics, or of those called so.

        One that tells the best checkpoint comes along with what needs it.
        """
        if self.record is None or not self.record.checkpoints:
            return []
        open_ = {
            each.wanted.key: each.wanted
            for each in self.measures
            if each.state in ("missing", "stale", "failed")
        }
        chosen = [w for w in open_.values() if not only or _is_called(w, only)]
        judges = {wanted.judge[0] for wanted in chosen if wanted.judge is not None}
        keys = {wanted.key for wanted in chosen} | (judges & open_.keys())
        return [key for key in open_ if key in keys]


def _is_called(wanted: Wanted, names: Collection[str]) -> bool:
    return wanted.component.label in names or bool({*wanted.names} & {*names})


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
    # only what was never trained has to be told from its relatives
    for record in by_key.values() if current - by_key.keys() else ():
        if record.key not in current:  # else it answers for another cell of this study
            by_place[record.cell.coordinates()].append(record)
    datasets = _Datasets()
    keys = Keys()
    found = []
    for cell in cells:
        held = _judge(cell, by_key.get(cell.key), by_place[cell.coordinates()], retry)
        found.append(_measured(held, datasets.of(cell), keys, retry))
    return found


class _Datasets:
    """Makes each dataset of some cells once."""

    def __init__(self) -> None:
        self._made: dict[str, Dataset] = {}

    def of(self, cell: Cell) -> Dataset:
        part = cell.dataset
        named = digest([part.name, part.hyperparameters])
        if named not in self._made:
            self._made[named] = make_dataset(part.name, part.hyperparameters)
        return self._made[named]


def _judge(cell: Cell, record: Record | None, relatives: list[Record], retry: bool) -> Planned:
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


def _measured(held: Planned, dataset: Dataset, keys: Keys, retry: bool) -> Planned:
    """The same with its measurements; its record shows them, or why they are missing."""
    record = held.record
    cell = held.cell if record is None else _with_stored(held.cell, record, dataset)
    measures, shown, absent = [], [], dict[str, Reason]()
    for wanted in keys.wanted(cell, dataset):
        measure, stored = _judge_measure(wanted, record, retry)
        measures.append(measure)
        if stored is not None:
            shown.append(stored.key)
        else:
            text = measure.why if measure.state == "unavailable" else "not measured yet"
            absent |= dict.fromkeys(wanted.names, Reason("unavailable", text))
    if record is not None:
        record = record.asked(shown, absent, cell.iterate)
    return replace(held, cell=cell, record=record, measures=measures)


def _with_stored(cell: Cell, record: Record, dataset: Dataset) -> Cell:
    """The cell, measured also by what its record was measured by without being asked for."""
    known = {component.label for component in cell.metrics}
    own = dataset.evaluation_hyperparameters()
    more: dict[str, Component] = {}
    for each in record.known.values():
        if each.metric in known or each.evaluation not in (own, {}):
            continue
        if not each.is_of_iterate and each.iterate not in (None, cell.iterate):
            continue
        part = each.component
        try:
            named({part["name"]: part["hyperparameters"]}, dataset)
        except Exception:  # a metric that is gone, or no longer knows its hyperparameters
            continue
        more[each.metric] = Component(part["name"], part["hyperparameters"], each.metric)
    return replace(cell, also=tuple(more.values())) if more else cell


def _judge_measure(
    wanted: Wanted, record: Record | None, retry: bool
) -> tuple[PlannedMeasure, Measurement | None]:
    """How a measurement stands, and the stored one that answers for it."""
    if record is None:
        state: Any = "unavailable" if wanted.unavailable else "missing"
        return PlannedMeasure(wanted, state, wanted.unavailable or "not trained yet"), None
    stored = record.known.get(wanted.key)
    if stored is not None:
        if retry and any(why.kind in ("failed", "not_kept") for why in stored.reasons.values()):
            return PlannedMeasure(wanted, "failed", "tried again"), stored
        return PlannedMeasure(wanted, "done"), stored
    alike = [each for each in record.known.values() if each.component == wanted.part]
    changes = [(_changed(wanted.ingredients, each.ingredients), each) for each in alike]
    if wanted.unavailable:
        for changed, each in changes:
            # measured where there were weights
            if {*changed} <= {"extractor weights", "best checkpoint by"}:
                return PlannedMeasure(wanted, "done"), each
        return PlannedMeasure(wanted, "unavailable", wanted.unavailable), None
    if not changes:
        return PlannedMeasure(wanted, "missing", "never measured"), None
    closest, older = min(changes, key=lambda each: len(each[0]))
    why = "changed: " + ", ".join(closest)
    if _cannot_be_had_again(wanted, older, record):
        told = f"{why}; the networks are not kept, and the older numbers are shown"
        return PlannedMeasure(wanted, "unavailable", told), older
    return PlannedMeasure(wanted, "stale", why), None


def _cannot_be_had_again(wanted: Wanted, older: Measurement, record: Record) -> bool:
    """Whether networks are gone of which an older measurement, taken alike, has numbers."""
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
    """Why metrics that a study requires cannot be measured here, one line each."""
    found = {
        f"{name}: {measure.why}": None
        for each in planned
        for measure in each.measures
        for name in require
        if measure.state == "unavailable" and _is_called(measure.wanted, [name])
    }
    return list(found)


def _changed(wanted: dict[str, Any], had: dict[str, Any]) -> list[str]:
    # had comes from JSON, where a tuple has become a list
    names = sorted(wanted.keys() | had.keys())
    return [name for name in names if digest(wanted.get(name)) != digest(had.get(name))]
