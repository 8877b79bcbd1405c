"""The results of a tuning, problem by problem: its numbers without words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bench.execution.plan import Planned
from bench.report.analysis.problems import Problem, problems
from bench.report.analysis.ranking import Standing, standings
from bench.report.statistics import Interval, best_after, paired_difference
from bench.tuning.tune import Tuned, Tuning


@dataclass(frozen=True)
class Result:
    """One problem: its methods with the study's own values and with their best trial's.

    Both are scored on the study's own seeds, which no trial has seen.
    """

    problem: Problem
    default: dict[str, Standing]
    """By method."""
    after: Problem
    """With the tuned cells, under the methods' own labels."""
    ranked: list[Standing]
    """Tuned, best first; without methods all of whose trials failed."""
    tuned: dict[str, Tuned]
    """By method, in the order of the ranking; those without a scored trial last."""

    def gain(self, standing: Standing) -> Interval | None:
        """Return tuned minus default, over the seeds that finished with both."""
        return paired_difference(standing.values, self.default[standing.method].values)


def curve(tuned: Tuned) -> list[Interval]:
    """Return the best after 1, 2, … trials: the study's own values, then the others in any order.

    A failed trial counts as infinitely bad.
    """
    higher = tuned.search.metric.higher_is_better
    worst = -math.inf if higher else math.inf
    first, *others = [worst if t.score is None else t.score for t in tuned.trials]
    return best_after(first, others, higher)


def results_of(tuning: Tuning) -> list[Result]:
    """Group a tuning by problem, and rank before and after."""
    by_key = {each.search.cell.key: each for each in tuning.tuned}
    planned = [p for each in tuning.tuned for p in each.default]
    planned += [Planned(c, "not applicable", c.not_applicable or "") for c in tuning.left_out]
    order = {cell.key: place for place, cell in enumerate(tuning.study.cells)}
    how, found = tuning.study.comparison, []
    for problem in problems(sorted(planned, key=lambda each: order[each.cell.key])):
        own = [by_key[p.cell.key] for p in problem.planned if p.cell.key in by_key]
        if not own:
            continue
        after = replace(problem, planned=[p for each in own for p in _relabelled(each)])
        ranked = standings(after, comparison=how) if after.planned else []
        place = {standing.method: at for at, standing in enumerate(ranked)}
        own.sort(key=lambda each: place.get(each.search.method, len(place)))
        default = {s.method: s for s in standings(problem, comparison=how)}
        found.append(Result(problem, default, after, ranked, {t.search.method: t for t in own}))
    return found


def _relabelled(tuned: Tuned) -> list[Planned]:
    """Return the tuned cells under the label of the method that they are tuned from."""
    label = tuned.search.method
    return [
        replace(p, cell=replace(p.cell, method=replace(p.cell.method, label=label)))
        for p in tuned.tuned
    ]
