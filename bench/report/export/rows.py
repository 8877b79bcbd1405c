"""The rows of one cell, as a table of Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.metrics.gradients import HEADLINE, PLAYERS, detect, watched
from bench.records.record import Arrays, Record
from bench.report.analysis.counts import costs
from bench.report.analysis.problems import Problem, problems
from bench.report.analysis.series import thresholds
from bench.report.analysis.tables import identity
from bench.report.export.columns import CELL_COLUMNS, COLUMNS, COSTS, ORIGIN, ROW_COLUMNS, TEXT
from bench.report.stored import spelled_as, unknown

Row = dict[str, Any]
"""By the names of :data:`ROW_COLUMNS`; what is left out is null."""


@dataclass(frozen=True)
class Labelled:
    """A cell with the label of its problem."""

    planned: Planned
    label: str
    problem: Problem | None
    """None where the code here does not know the dataset: its metrics then have no meaning."""


def labelled(planned: Sequence[Planned]) -> list[Labelled]:
    """Return cells with their problems, in their order; unknown datasets keep their own label."""
    broken = unknown(each.cell.dataset for each in planned)
    usable = [each for each in planned if spelled_as(each.cell.dataset) not in broken]
    found = {id(each): problem for problem in problems(usable) for each in problem.planned}
    return [
        Labelled(
            each,
            problem.label if problem else each.cell.dataset.label or each.cell.dataset.name,
            problem,
        )
        for each in planned
        for problem in [found.get(id(each))]
    ]


def rows_of(cell: Labelled) -> tuple[pa.Table, str]:
    """Return all rows of one cell, and why its series cannot be read; empty where they can."""
    record, note = cell.planned.record, ""
    first: Row = {"kind": "cell", "quantity": "finished"}
    parts = []
    if record is None:
        rows = [first]
    else:
        try:
            series = record.series()
        except (BenchError, OSError) as error:
            series, note = {}, f"series cannot be read: {error}"
        first |= {"value": float(record.status == "ok"), "note": note or None}
        rows = [first, *_evaluations(cell, record), *_whole(record)]
        parts = list(_series(record, series))
    schema = pa.schema([(column.name, column.type) for column in ROW_COLUMNS])
    table = pa.concat_tables([pa.Table.from_pylist(rows, schema), *parts])
    facts = _facts(cell)
    same = [_repeated(facts.get(c.name), len(table), c.type) for c in CELL_COLUMNS]
    return pa.table([*same, *table.columns], [column.name for column in COLUMNS]), note


def _facts(cell: Labelled) -> dict[str, Any]:
    """Return what every row of a cell says of it, by the names of ``CELL_COLUMNS``."""
    record = cell.planned.record
    found = identity(cell.label, cell.planned)
    if record is not None:
        found |= {name: costs(record).get(name) for name in ORIGIN}
        if record.protocol:
            found["protocol"] = json.dumps(record.protocol, sort_keys=True, ensure_ascii=False)
    return found


def _evaluations(cell: Labelled, record: Record) -> Iterator[Row]:
    evaluations = record.evaluations
    why = {name: reason.text for name, reason in record.not_computed.items()}
    names = [quantity.name for quantity in cell.problem.measured] if cell.problem else []
    names += [name for each in evaluations for name in each if not name.endswith("update")]
    for name in dict.fromkeys(names):
        # slow metrics are measured at some evaluations only: there is no row for the others
        at = [each for each in evaluations if name in each]
        if not at and name in why:
            at = evaluations[-1:]
        for each in at:
            yield {"kind": "evaluation", "quantity": name, "update": each["update"],
                   "generator_update": each.get("generator_update", 0),
                   **_value(each.get(name), why.get(name))}  # fmt: skip
        if name in record.floor:
            value = _value(record.floor[name], why.get(name))
            yield {"kind": "floor", "quantity": name, **value}


def _value(value: float | None, why: str | None) -> Row:
    return {"note": why} if value is None else {"value": float(value)}


def _whole(record: Record) -> Iterator[Row]:
    cost = costs(record)
    for name in COSTS:
        if name in cost:
            yield {"kind": "cost", "quantity": name, **_value(cost[name], None)}
    for name, value in record.whole.items():
        player, _, quantity = name.partition("_")
        if player in PLAYERS:
            why = record.not_computed.get(name)
            yield {"kind": "gradient", "player": player, "quantity": quantity,
                   **_value(value, why.text if why else None)}  # fmt: skip


def _series(record: Record, series: Arrays) -> Iterator[pa.Table]:
    for player in PLAYERS:
        for quantity in ("loss", "norm"):
            values = series.get(f"{player}_{quantity}", np.empty(0)).astype(np.float64)
            flagged = {"non_finite": ~np.isfinite(values)}
            counts = (f"spikes_{HEADLINE}", "vanishing", "non_finite")
            # finding spikes takes longer than all the rest, and most series have none
            if quantity == "norm" and any(record.whole.get(f"{player}_{n}") for n in counts):
                norms = watched(series, player)
                found = detect(norms, player == "generator", thresholds(record))
                flagged = {"non_finite": found.non_finite, "spike": found.spike(),
                           "vanishing": found.vanishing}  # fmt: skip
            known: dict[str, Any] = {
                "kind": quantity, "player": player, "quantity": quantity,
                "update": np.arange(1, values.size + 1), "value": values,
                "flag": _words(flagged),
            }  # fmt: skip
            columns = [
                pa.array(own) if isinstance(own, np.ndarray)
                else own if isinstance(own, pa.Array)
                else _repeated(own, values.size, column.type)
                for column in ROW_COLUMNS
                for own in [known.get(column.name)]
            ]  # fmt: skip
            yield pa.table(columns, [column.name for column in ROW_COLUMNS])


def _words(flagged: dict[str, NDArray[np.bool_]]) -> pa.Array:
    """Return the names of the flags of each update, joined by "and"; null without any."""
    codes = sum(mask.astype(int) << place for place, mask in enumerate(flagged.values()))
    distinct, places = np.unique(codes, return_inverse=True)
    words = [
        " and ".join(name for place, name in enumerate(flagged) if code >> place & 1) or None
        for code in distinct
    ]
    return pa.array(words, TEXT).take(pa.array(places))


def _repeated(value: Any, n: int, type: pa.DataType) -> pa.Array:
    return pa.array([value], type).take(pa.array(np.zeros(n, np.int32)))
