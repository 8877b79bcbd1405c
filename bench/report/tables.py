"""Cells and their records as tables: one row per cell, and one per method, dataset and metric."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from bench.datasets.base import Metric
from bench.execution.plan import Planned
from bench.records.store import Record
from bench.report.problems import PLAYERS, Problem
from bench.report.ranking import Standing

KINDS = ("explosions", "spike", "drift", "non_finite", "vanishing")
"""Kinds of flagged updates; vanishing is looked for in the generator's series alone."""

_GRADIENT_COLUMNS = {
    f"{player}_{kind}{suffix}": f"{meaning} of the {player}: {told}"
    for player in PLAYERS
    for kind, told in {
        "explosions": "spike or drift",
        "spike": "spike",
        "drift": "drift",
        "non_finite": "loss or gradient norm not finite",
        "vanishing": "vanishing gradient",
    }.items()
    if player == "generator" or kind != "vanishing"
    for suffix, meaning in {
        "": "flagged updates",
        "_episodes": "episodes of flagged updates",
        "_per_10k": "flagged updates per 10,000 updates",
    }.items()
}

_IDENTITY_COLUMNS = {
    "problem": "dataset label, with what tells it from other problems on the same dataset",
    "method": "name of the method",
    "method_label": "the same with the settings that differ from their defaults",
    "method_settings": "all settings of the method, as JSON",
    "dataset": "name of the dataset",
    "dataset_settings": "all settings of the dataset, as JSON",
    "architecture": "name of the architecture",
    "architecture_settings": "all settings of the architecture, as JSON",
    "optimizer": "the setting's optimiser",
    "learning_rate": "the setting's learning rate; a method may change it relative to this",
    "beta1": "the setting's first Adam beta",
    "beta2": "the setting's second Adam beta",
    "batch_size": "samples in a batch",
    "simultaneous": "whether both players move from the same point",
    "seed": "seed of the member",
    "budget": "discriminator updates the cell may make",
    "evaluations": "evaluation points after the one before training",
    "key": "key of the cell: the folder of its record",
    "state": "done, failed, missing, stale or not applicable, as `bench plan` says",
    "status": "how training ended: ok, diverged, out_of_memory, timed_out, crashed, killed; "
    "the state where there is no record",
    "reason": "why the status is not ok",
    "last_evaluation": "discriminator updates at the last evaluation; a diverged cell's lies "
    "before its divergence",
    "first_update_all_modes": "discriminator updates at the first evaluation that holds all modes",
}

_COST_COLUMNS = {
    "discriminator_updates": "discriminator updates made",
    "generator_updates": "generator updates made",
    "gradient_evaluations": "gradients computed: one per player's, one per input gradient of a "
    "penalty",
    "training_seconds": "seconds of training: the population's, divided by its members",
    "evaluation_seconds": "seconds of evaluation: the population's, divided by its members",
    "population": "members trained together",
    "peak_memory_mb": "peak memory of the worker (of the device on a GPU), in MiB",
    "device": "kind of device",
    "device_name": "name of the device",
    "python": "version of Python",
    "torch": "version of torch",
    "numpy": "version of numpy",
    "commit": "git commit of the code",
    "finished_at": "when the cell was finished, UTC",
}

RUN_COLUMNS: dict[str, str] = {
    **_IDENTITY_COLUMNS,
    "<metric>": "the metric at the last evaluation; see the dataset's metrics",
    "<metric>_best": "its best value over all evaluations",
    **{f"{player}_median_norm": f"median gradient norm of the {player}" for player in PLAYERS},
    **_GRADIENT_COLUMNS,
    "<player>_explosions_<threshold>": "flagged updates with that one threshold changed",
    **_COST_COLUMNS,
}
"""Every column of runs.csv and what it means; ``<…>`` stands for a family of columns."""

SUMMARY_COLUMNS: dict[str, str] = {
    "problem": RUN_COLUMNS["problem"],
    "method": "label of the method; `real data` for the floor",
    "rank": "place by the primary metric",
    "metric": "name of the metric",
    "primary": "whether this metric ranks the methods",
    "mean": "mean of the last evaluation over finished seeds",
    "low": "lower end of the 95 % Student t interval",
    "high": "upper end of the interval",
    "best_mean": "mean over finished seeds of each seed's best value",
    "seeds_with_value": "finished seeds at which the metric is defined",
    "seeds_finished": "seeds with status ok",
    "seeds_failed": "seeds that diverged, crashed or were stopped",
    "seeds_planned": "seeds of the study",
    "difference_to_best": "paired difference to the best method at equal seeds, primary metric",
    "difference_low": "lower end of its 95 % interval",
    "difference_high": "upper end of its interval",
}
"""Every column of summary.csv and what it means."""

FLOOR = "real data"

_WHOLE = (
    "budget", "evaluations", "seed", "batch_size", "last_evaluation", "first_update_all_modes",
    "discriminator_updates", "generator_updates", "gradient_evaluations", "population",
)  # fmt: skip


def runs_table(problems: list[Problem]) -> pd.DataFrame:
    """One row per cell, failed and absent ones included; columns as in :data:`RUN_COLUMNS`."""
    rows = [_run(problem, planned) for problem in problems for planned in problem.planned]
    metrics = list(dict.fromkeys(m.name for p in problems for m in p.dataset.metrics))
    sensitivity = sorted({name for row in rows for name in row} - set(RUN_COLUMNS) - set(metrics)
                         - {f"{name}_best" for name in metrics})  # fmt: skip
    columns: list[str] = []
    for name in RUN_COLUMNS:
        if name == "<metric>":
            columns += [column for m in metrics for column in (m, f"{m}_best")]
        elif name.startswith("<player>"):
            columns += sensitivity
        elif not name.startswith("<"):
            columns.append(name)
    table = pd.DataFrame(rows, columns=columns)
    flagged = [name for name in [*_GRADIENT_COLUMNS, *sensitivity] if "per_10k" not in name]
    return table.astype(dict.fromkeys((*_WHOLE, *flagged), "Int64"))


def summary_table(problems: list[Problem], standings: list[list[Standing]]) -> pd.DataFrame:
    """One row per problem, method and metric; columns as in :data:`SUMMARY_COLUMNS`."""
    rows: list[dict[str, Any]] = []
    for problem, ranked in zip(problems, standings, strict=True):
        for metric in problem.dataset.metrics:
            primary = metric == problem.primary
            rows += [_summary(problem, metric, primary, standing) for standing in ranked]
            floor = problem.shared_result("floor").get(metric.name)
            rows.append({"problem": problem.label, "method": FLOOR, "metric": metric.name,
                         "primary": primary, "mean": floor})  # fmt: skip
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    whole = [name for name in SUMMARY_COLUMNS if name == "rank" or name.startswith("seeds_")]
    return table.astype(dict.fromkeys(whole, "Int64"))


def _summary(problem: Problem, metric: Metric, primary: bool, standing: Standing) -> dict[str, Any]:
    found, best = standing.last[metric.name], standing.best[metric.name]
    difference = standing.difference if primary else None
    return {
        "problem": problem.label,
        "method": standing.method,
        "rank": standing.rank,
        "metric": metric.name,
        "primary": primary,
        "mean": found and found.mean,
        "low": found and found.low,
        "high": found and found.high,
        "best_mean": best and best.mean,
        "seeds_with_value": found.n if found else 0,
        "seeds_finished": standing.finished,
        "seeds_failed": standing.failed,
        "seeds_planned": standing.planned,
        "difference_to_best": difference and difference.mean,
        "difference_low": difference and difference.low,
        "difference_high": difference and difference.high,
    }


def _run(problem: Problem, planned: Planned) -> dict[str, Any]:
    cell, record = planned.cell, planned.record
    optimizer = cell.setting.optimizer
    row: dict[str, Any] = {
        "problem": problem.label,
        "method": cell.method.name,
        "method_label": cell.method.label,
        "method_settings": json.dumps(cell.method.settings, sort_keys=True),
        "dataset": cell.dataset.name,
        "dataset_settings": json.dumps(cell.dataset.settings, sort_keys=True),
        "architecture": cell.architecture.name,
        "architecture_settings": json.dumps(cell.architecture.settings, sort_keys=True),
        "optimizer": optimizer.kind,
        "learning_rate": optimizer.learning_rate,
        "beta1": optimizer.betas[0],
        "beta2": optimizer.betas[1],
        "batch_size": cell.setting.batch_size,
        "simultaneous": cell.setting.simultaneous,
        "seed": cell.seed,
        "budget": cell.updates,
        "evaluations": cell.evaluations,
        "key": cell.key,
        "state": planned.state,
        "status": record.status if record else planned.state,
        # a record is one line of the table, whatever the worker had to say
        "reason": " ".join((record.reason if record else planned.why).split()),
    }
    if record is not None:
        row |= _measured(problem, record) | _gradients(record) | _cost(record)
    return row


def _measured(problem: Problem, record: Record) -> dict[str, Any]:
    evaluations = record.evaluations
    if not evaluations:
        return {}
    row: dict[str, Any] = {"last_evaluation": evaluations[-1]["update"]}
    for metric in problem.dataset.metrics:
        values = [e[metric.name] for e in evaluations if e.get(metric.name) is not None]
        row[metric.name] = evaluations[-1].get(metric.name)
        if values:
            row[f"{metric.name}_best"] = (max if metric.higher_is_better else min)(values)
    coverage = problem.coverage
    if coverage is not None:
        held = [e["update"] for e in evaluations if e.get(coverage.name) == coverage.ceiling]
        row["first_update_all_modes"] = min(held, default=None)
    return row


def _gradients(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for player in PLAYERS:
        found = record.data["result"].get("gradients", {}).get(player)
        if not found:
            continue
        row[f"{player}_median_norm"] = found["median"]
        for kind in KINDS:
            name = f"{player}_{kind}"
            if name in _GRADIENT_COLUMNS:
                row[name] = found[kind]["steps"]
                row[f"{name}_episodes"] = found[kind]["episodes"]
                row[f"{name}_per_10k"] = found[kind]["per_10k"]
        for threshold, steps in found["sensitivity"].items():
            row[f"{player}_explosions_{threshold.replace('=', '_')}"] = steps
    return row


def _cost(record: Record) -> dict[str, Any]:
    run = record.data["run"]
    source = {**record.data["result"].get("cost", {}), **run, **run.get("versions", {})}
    return {name: source.get(name) for name in _COST_COLUMNS}
