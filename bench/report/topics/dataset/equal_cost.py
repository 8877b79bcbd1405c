"""Methods at equal cost in updates, gradients or seconds, whatever the budget counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.records.record import Record
from bench.report.analysis.counts import costs
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, score
from bench.report.page import numbers
from bench.report.page.document import Block, Entry, Paragraph, Table
from bench.report.statistics import interquartile_mean
from bench.report.topics.dataset.iterates import CALLED, means_of_other, ranked
from bench.words import listing

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
    metric: Quantity
    scores: dict[str, float]
    """Interquartile means over seeds, best first; failed seeds are infinitely bad."""

    @property
    def leader(self) -> str:
        return next(iter(self.scores))

    @property
    def places(self) -> dict[str, int]:
        """The place of each method, 1 the first; those that read the same share one."""
        shown = [self.metric.shown(value) for value in self.scores.values()]
        return {m: 1 + shown.index(own) for m, own in zip(self.scores, shown, strict=True)}

    @property
    def first(self) -> set[str]:
        return {method for method, place in self.places.items() if place == 1}


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

    None where fewer than two methods have a value, or too many seeds of each failed.
    """
    metric = drawn_by(problem)
    if metric is None:
        return None
    paid = {m: each for m, cells in problem.by_method.items() if (each := spent_by(cells, axis))}
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
    order = sorted(scores, key=scores.__getitem__, reverse=metric.higher_is_better)
    if len(order) < 2 or not math.isfinite(scores[order[0]]):
        return None
    return AtEqualCost(axis, cost, metric, {method: scores[method] for method in order})


def spent_by(cells: Sequence[Planned], axis: str) -> list[tuple[list[float], Record]]:
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


def at_cost(_: Findings, problem: Problem, standings: list[Standing]) -> list[Block]:
    """Return a table of the methods at equal cost, and what the other iterate says."""
    blocks: list[Block] = []
    for told in (equal_cost(problem, standings), other_iterate(problem, standings)):
        if told:
            blocks.append(Paragraph(f"{told[0].upper()}{told[1:]}"))
    found = _found(problem)
    if not found:
        return blocks
    rows = [
        [Entry(s.method, method=s.method), *(_placed(each, s.method) for each in found)]
        for s in standings
    ]
    costs = listing([f"{_amount(each)} {AXES[each.axis]}" for each in found])
    blocks.append(
        Table(
            f"axes-{problem.anchor}",
            f"{found[0].metric.label} on {problem.label} when each method had spent what the "
            f"cheapest spends in all ({costs}), interpolated between checkpoints; the rank in "
            "brackets.",
            ["method", *(f"at equal {AXES[each.axis]}" for each in found)],
            rows,
        )
    )
    return blocks


def _placed(found: AtEqualCost, method: str) -> Entry:
    value = found.scores.get(method)
    if value is None:
        return Entry(numbers.NOTHING)
    if not math.isfinite(value):
        return Entry("too many failed", "failed")
    return Entry(f"{numbers.of(found.metric, value)} ({found.places[method]})", value=value)


def equal_cost(problem: Problem, standings: list[Standing]) -> str:
    """Return a line on whether the ranking's leaders also lead at equal cost of another kind.

    Nothing where all methods pay alike.
    """
    counted = next(iter(problem.cell.budget), "discriminator_updates")
    rest = [each for each in _found(problem) if each.axis != counted]
    leads = {s.method for s in standings if s.rank == 1}
    if not rest or not leads or rest[0].metric != problem.primary:
        return ""
    changed = [each for each in rest if not leads <= each.first]
    if not changed:
        names, axes = listing(sorted(leads)), [AXES[each.axis] for each in rest]
        verb = "leads" if len(leads) == 1 else "lead"
        return f"{names} also {verb} at equal {listing(axes)}."
    told = []
    for each in changed:
        first = sorted(each.first)
        verb = "leads" if len(first) == 1 else "lead"
        best = numbers.of(each.metric, each.scores[each.leader])
        told.append(
            f"at equal {AXES[each.axis]} ({_amount(each)}) {listing(first)} {verb}, with {best}"
        )
    return f"{listing(told)}."


def other_iterate(problem: Problem, standings: list[Standing]) -> str:
    """Say who would lead by the iterate that is not ranked by, estimated as the ranking does."""
    found = means_of_other(problem, standings)
    if found is None:
        return ""
    iterate, metric, means = found
    best = metric.best(means.values()) if len(means) > 1 else math.inf
    if not math.isfinite(best):
        return ""
    first = [m for m, mean in means.items() if metric.shown(mean) == metric.shown(best)]
    told = (
        f"Ranked by {CALLED[ranked(problem)]}. By {CALLED[iterate]}, {listing(first)} "
        f"{'has' if len(first) == 1 else 'have'} the best interquartile mean, "
        f"{numbers.of(metric, best)}"
    )
    shared = [s.method for s in standings if s.rank == 1 and s.method in means]
    lost = [f"{m} {numbers.of(metric, means[m])}" for m in shared if m not in first]
    return f"{told}: the first place is {f'lost by {listing(lost)}' if lost else 'the same'}."


def _found(problem: Problem) -> list[AtEqualCost]:
    if not differ(problem):
        return []
    return [each for axis in AXES if (each := at_equal_cost(problem, axis)) is not None]


def _amount(found: AtEqualCost) -> str:
    small = found.axis == "training_seconds" and found.cost < 100
    return f"{found.cost:,.{1 if small else 0}f}"
