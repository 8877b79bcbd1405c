"""One method against another on the same problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bench.report.statistics import (
    Comparison,
    Interval,
    comparison_p,
    mean_difference,
    probability_of_improvement,
    smallest_rank_p,
)

LEVEL_TO_BASELINE = 0.05
"""Methods differ from a baseline, chosen beforehand, where the corrected p is at most this."""
LEVEL_TO_BEST = 0.025
"""From the best one, which the same data chose: at 0.05 one study in twelve would wrongly find a
method worse (docs/statistics.md)."""

Outcome = Literal["best", "tied", "behind", "ahead", "unsure"]


@dataclass(frozen=True)
class Contrast:
    """A method against another, by the primary metric at the last evaluation."""

    other: str
    difference: Interval | None
    """Of the means, with the interval that belongs to the stated test: over the finished seeds of
    each, or over those that both finished; positive where this method has more."""
    improvement: Interval | None
    """Probability that a seed of this method beats one of the other; failed seeds lose."""
    better: bool | None
    """Whether this method does better; None where neither does."""
    test: str
    p: float | None
    smallest: float | None
    """The least p that a rank test of so many seeds can reach."""
    level: float
    """The two differ where the corrected p is at most this."""
    adjusted: float | None = None
    """p, corrected for the number of methods compared with the same one (Holm 1979)."""
    seeds_needed: int | None = None
    """Seeds of each method with which the stated test would distinguish the two in four of five
    studies, were the true difference and spread the ones observed."""
    comparison: Comparison = "welch"
    """The test that the study states for methods without failed seeds."""

    def without_chance(self) -> Contrast:
        """Return only the difference, for seeds that are copies of one another."""
        return replace(
            self, improvement=None, p=None, smallest=None, adjusted=None, seeds_needed=None
        )

    @property
    def outcome(self) -> Outcome:
        if self.adjusted is None:
            return "unsure"
        if self.adjusted > self.level or self.better is None:
            return "tied"
        return "ahead" if self.better else "behind"


def contrast(
    own: Mapping[int, float],
    others: Mapping[int, float],
    other: str,
    higher_is_better: bool,
    level: float,
    comparison: Comparison = "welch",
) -> Contrast:
    """Compare scores by seed, failed ones infinitely bad, with those of another method."""
    difference = mean_difference(own, others, comparison)
    improvement = probability_of_improvement(
        list(own.values()), list(others.values()), higher_is_better
    )
    p, test = comparison_p(own, others, comparison)
    smallest = smallest_rank_p(len(own), len(others)) if own and others else None
    better: bool | None = None
    if test == "rank":
        if improvement is not None and improvement.value != 0.5:
            better = improvement.value > 0.5
    elif difference is not None and difference.value != 0:
        better = (difference.value > 0) == higher_is_better
    return Contrast(
        other, difference, improvement, better, test, p, smallest, level, comparison=comparison
    )
