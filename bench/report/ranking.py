"""Where each method stands on a problem."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from bench.datasets.base import Metric
from bench.execution.plan import Planned
from bench.report.problems import Problem
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
        return "ahead" if (self.difference.mean > 0) == metric.higher_is_better else "behind"


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
        shown = round(mean.mean, primary.digits + (2 if primary.percent else 0))
        return (0, sign * shown, standing.failed, sign * mean.mean)

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
    last: dict[str, Interval | None] = {}
    best: dict[str, Interval | None] = {}
    for metric in problem.dataset.metrics:
        series = [[e.get(metric.name) for e in record.evaluations] for record in ok]
        last[metric.name] = mean_interval([s[-1] for s in series if s and s[-1] is not None])
        pick = max if metric.higher_is_better else min
        defined = [[v for v in s if v is not None] for s in series]
        best[metric.name] = mean_interval([pick(values) for values in defined if values])
    values = {c.cell.seed: final(c, problem.primary) for c in cells}
    return Standing(
        label,
        last,
        best,
        dict(Counter(status_of(cell) for cell in cells)),
        len(cells),
        {seed: value for seed, value in values.items() if value is not None},
    )
