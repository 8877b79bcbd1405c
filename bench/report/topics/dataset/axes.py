"""Compares methods at equal cost in updates, gradients or seconds, whatever the budget counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.records.record import Record
from bench.report.analysis.counts import costs
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import score
from bench.report.statistics import interquartile_mean

AXES = {
    "discriminator_updates": "discriminator updates",
    "generator_updates": "generator updates",
    "gradient_evaluations": "gradient evaluations",
    "training_seconds": "seconds of training",
}
"""What a training may cost, by the name in records."""


@dataclass(frozen=True)
class AtEqualCost:
    """Methods as they were when each had spent as much as the least of them spends in all."""

    axis: str
    cost: float
    scores: dict[str, float]
    """Interquartile means over seeds, best first; failed seeds are infinitely bad."""

    @property
    def leader(self) -> str:
        return next(iter(self.scores))


def drawn_by(problem: Problem) -> Quantity | None:
    """Return the first metric that every checkpoint is measured by."""
    return problem.throughout[0] if problem.throughout else None


def spent(record: Record, axis: str) -> list[float] | None:
    """Return the cost of each checkpoint of a record; None where it is not known."""
    updates = [float(checkpoint["update"]) for checkpoint in record.checkpoints]
    if axis == "generator_updates":
        return [float(checkpoint["generator_update"]) for checkpoint in record.checkpoints]
    known = costs(record)
    whole, made = known.get(axis), known.get("discriminator_updates")
    if not whole or not made:
        return None
    return [update * whole / made for update in updates]


def differ(problem: Problem) -> bool:
    """Tell whether methods pay differently for a discriminator update."""
    paces = set()
    for cell in problem.planned:
        record = cell.record
        if record is not None and record.status == "ok" and record.cost:
            made = record.cost["discriminator_updates"]
            paces.add(
                tuple(
                    round(record.cost.get(axis, 0) / made, 6)
                    for axis in ("generator_updates", "gradient_evaluations")
                )
            )
    return len(paces) > 1


def at_equal_cost(problem: Problem, axis: str) -> AtEqualCost | None:
    """Compare methods at the cost that the cheapest reaches; linear between checkpoints.

    None where fewer than two methods have a number.
    """
    metric = drawn_by(problem)
    if metric is None:
        return None
    paid = {m: found for m, cells in problem.by_method.items() if (found := curves(cells, axis))}
    if len(paid) < 2:
        return None
    cost = min(float(np.mean([along[-1] for along, _ in own])) for own in paid.values())
    scores = {}
    for method, own in paid.items():
        values = [_at(cost, along, record, metric) for along, record in own]
        lost = [score(cell, metric) for cell in problem.by_method[method]]
        values += [value for value in lost if value is not None and np.isinf(value)]
        known = [value for value in values if value is not None]
        if known:
            scores[method] = float(interquartile_mean(known))
    if len(scores) < 2:
        return None
    order = sorted(scores, key=scores.__getitem__, reverse=metric.higher_is_better)
    return AtEqualCost(axis, cost, {method: scores[method] for method in order})


def curves(cells: Sequence[Planned], axis: str) -> list[tuple[list[float], Record]]:
    """Return the costs of the checkpoints of every finished seed.

    Seconds are the mean over the method's seeds: what a seed's neighbours did to its clock is no
    part of the method.
    """
    own = [c.record for c in cells if c.record is not None and c.record.status == "ok"]
    found = [(along, record) for record in own if (along := spent(record, axis)) and along[-1] > 0]
    if axis == "training_seconds" and found:
        whole = float(np.mean([along[-1] for along, _ in found]))
        found = [([each * whole / along[-1] for each in along], record) for along, record in found]
    return found


def _at(cost: float, along: list[float], record: Record, metric: Quantity) -> float | None:
    values = [evaluation.get(metric.name) for evaluation in record.evaluations]
    known = [(x, y) for x, y in zip(along, values, strict=True) if y is not None]
    if not known:
        return None
    return float(np.interp(cost, [x for x, _ in known], [y for _, y in known]))


def places(found: AtEqualCost, metric: Quantity) -> dict[str, int]:
    """Return the place of each method, 1 the first; those that read the same share one."""
    shown = [round(v, metric.digits + (2 if metric.percent else 0)) for v in found.scores.values()]
    return {method: 1 + shown.index(own) for method, own in zip(found.scores, shown, strict=True)}
