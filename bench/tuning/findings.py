"""What a tuning found, problem by problem, before a word of its report is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from bench.execution.plan import Planned
from bench.report.analysis.problems import Problem, problems
from bench.report.analysis.ranking import Standing, standings
from bench.report.statistics import Interval, best_after, paired_difference
from bench.tuning.tune import Tuned, Tuning


@dataclass(frozen=True)
class Result:
    """One problem: its methods with the study's own values and with their best trial's.

    Both on the study's own seeds, which no trial has seen.
    """

    problem: Problem
    default: dict[str, Standing]
    ranked: list[Standing]
    """Tuned, best first; without methods all of whose trials failed."""
    after: Problem
    """Of the tuned cells, under the methods' own labels."""
    tuned: dict[str, Tuned]
    """By method, in the order of the ranking; those without a scored trial last."""

    def gain(self, standing: Standing) -> Interval | None:
        """Tuned less default, at the seeds that finished with both."""
        return paired_difference(standing.values, self.default[standing.method].values)

    @cached_property
    def curves(self) -> dict[str, list[Interval]]:
        """The best score after 1, 2, … trials of each method, on the tuning seeds."""
        return {method: curve(tuned) for method, tuned in self.tuned.items()}


def curve(tuned: Tuned) -> list[Interval]:
    """The best after 1, 2, … trials: the study's own values first, the others in any order."""
    higher = tuned.search.metric.higher_is_better
    worst = float("-inf") if higher else float("inf")
    first, *others = [worst if t.score is None else t.score for t in tuned.trials]
    return best_after(first, others, higher)


def results_of(tuning: Tuning) -> list[Result]:
    """Group by problem, and rank before and after."""
    by_key = {each.search.cell.key: each for each in tuning.tuned}
    planned = [p for each in tuning.tuned for p in each.default]
    planned += [Planned(c, "not applicable", c.not_applicable or "") for c in tuning.left_out]
    order = {cell.key: place for place, cell in enumerate(tuning.study.cells)}
    planned.sort(key=lambda each: order[each.cell.key])
    how, found = tuning.study.comparison, []
    for problem in problems(planned):
        own = [by_key[p.cell.key] for p in problem.planned if p.cell.key in by_key]
        if not own:
            continue
        after = replace(problem, planned=[p for each in own for p in _relabelled(each)])
        ranked = standings(after, comparison=how) if after.planned else []
        methods = {each.search.method: each for each in own}
        places = [s.method for s in ranked]
        tuned = {m: methods[m] for m in [*places, *(m for m in methods if m not in places)]}
        default = {s.method: s for s in standings(problem, comparison=how)}
        found.append(Result(problem, default, ranked, after, tuned))
    return found


def _relabelled(tuned: Tuned) -> list[Planned]:
    """The tuned cells under the label of the method that they are tuned from."""
    label = tuned.search.method
    return [
        replace(p, cell=replace(p.cell, method=replace(p.cell.method, label=label)))
        for p in tuned.tuned
    ]
