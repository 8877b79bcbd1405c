"""What a sequential study has decided on each problem, and what it still needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from bench.execution.plan import Planned
from bench.report.analysis.problems import Problem, place_of
from bench.report.analysis.ranking import score
from bench.report.statistics.sequential import (
    Asked,
    Compared,
    Replay,
    Result,
    compare_scores,
    family,
    replay,
)
from bench.study import Study
from bench.study.deciding import Deciding


@dataclass(frozen=True)
class Decided:
    """A problem of a sequential study after the looks that its records allow."""

    problem: Problem
    asked: Asked
    replayed: Replay
    ready: dict[str, int]
    """Seeds of each method whose scores are known, from 0 without a gap."""

    @property
    def results(self) -> list[Result]:
        return list(self.replayed.results.values())

    @property
    def settled(self) -> list[Result]:
        return [each for each in self.results if each.outcome != "open"]

    @property
    def seeds(self) -> int:
        """Seeds of the last look."""
        return max((each.seeds for each in self.results), default=0)

    @property
    def at_most(self) -> bool:
        """Whether every pair that is still needed was compared at the last look there is."""
        last = len(self.asked.looks)
        return all(self.replayed.results[pair].look == last for pair in self.replayed.needed)

    @property
    def unbeaten(self) -> list[str]:
        """Methods that no other was found to beat."""
        beaten = {each.loser for each in self.results}
        methods = dict.fromkeys(name for pair in self.replayed.results for name in pair)
        return [name for name in methods if name not in beaten]


def all_pairs(study: Study, problem: Problem) -> Decided:
    """Compare every pair once, with the seeds that a study has; Holm's procedure over all pairs."""
    scores = _scores(problem)
    n = max((len(own) for own in scores.values()), default=0)
    asked = Asked((max(n, 2),), decide=1.0, margin=study.margin_on(problem.cell.dataset.name))
    better = problem.primary.higher_is_better

    def compare(first: str, second: str, _: int) -> Compared:
        return compare_scores(scores[first], scores[second], better, study.comparison)

    ready = {label: asked.looks[0] if len(own) > 1 else 0 for label, own in scores.items()}
    if problem.copies:  # where nothing is random, nothing is said of chance
        ready = dict.fromkeys(ready, 0)
    found = replay(sorted(ready), asked, ready, (), compare)
    seeds = {
        pair: replace(each, seeds=min(len(scores[name]) for name in pair) if each.look else 0)
        for pair, each in found.results.items()
    }
    return Decided(problem, asked, replace(found, results=seeds), ready)


def decisions(
    study: Study,
    problems: list[Problem],
    grows: Callable[[Planned], bool] = lambda _: False,
) -> list[Decided]:
    """Replay the looks of every problem of a sequential study; none for another study.

    A look waits for a method all of whose cells may still be trained, by ``grows``. All methods of
    the study's file share the error, also where only some are trained, so that narrowing a run
    changes no decision.
    """
    if study.deciding is None:
        return []
    methods: dict[str, set[str]] = defaultdict(set)
    for cell in study.whole:
        if not cell.not_applicable:
            methods[place_of(cell)].add(cell.method.label)
    return [
        _decided(study, study.deciding, problem, methods[place_of(problem.cell)], grows)
        for problem in problems
    ]


def _decided(
    study: Study,
    deciding: Deciding,
    problem: Problem,
    named: set[str],
    grows: Callable[[Planned], bool],
) -> Decided:
    cells = {
        label: {each.cell.seed: each for each in own}
        for label, own in problem.by_method.items()
        if not own[0].cell.not_applicable
    }
    margin = study.margin_on(problem.cell.dataset.name)
    asked = Asked(deciding.looks, deciding.error, deciding.decide, deciding.baseline, margin=margin)
    methods = sorted(cells)
    left_out = len(family(sorted(named | cells.keys()), asked)) - len(family(methods, asked))
    asked = replace(asked, besides=left_out)
    ready = {label: _ready(problem, cells.get(label, {})) for label in methods}
    growing = [label for label, own in cells.items() if all(map(grows, own.values()))]
    better, scores = problem.primary.higher_is_better, _scores(problem)

    def compare_first(first: str, second: str, n: int) -> Compared:
        one, other = (
            {seed: value for seed, value in scores[label].items() if seed < n}
            for label in (first, second)
        )
        return compare_scores(one, other, better, study.comparison)

    if problem.copies:  # where nothing is random, more seeds repeat the same numbers
        found = replay(methods, asked, dict.fromkeys(methods, 0), (), compare_first)
    else:
        found = replay(methods, asked, ready, growing, compare_first)
    return Decided(problem, asked, found, ready)


def _scores(problem: Problem) -> dict[str, dict[int, float]]:
    """Return scores by seed of every method that applies; failed seeds are infinitely bad."""
    return {
        label: {
            each.cell.seed: value
            for each in own
            if (value := score(each, problem.primary)) is not None
        }
        for label, own in problem.by_method.items()
        if not own[0].cell.not_applicable
    }


def _ready(problem: Problem, cells: dict[int, Planned]) -> int:
    """Count the seeds, from 0 without a gap, that are trained and measured by what ranks."""
    known = partial(is_known, problem)
    return next((n for n in range(len(cells) + 1) if n not in cells or not known(cells[n])), 0)


def is_known(problem: Problem, planned: Planned) -> bool:
    """Say whether a cell is trained and measured; what the machine has stopped is not known."""
    if planned.state != "done" or score(planned, problem.primary) is None:
        return False
    return not any(
        measure.state in ("missing", "stale", "failed")
        and problem.primary.name in measure.asked.names
        for measure in planned.measures
        if planned.record is not None and planned.record.checkpoints
    )
