"""Says who leads at equal cost, and what the iterate that is not ranked by would change."""

from __future__ import annotations

from functools import partial

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import figure
from bench.report.page import numbers
from bench.report.page.document import Block, Entry, Paragraph, Table
from bench.report.topics.dataset.axes import (
    AXES,
    AtEqualCost,
    at_equal_cost,
    differ,
    drawn_by,
    places,
)
from bench.report.topics.dataset.equal_cost_figure import draw_axes
from bench.report.topics.dataset.iterates import CALLED, other, ranked


def axes(found: Findings, problem: Problem, standings: list[Standing]) -> list[Block]:
    """Return a table and curves of the methods at equal cost, and what the other iterate says."""
    blocks = _compared(problem, standings)
    draw = partial(draw_axes, problem, [standing.method for standing in standings])
    return [*blocks, *figure(found, problem, "axes", draw)]


def _compared(problem: Problem, standings: list[Standing]) -> list[Block]:
    blocks: list[Block] = []
    for told in (equal_cost(problem, standings), other_iterate(problem, standings)):
        if told:
            blocks.append(Paragraph(f"{told[0].upper()}{told[1:]}"))
    metric, found = drawn_by(problem), _found(problem)
    if metric is None or not found:
        return blocks
    placed = [places(each, metric) for each in found]
    rows = []
    for standing in standings:
        row = [Entry(standing.method, method=standing.method)]
        for each, own in zip(found, placed, strict=True):
            value = each.scores.get(standing.method)
            told = numbers.NOTHING
            if value is not None:
                told = f"{numbers.of(metric, value)} ({own[standing.method]})"
            row.append(Entry(told, value=value))
        rows.append(row)
    costs = numbers.listing([f"{_amount(each)} {AXES[each.axis]}" for each in found])
    blocks.append(
        Table(
            f"axes-{problem.anchor}",
            f"{metric.label} on {problem.label} when each method had spent what the cheapest "
            f"spends in all ({costs}), interpolated between checkpoints; in brackets the place.",
            ["method", *(f"at equal {AXES[each.axis]}" for each in found)],
            rows,
        )
    )
    return blocks


def equal_cost(problem: Problem, standings: list[Standing]) -> str:
    """Return a line on whether the ranking's leaders also lead at equal cost of another kind.

    Nothing where all methods pay alike.
    """
    counted = next(iter(problem.cell.budget), "discriminator_updates")
    rest = [each for each in _found(problem) if each.axis != counted]
    metric = drawn_by(problem)
    leads = {s.method for s in standings if s.rank == 1}
    if not rest or not leads or metric is None or metric != problem.primary:
        return ""
    changed = [each for each in rest if not leads <= _first(each, problem)]
    if not changed:
        names, axes = numbers.listing(sorted(leads)), [AXES[each.axis] for each in rest]
        verb = "leads" if len(leads) == 1 else "lead"
        return f"{names} also {verb} at equal {numbers.listing(axes)}."
    told = []
    for each in changed:
        first = sorted(_first(each, problem))
        verb = "leads" if len(first) == 1 else "lead"
        best = numbers.of(metric, each.scores[each.leader])
        told.append(
            f"at equal {AXES[each.axis]} ({_amount(each)}) {numbers.listing(first)} {verb}, "
            f"with {best}"
        )
    return f"{numbers.listing(told)}."


def other_iterate(problem: Problem, standings: list[Standing]) -> str:
    """Say who would lead by the iterate that is not ranked by."""
    beside = other(problem)
    if beside is None:
        return ""
    iterate, metric = beside
    means = {s.method: mean.value for s in standings if (mean := s.last[metric.name]) is not None}
    ours = {s.method: s.rank for s in standings if s.method in means and s.rank is not None}
    if len(ours) < 2:
        return ""
    order = sorted(ours, key=lambda method: means[method], reverse=metric.higher_is_better)
    digits = metric.digits + (2 if metric.percent else 0)
    best = round(means[order[0]], digits)
    leads = [method for method in order if round(means[method], digits) == best]
    shared = [method for method in ours if ours[method] == 1]
    told = (
        f"Ranked by the {CALLED[ranked(problem)]}; of the {CALLED[iterate]} "
        f"{numbers.listing(leads)} {'has' if len(leads) == 1 else 'have'} the best mean, "
        f"{numbers.of(metric, means[order[0]])}"
    )
    if set(leads) & set(shared):
        return f"{told}: the first place is the same."
    behind = numbers.listing([f"{m} {numbers.of(metric, means[m])}" for m in shared if m in means])
    return f"{told}: the first place depends on it ({behind})."


def _found(problem: Problem) -> list[AtEqualCost]:
    if not differ(problem):
        return []
    return [each for axis in AXES if (each := at_equal_cost(problem, axis)) is not None]


def _first(found: AtEqualCost, problem: Problem) -> set[str]:
    metric = drawn_by(problem)
    assert metric is not None
    return {method for method, place in places(found, metric).items() if place == 1}


def _amount(found: AtEqualCost) -> str:
    small = found.axis == "training_seconds" and found.cost < 100
    return f"{found.cost:,.{1 if small else 0}f}"
