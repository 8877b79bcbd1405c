"""What the first screen says of a dataset beside its verdict: stability, cost, the baseline."""

from __future__ import annotations

import pandas as pd

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import PLAYERS, Problem
from bench.report.analysis.ranking import Standing
from bench.report.page import numbers
from bench.report.sections.axes import equal_cost, other_iterate
from bench.report.sections.deciding import answer, pairs_told_apart
from bench.report.sections.stability import mean_of


def glance(
    found: Findings, problem: Problem, ranked: list[Standing]
) -> tuple[tuple[str, str], ...]:
    """Terms and a line each; those of which nothing is known are left out."""
    told = {
        "Pairs": _pairs(found, problem),
        "Stability": _stability(found, problem, ranked),
        "Last and averaged": other_iterate(problem, ranked),
        "Cost": _cost(found, problem, ranked),
        "Equal cost": equal_cost(problem, ranked),
        f"Against {found.baseline}": _baseline(ranked),
    }
    return tuple((term, words) for term, words in told.items() if words)


def _pairs(found: Findings, problem: Problem) -> str:
    decided = found.decided[problem.label]
    return pairs_told_apart(decided) if found.study.deciding is None else answer(decided)


def _stability(found: Findings, problem: Problem, ranked: list[Standing]) -> str:
    leader, metric = ranked[0], problem.primary
    last, best = leader.last[metric.name], leader.best[metric.name]
    if leader.rank is None or last is None or best is None:
        return ""
    values = leader.values.values()
    told = [
        f"{leader.method} ends at a mean of {numbers.of(metric, last.value)}, "
        f"{numbers.of(metric, best.value)} at its best"
    ]
    if len(values) > 1:
        low, high = numbers.of(metric, min(values)), numbers.of(metric, max(values))
        told[0] += f", seeds from {low} to {high}"
    exploded = [
        f"{s.method} ({n} of {numbers.count(s.trained, 'seed')})"
        for s in ranked
        if (n := _exploded(found.cells[problem.label, s.method]))
    ]
    told.append(f"gradients exploded in {numbers.listing(exploded)}" if exploded
                else "no gradient exploded")  # fmt: skip
    return "; ".join(told) + "."


def _exploded(cells: pd.DataFrame) -> int:
    """Seeds with a flagged update of either player."""
    counts = cells[[f"{player}_explosions" for player in PLAYERS]]
    return int((counts.fillna(0).sum(axis=1) > 0).sum())


def _cost(found: Findings, problem: Problem, ranked: list[Standing]) -> str:
    seconds = {}
    for s in ranked:
        cells = found.cells[problem.label, s.method]
        mean = mean_of(cells[cells["status"] == "ok"]["training_seconds"])
        if mean is not None:
            seconds[s.method] = mean
    if not seconds:
        return ""
    order = sorted(seconds, key=lambda method: seconds[method])
    least, most = order[0], order[-1]
    if numbers.plain(seconds[least], 1) == numbers.plain(seconds[most], 1):
        return f"{numbers.plain(seconds[least], 1)} s of training a seed."
    leader = ranked[0].method
    ends = (
        f"from {numbers.plain(seconds[least], 1)} s ({least}) to "
        f"{numbers.plain(seconds[most], 1)} s ({most})"
    )
    if leader in (least, most) or leader not in seconds:
        return f"training a seed took {ends}."
    return f"training a seed took {numbers.plain(seconds[leader], 1)} s with {leader}; {ends}."


def _baseline(ranked: list[Standing]) -> str:
    sides: dict[str, list[str]] = {"ahead": [], "behind": [], "tied": []}
    for s in ranked:
        if s.to_baseline is not None and s.to_baseline.outcome in sides:
            sides[s.to_baseline.outcome].append(s.method)
    words = {"ahead": "better", "behind": "worse", "tied": "not told apart"}
    told = [f"{words[side]}: {numbers.listing(names)}" for side, names in sides.items() if names]
    return "; ".join(told) + "." if told else ""
