"""Where each method stands on a problem."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.report.analysis.contrast import (
    LEVEL_TO_BASELINE,
    LEVEL_TO_BEST,
    Contrast,
    Outcome,
    contrast,
)
from bench.report.analysis.gaps import reasons
from bench.report.analysis.problems import Problem
from bench.report.statistics import (
    Comparison,
    Interval,
    bootstrap_interval,
    holm,
    interquartile_mean,
    mean_interval,
    seeds_needed,
)


@dataclass(frozen=True)
class Standing:
    """One method on one problem. Means are over seeds with status ok."""

    method: str
    last: dict[str, Interval | None]
    """Every metric at the last evaluation."""
    best: dict[str, Interval | None]
    """The best value of every metric over the evaluations of a seed after the start."""
    statuses: dict[str, int]
    """Seeds by status; by state where there is no record."""
    planned: int
    scores: dict[int, float]
    """The primary metric of every trained seed at the last evaluation; failed seeds are infinitely
    bad. Finished seeds at which it is not defined are left out."""
    centre: Interval | None
    """Interquartile mean of the scores: infinitely bad where too many seeds failed."""
    checkpoint: dict[str, Interval | None]
    """Every metric at each seed's best checkpoint."""
    checkpoint_is_last: bool
    """Whether that is the last evaluation for every seed."""
    reasons: dict[str, str]
    """Why metrics have no value at the last evaluation of some seed."""
    learnt: bool = True
    """Whether that is better than an untrained generator; True where the start is not known."""
    rank: int | None = None
    """None where no seed has a value of the primary metric."""
    to_best: Contrast | None = None
    """Against the first row; None for that row itself."""
    to_baseline: Contrast | None = None
    """Against the baseline the reader chose; None for that itself, and where there is none."""

    @property
    def values(self) -> dict[int, float]:
        """The primary metric of each finished seed at the last evaluation."""
        return {seed: score for seed, score in self.scores.items() if math.isfinite(score)}

    @property
    def holds(self) -> bool:
        """Whether so few seeds failed that the interquartile mean is a number."""
        return self.centre is not None and math.isfinite(self.centre.value)

    @property
    def finished(self) -> int:
        return self.statuses.get("ok", 0)

    @property
    def trained(self) -> int:
        """Seeds with a record, whatever became of them."""
        return self.finished + self.failed

    @property
    def failed(self) -> int:
        """Seeds that were trained and did not finish."""
        return sum(n for status, n in self.statuses.items() if status not in ("ok", *ABSENT))

    @property
    def told_statuses(self) -> str:
        """``2 diverged, 3 ok``."""
        statuses = sorted(self.statuses.items())
        return ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in statuses)

    def not_computed(self, metric: Quantity) -> bool:
        """Return whether a metric has no value for any seed, for a reason that is known."""
        return self.last[metric.name] is None and metric.name in self.reasons

    @property
    def against_best(self) -> Outcome:
        """How the method stands to the best one; ``unsure`` where it did not learn anything.

        ``ahead`` can happen where the best method's rank rests on other seeds than this one's.
        """
        if not self.learnt:
            return "behind" if self.to_best and self.to_best.outcome == "behind" else "unsure"
        if self.rank == 1:
            return "best"
        return "unsure" if self.rank is None or self.to_best is None else self.to_best.outcome


ABSENT = ("missing", "stale", "not applicable")
"""States of cells without a record."""


def status_of(planned: Planned) -> str:
    return planned.record.status if planned.record else planned.state


def final(planned: Planned, metric: Quantity) -> float | None:
    """Return a finished cell's metric at the last evaluation; None for any other cell."""
    record = planned.record
    if record is None or record.status != "ok" or not record.evaluations:
        return None
    return record.evaluations[-1].get(metric.name)


def score(planned: Planned, metric: Quantity) -> float | None:
    """Return :func:`final`; for a cell that failed the worst value."""
    if planned.record is not None and planned.record.status != "ok":
        return metric.worst
    return final(planned, metric)


def scores_of(cells: list[Planned], metric: Quantity) -> dict[int, float]:
    """Return the :func:`score` of every seed that has one."""
    found = {cell.cell.seed: score(cell, metric) for cell in cells}
    return {seed: value for seed, value in found.items() if value is not None}


def standings(
    problem: Problem, baseline: str = "", comparison: Comparison = "welch"
) -> list[Standing]:
    """Return every method of a problem, best first; those without a value last.

    Methods are ordered by the interquartile mean of the primary metric, in which a failed seed
    counts as infinitely bad. Where so many failed that this is no number, fewer failures come
    first, then the mean of the finished seeds. Numbers are compared as they are shown: of methods
    that read the same, the one with fewer failed seeds comes first, and those with as many share
    a rank.
    """
    primary = problem.primary
    found = [_standing(problem, label, cells) for label, cells in problem.by_method.items()]
    worse, badness = -primary.sign, primary.badness

    def place(standing: Standing) -> tuple[float, ...]:
        mean = standing.last[primary.name]
        if mean is None or standing.centre is None:
            return (2, standing.planned == standing.statuses.get("not applicable", 0))
        if standing.holds:
            value = standing.centre.value
            return (0, badness(value), standing.failed, worse * value)
        return (1, standing.failed / len(standing.scores), badness(mean.value), worse * mean.value)

    ranked = sorted(found, key=lambda standing: (*place(standing), standing.method))
    # the last part of a place only orders the rows of those who share a rank
    places = [place(standing)[:-1] for standing in ranked]
    ranked = [
        replace(s, rank=None if s.last[primary.name] is None else 1 + places.index(own))
        for s, own in zip(ranked, places, strict=True)
    ]
    leader = ranked[0].method if ranked[0].rank is not None else ""
    to_best = _contrasts(problem, ranked, leader, LEVEL_TO_BEST, comparison)
    to_baseline = _contrasts(problem, ranked, baseline, LEVEL_TO_BASELINE, comparison)
    return [
        replace(s, to_best=to_best.get(s.method), to_baseline=to_baseline.get(s.method))
        for s in ranked
    ]


def mean_places(
    problems: list[Problem], standings: list[list[Standing]]
) -> dict[str, float | None]:
    """Return every method's mean rank over the problems that rank any, best first.

    None, and last, for a method that one of these does not rank: a mean over others would not
    compare.
    """
    from scipy.stats import rankdata

    found: dict[str, list[float]] = {s.method: [] for ranked in standings for s in ranked}
    failed = dict.fromkeys(found, 0)
    counted = 0
    for problem, ranked in zip(problems, standings, strict=True):
        for standing in ranked:
            failed[standing.method] += standing.failed
        if not any(s.holds for s in ranked):
            continue
        counted += 1
        scores = {s.method: s.centre.value for s in ranked if s.centre is not None}
        places = rankdata([-problem.primary.sign * score for score in scores.values()]).tolist()
        for method, place in zip(scores, places, strict=True):
            found[method].append(place)
    means = {m: sum(places) / len(places) if places else math.inf for m, places in found.items()}

    def order(method: str) -> tuple[bool, float, int, str]:
        return len(found[method]) < counted, means[method], failed[method], method

    return {
        method: means[method] if counted and len(found[method]) == counted else None
        for method in sorted(means, key=order)
    }


def _contrasts(
    problem: Problem,
    ranked: list[Standing],
    reference: str,
    level: float,
    comparison: Comparison,
) -> dict[str, Contrast]:
    """Return every other ranked method against one, corrected for their number."""
    other = next((s for s in ranked if s.method == reference), None)
    if other is None or not other.scores:
        return {}
    better = problem.primary.higher_is_better
    rest = [s for s in ranked if s is not other and s.scores]
    found = [contrast(s.scores, other.scores, reference, better, level, comparison) for s in rest]
    if problem.copies:
        found = [each.without_chance() for each in found]
    adjusted = holm([each.p for each in found])
    alone = level / max(sum(each.p is not None for each in found), 1)
    needed = [
        # where failures decide, the survivors say nothing of it
        seeds_needed(s.scores, other.scores, alone, comparison)
        if each.test in ("Welch", "paired t")
        else None
        for s, each in zip(rest, found, strict=True)
    ]
    return {
        s.method: replace(each, adjusted=p, seeds_needed=seeds)
        for s, each, p, seeds in zip(rest, found, adjusted, needed, strict=True)
    }


def _standing(problem: Problem, label: str, cells: list[Planned]) -> Standing:
    ok = [c.record for c in cells if c.record is not None and c.record.status == "ok"]
    runs = [record.evaluations for record in ok if record.evaluations]
    places = [problem.best_evaluation(run) for run in runs]
    last: dict[str, Interval | None] = {}
    best: dict[str, Interval | None] = {}
    checkpoint: dict[str, Interval | None] = {}
    for metric in problem.quantities:
        series = [[evaluation.get(metric.name) for evaluation in run] for run in runs]
        # the start is nobody's best
        after = [values[1:] or values for values in series]
        defined = [[value for value in values if value is not None] for values in after]
        last[metric.name] = _mean([values[-1] for values in series])
        best[metric.name] = _mean([metric.best(values) for values in defined if values])
        checkpoint[metric.name] = _mean([v[at] for v, at in zip(series, places, strict=True)])
    scores = scores_of(cells, problem.primary)
    centre = bootstrap_interval(list(scores.values()), interquartile_mean)
    return Standing(
        label,
        last,
        best,
        dict(Counter(status_of(cell) for cell in cells)),
        len(cells),
        scores,
        centre,
        checkpoint,
        all(place == len(run) - 1 for place, run in zip(places, runs, strict=True)),
        {name: why for record in ok for name, why in reasons(record).items()},
        _learnt(problem, centre),
    )


def _learnt(problem: Problem, centre: Interval | None) -> bool:
    if centre is None or problem.start is None or math.isinf(centre.value):
        return True
    return problem.primary.is_better(centre.value, problem.start)


def _mean(values: list[float | None]) -> Interval | None:
    return mean_interval([value for value in values if value is not None])
