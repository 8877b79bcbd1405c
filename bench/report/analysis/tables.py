"""Cells and their records as tables: one row per cell, and one per method, dataset and metric."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.records.measurements import listed
from bench.records.record import Record
from bench.report.analysis.columns import (
    COST_COLUMNS,
    COUNTED,
    GRADIENT_COLUMNS,
    RUN_COLUMNS,
    SUMMARY_COLUMNS,
)
from bench.report.analysis.contrast import Contrast
from bench.report.analysis.counts import costs
from bench.report.analysis.gaps import reasons
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.training import TRAINING_COLUMNS, training_row

FLOOR = "real data"

_WHOLE = (
    "budget", "evaluations", "seed", "last_evaluation", "best_evaluation", "first_update_all_modes",
    "discriminator_updates", "generator_updates", "gradient_evaluations", "population",
    *(column.name for column in TRAINING_COLUMNS if column.kind == "integer"),
)  # fmt: skip


def runs_table(problems: list[Problem]) -> pd.DataFrame:
    """Return one row per cell, also of failed and absent ones; columns: :data:`RUN_COLUMNS`."""
    rows = [_run(problem, planned) for problem in problems for planned in problem.planned]
    metrics = list(dict.fromkeys(m.name for p in problems for m in p.quantities))
    columns: list[str] = []
    for name in RUN_COLUMNS:
        if name == "<metric>":
            columns += [column for m in metrics for column in (m, f"{m}_best")]
        elif not name.startswith("<"):
            columns.append(name)
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys((*_WHOLE, *COUNTED), "Int64"))


def summary_table(problems: list[Problem], standings: list[list[Standing]]) -> pd.DataFrame:
    """Return one row per problem, method and metric; columns: :data:`SUMMARY_COLUMNS`."""
    rows: list[dict[str, Any]] = []
    for problem, ranked in zip(problems, standings, strict=True):
        for metric in problem.quantities:
            primary = metric == problem.primary
            rows += [_summary(problem, metric, primary, standing) for standing in ranked]
            floor = problem.floor.get(metric.name)
            rows.append({"problem": problem.label, "method": FLOOR, "metric": metric.name,
                         "primary": primary, "mean": floor})  # fmt: skip
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    whole = [name for name in SUMMARY_COLUMNS if name == "rank" or name.startswith("seeds_")]
    return table.astype(dict.fromkeys(whole, "Int64"))


def mean_of(values: pd.Series) -> float | None:
    """Return the mean of the values that are known; None without any."""
    known = values.dropna()
    return float(known.mean()) if len(known) else None


def _summary(
    problem: Problem, metric: Quantity, primary: bool, standing: Standing
) -> dict[str, Any]:
    found, best = standing.last[metric.name], standing.best[metric.name]
    checkpoint = standing.checkpoint[metric.name]
    centre = standing.centre if primary and standing.holds else None
    row: dict[str, Any] = {
        "problem": problem.label,
        "method": standing.method,
        "rank": standing.rank,
        "metric": metric.name,
        "primary": primary,
        "interquartile_mean": centre and centre.value,
        "interquartile_low": centre and centre.low,
        "interquartile_high": centre and centre.high,
        "mean": found and found.value,
        "low": found and found.low,
        "high": found and found.high,
        "best_mean": best and best.value,
        "checkpoint_mean": checkpoint and checkpoint.value,
        "seeds_with_value": found.n if found else 0,
        "seeds_finished": standing.finished,
        "seeds_failed": standing.failed,
        "seeds_planned": standing.planned,
    }
    if primary:
        row |= _contrast("best", standing.to_best) | _contrast("baseline", standing.to_baseline)
    return row


def _contrast(name: str, found: Contrast | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        name: found.other,
        f"difference_to_{name}": found.difference and found.difference.value,
        f"difference_to_{name}_low": found.difference and found.difference.low,
        f"difference_to_{name}_high": found.difference and found.difference.high,
        f"chance_to_beat_{name}": found.improvement and found.improvement.value,
        f"chance_to_beat_{name}_low": found.improvement and found.improvement.low,
        f"chance_to_beat_{name}_high": found.improvement and found.improvement.high,
        f"p_{name}": found.p,
        f"p_{name}_adjusted": found.adjusted,
        f"p_{name}_test": found.test,
        f"p_{name}_smallest": found.smallest,
        f"seeds_to_settle_{name}": found.seeds_needed,
    }


def identity(problem: str, planned: Planned) -> dict[str, Any]:
    """Return what a cell is and how it ended, by the first names of :data:`RUN_COLUMNS`."""
    cell, record = planned.cell, planned.record
    return {
        "problem": problem,
        "method": cell.method.name,
        "method_label": cell.method.label,
        "method_hyperparameters": json.dumps(cell.method.hyperparameters, sort_keys=True),
        "dataset": cell.dataset.name,
        "dataset_hyperparameters": json.dumps(cell.dataset.hyperparameters, sort_keys=True),
        "architecture": cell.architecture.name,
        "architecture_hyperparameters": json.dumps(
            cell.architecture.hyperparameters, sort_keys=True
        ),
        **training_row(cell.training),
        "seed": cell.seed,
        "budget": cell.updates,
        "evaluations": cell.evaluations,
        "key": record.key if record else cell.key,
        "state": planned.state,
        "status": record.status if record else planned.state,
        # a record is one line of the table, whatever the worker had to say
        "reason": " ".join((record.reason if record else planned.why).split()),
    }


def _run(problem: Problem, planned: Planned) -> dict[str, Any]:
    row, record = identity(problem.label, planned), planned.record
    if record is not None:
        row |= _measured(problem, record) | _cost(record)
        row |= {name: record.whole.get(name) for name in GRADIENT_COLUMNS}
    return row


def _measured(problem: Problem, record: Record) -> dict[str, Any]:
    evaluations = record.evaluations
    if not evaluations:
        return {}
    row: dict[str, Any] = {
        "last_evaluation": evaluations[-1]["update"],
        "best_evaluation": evaluations[problem.best_evaluation(evaluations)]["update"],
        "not_computed": listed(reasons(record)),
    }
    for metric in problem.quantities:
        after = evaluations[1:] or evaluations
        values = [e[metric.name] for e in after if e.get(metric.name) is not None]
        row[metric.name] = evaluations[-1].get(metric.name)
        if values:
            row[f"{metric.name}_best"] = metric.best(values)
    coverage = problem.coverage
    if coverage is not None:
        held = [e["update"] for e in evaluations if e.get(coverage.name) == coverage.ceiling]
        row["first_update_all_modes"] = min(held, default=None)
    return row


def _cost(record: Record) -> dict[str, Any]:
    source = costs(record)
    return {name: source.get(name) for name in COST_COLUMNS}
