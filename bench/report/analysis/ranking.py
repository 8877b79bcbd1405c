"""Where each method stands on a problem."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from bench.datasets.base import Metric
from bench.execution.plan import Planned
from bench.report.analysis.gaps import reasons
from bench.report.analysis.problems import Problem
from bench.report.statistics import Interval, mean_interval, paired_difference


@dataclass(frozen=True)
class Standing:
    """One method on one problem. Means are over seeds with status ok."""

    method: str
    last: dict[str, Interval | None]
    """Every metric at the last evaluation."""
    best: dict[str, Interval | None]
    """The best value of every metric over all evaluations of a seed."""
    statuses: dict[str, int]
    """Seeds by status; by state where there is no record."""
    planned: int
    by_seed: dict[int, float]
    """The primary metric of each finished seed at the last evaluation."""
    checkpoint: dict[str, Interval | None]
    """Every metric at each seed's best checkpoint."""
    checkpoint_is_last: bool
    """Whether that is the last evaluation for every seed."""
    reasons: dict[str, str]
    """Why metrics have no value at the last evaluation of some seed."""
    rank: int | None = None
    """None where no seed has a value of the primary metric."""
    difference: Interval | None = None
    """Paired difference of the primary metric to the first row's, None for that row itself."""

    @property
    def finished(self) -> int:
        return self.statuses.get("ok", 0)

    @property
    def failed(self) -> int:
        """Seeds that were trained and did not finish."""
        return sum(n for status, n in self.statuses.items() if status not in ("ok", *ABSENT))

    @property
    def told_statuses(self) -> str:
        """``2 diverged, 3 ok``."""
        statuses = sorted(self.statuses.items())
        return ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in statuses)

    def not_computed(self, metric: Metric) -> bool:
        """Whether a metric has no value for any seed, for a reason that is known."""
        return self.last[metric.name] is None and metric.name in self.reasons

    def against_best(self, metric: Metric) -> Literal["best", "tied", "behind", "ahead", "unsure"]:
        """How the primary metric compares with the best method's at equal seeds.

        ``ahead`` can happen where the best method's mean covers other seeds than this one's.
        """
        if self.rank == 1:
            return "best"
        if self.rank is None or self.difference is None or self.difference.holds_zero is None:
            return "unsure"
        if self.difference.holds_zero:
            return "tied"
        return "ahead" if (self.difference.value > 0) == metric.higher_is_better else "behind"


ABSENT = ("missing", "stale", "not applicable")
"""States of cells without a record."""


def status_of(planned: Planned) -> str:
    return planned.record.status if planned.record else planned.state


def final(planned: Planned, metric: Metric) -> float | None:
    """A finished cell's metric at the last evaluation; None for any other cell."""
    record = planned.record
    if record is None or record.status != "ok" or not record.evaluations:
        return None
    return record.evaluations[-1].get(metric.name)


def standings(problem: Problem) -> list[Standing]:
    """Every method of a problem, best first; those without a value last.

    Means are compared as they are shown: of methods whose primary metric reads the same, the one
    with fewer failed seeds comes first, and those with as many share a rank.
    """
    primary = problem.primary
    found = [_standing(problem, label, cells) for label, cells in problem.by_method.items()]

    def place(standing: Standing) -> tuple[float, ...]:
        mean = standing.last[primary.name]
        if mean is None:
            return (1, standing.planned == standing.statuses.get("not applicable", 0))
        sign = -1 if primary.higher_is_better else 1
        shown = round(mean.value, primary.digits + (2 if primary.percent else 0))
        return (0, sign * shown, standing.failed, sign * mean.value)

    ranked = sorted(found, key=lambda standing: (*place(standing), standing.method))
    # the last part of a place only orders the rows of those who share a rank
    places = [place(standing)[:-1] for standing in ranked]
    leader = ranked[0]
    return [
        replace(
            standing,
            rank=None if standing.last[primary.name] is None else 1 + places.index(own),
            difference=None
            if standing is leader
            else paired_difference(standing.by_seed, leader.by_seed),
        )
        for standing, own in zip(ranked, places, strict=True)
    ]


def _standing(problem: Problem, label: str, cells: list[Planned]) -> Standing:
    ok = [c.record for c in cells if c.record is not None and c.record.status == "ok"]
    runs = [record.evaluations for record in ok if record.evaluations]
    places = [problem.best_evaluation(run) for run in runs]
    last: dict[str, Interval | None] = {}
    best: dict[str, Interval | None] = {}
    checkpoint: dict[str, Interval | None] = {}
    for metric in problem.dataset.metrics:
        series = [[evaluation.get(metric.name) for evaluation in run] for run in runs]
        pick = max if metric.higher_is_better else min
        defined = [[value for value in values if value is not None] for values in series]
        last[metric.name] = _mean([values[-1] for values in series])
        best[metric.name] = _mean([pick(values) for values in defined if values])
        checkpoint[metric.name] = _mean([v[at] for v, at in zip(series, places, strict=True)])
    values = {c.cell.seed: final(c, problem.primary) for c in cells}
    return Standing(
        label,
        last,
        best,
        dict(Counter(status_of(cell) for cell in cells)),
        len(cells),
        {seed: value for seed, value in values.items() if value is not None},
        checkpoint,
        all(place == len(run) - 1 for place, run in zip(places, runs, strict=True)),
        {name: why for record in ok for name, why in reasons(record).items()},
    )


def _mean(values: list[float | None]) -> Interval | None:
    return mean_interval([value for value in values if value is not None])
