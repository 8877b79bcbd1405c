"""The rows of one cell, as segments that are cheap to hold and quick to join."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.metrics.gradients import HEADLINE, detect, meanings
from bench.records.record import Arrays, Record
from bench.registry import make_dataset
from bench.report.analysis.counts import costs, thresholds
from bench.report.analysis.problems import PLAYERS, problems
from bench.report.analysis.training import training_row
from bench.report.export.columns import COSTS, FLAGS, ORIGIN

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Told:
    """A cell with what a report calls its problem."""

    planned: Planned
    problem: str
    quantities: list[Quantity]
    """None where the code here does not know its dataset: they then have no meaning given."""


@dataclass(frozen=True)
class Segment:
    """Rows of one cell that are alike but for ``n`` values."""

    kind: str
    quantity: str
    values: Floats
    """(n,); NaN where there is no value, unless ``exact``."""
    player: str | None = None
    updates: Whole | None = None
    """(n,)"""
    generator_updates: Whole | None = None
    """(n,)"""
    flags: NDArray[np.int8] | None = None
    """(n,) places in ``FLAGS``; −1 where nothing is flagged."""
    note: str | None = None
    """Of the rows without a value; of all rows where ``values`` is a single one."""
    exact: bool = False
    """Whether NaN is a value, as in a series that diverged."""

    def __len__(self) -> int:
        return self.values.size

    def slices(self, most: int) -> Iterator[Segment]:
        """The same rows, at most so many at once."""
        if len(self) <= most:
            yield self
            return
        for start in range(0, len(self), most):
            part = slice(start, start + most)
            yield replace(
                self,
                values=self.values[part],
                updates=None if self.updates is None else self.updates[part],
                generator_updates=None
                if self.generator_updates is None
                else self.generator_updates[part],
                flags=None if self.flags is None else self.flags[part],
            )


def told(planned: Sequence[Planned]) -> list[Told]:
    """Cells with their problems' labels, in their order; unknown datasets keep their own label."""
    broken: dict[str, bool] = {}

    def usable(each: Planned) -> bool:
        dataset = each.cell.dataset
        key = json.dumps([dataset.name, dataset.hyperparameters], sort_keys=True)
        if key not in broken:
            try:
                make_dataset(dataset.name, dataset.hyperparameters)
                broken[key] = False
            except BenchError:
                broken[key] = True
        return not broken[key]

    labels = {
        id(each): Told(each, problem.label, problem.quantities)
        for problem in problems([each for each in planned if usable(each)])
        for each in problem.planned
    }
    return [
        labels.get(id(each)) or Told(each, each.cell.dataset.label or each.cell.dataset.name, [])
        for each in planned
    ]


def facts(cell: Told) -> dict[str, Any]:
    """What every row of a cell says of it, by the names of ``CELL_COLUMNS``."""
    planned, record = cell.planned, cell.planned.record
    parts = planned.cell
    found: dict[str, Any] = {
        "key": parts.key if record is None else record.key,
        "problem": cell.problem,
        "method": parts.method.name,
        "method_label": parts.method.label or parts.method.name,
        "dataset": parts.dataset.name,
        "architecture": parts.architecture.name,
        **training_row(parts.training),
        "seed": parts.seed,
        "budget": parts.updates,
        "evaluations": parts.evaluations,
        "state": planned.state,
        "status": planned.state if record is None else record.status,
        "reason": " ".join((planned.why if record is None else record.reason).split()),
    }
    for name in ("method", "dataset", "architecture"):
        found[f"{name}_hyperparameters"] = json.dumps(
            getattr(parts, name).hyperparameters, sort_keys=True
        )
    if record is not None:
        known = costs(record)
        found |= {name: known.get(name) for name in ORIGIN}
        if record.protocol:
            found["protocol"] = json.dumps(record.protocol, sort_keys=True, ensure_ascii=False)
    return found


def segments(cell: Told) -> Iterator[Segment]:
    """All rows of a cell; the one of kind ``cell`` comes last, as it tells what failed before."""
    record = cell.planned.record
    if record is None:
        yield _single("cell", "finished", None)
        return
    unread = None
    try:
        series = record.series()
    except (BenchError, OSError) as error:
        series, unread = {}, f"series cannot be read: {error}"
    yield from _evaluations(cell, record)
    yield from _whole(record)
    yield from _series(record, series)
    yield _single("cell", "finished", float(record.status == "ok"), note=unread)


def _single(
    kind: str, quantity: str, value: Any, player: str | None = None, note: str | None = None
) -> Segment:
    return Segment(kind, quantity, _numbers([value]), player, note=note)


def _numbers(values: Sequence[Any]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _evaluations(cell: Told, record: Record) -> Iterator[Segment]:
    evaluations = record.evaluations
    why = {name: reason.text for name, reason in record.not_computed.items()}
    places = ("update", "generator_update")
    names = dict.fromkeys(quantity.name for quantity in cell.quantities)
    names |= dict.fromkeys(name for e in evaluations for name in e if name not in places)
    floor = record.floor
    for name in names:
        # slow metrics are measured at some evaluations alone: there is no row for the others
        at = [e for e in evaluations if name in e]
        if not at and name in why and evaluations:
            at = evaluations[-1:]
        if at:
            yield Segment(
                "evaluation",
                name,
                _numbers([e.get(name) for e in at]),
                updates=np.array([e["update"] for e in at], np.int64),
                generator_updates=np.array([e.get("generator_update", 0) for e in at], np.int64),
                note=why.get(name),
            )
        if name in floor:
            yield _single("floor", name, floor[name], note=None if floor[name] else why.get(name))


def _whole(record: Record) -> Iterator[Segment]:
    cost = costs(record)
    for name in COSTS:
        if name in cost:
            yield _single("cost", name, cost[name])
    for player in PLAYERS:
        for name in meanings(player):
            if name in record.whole:
                why = record.not_computed.get(name)
                yield _single("gradient", name.removeprefix(f"{player}_"), record.whole[name],
                              player, why.text if why else None)  # fmt: skip


def _series(record: Record, series: Arrays) -> Iterator[Segment]:
    for player in PLAYERS:
        for quantity in ("loss", "norm"):
            values = series.get(f"{player}_{quantity}")
            if values is None or not values.size:
                continue
            values = values.astype(np.float64)
            flags = np.where(np.isfinite(values), -1, FLAGS.index("non_finite")).astype(np.int8)
            if quantity == "norm":
                _flag(record, player, values, flags)
            updates = np.arange(1, values.size + 1)
            yield Segment(quantity, quantity, values, player, updates, flags=flags, exact=True)


def _flag(record: Record, player: str, norms: Floats, flags: NDArray[np.int8]) -> None:
    """Mark what is flagged, under the thresholds by which the record's counts were made."""
    counts = (f"{player}_spikes_{HEADLINE}", f"{player}_vanishing")
    if not any(record.whole.get(name) for name in counts):
        return
    found = detect(norms, player == "generator", thresholds(record))
    flags[found.vanishing] = FLAGS.index("vanishing")
    flags[found.spike()] = FLAGS.index("spike")
