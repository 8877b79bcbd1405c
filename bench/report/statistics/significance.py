"""Whether two methods do the same on one dataset: p values, and how many seeds would tell."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from bench.report.statistics.intervals import (
    LEVEL,
    Comparison,
    Interval,
    constant,
    differences,
    paired_difference,
    runs_of,
    unvaried,
    welch_difference,
    welch_spread,
)

EXACT = 50
"""Most runs of two methods together for which ``rank_p`` counts: up to here counts are exact."""

Test: TypeAlias = Literal["Welch", "paired t", "sign", "rank"]


def paired_p(differences: Sequence[float]) -> float | None:
    """Return p of the two-sided paired t test that (n,) differences have mean 0; None for n < 2.

    Differences that are all the same give t no scale: if they are not 0, the sign test's 2 · ½ⁿ
    stands in (it never errs more often than it says); if they are, 1.
    """
    n = len(differences)
    if n < 2:
        return None
    if constant(differences):
        return 2 * 0.5**n if differences[0] else 1.0
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(differences, 0).pvalue)


def welch_p(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return p of the two-sided Welch test that two means are the same; None for n or m < 2.

    One side may be constant. Where both are, and differ, the sign test's 2 · ½ᵏ stands in, of
    k = min(n, m) disjoint pairs; where they are equal, 1.
    """
    n = min(len(first), len(second))
    if n < 2:
        return None
    if unvaried(first, second):
        return 1.0 if constant([*first, *second]) else 2 * 0.5**n
    from scipy.stats import t

    apart, scale, freedom = welch_spread(first, second)
    return float(2 * t.sf(abs(apart) / scale, freedom))


def rank_p(first: ArrayLike, second: ArrayLike) -> float | None:
    """Return the two-sided Mann–Whitney p of (n,) and (m,) runs; None where a side has none.

    Exact: among all C(n + m, n) ways to deal the pooled mid-ranks, twice the share that is as far
    out as this one. Ties, such as failed runs, are thereby accounted for. With more than ``EXACT``
    runs the normal approximation with correction for ties and continuity.
    """
    # scipy counts exactly without ties alone, and its permutations of 10 + 10 runs take a second
    one, other = runs_of(first), runs_of(second)
    n, m = len(one), len(other)
    if not n or not m:
        return None
    from scipy.stats import mannwhitneyu, rankdata

    doubled = np.rint(2 * rankdata([*one, *other])).astype(int)
    if n + m > EXACT and np.ptp(doubled):
        return float(mannwhitneyu(one, other, method="asymptotic").pvalue)
    ways = np.zeros((n + 1, doubled.sum() + 1))
    ways[0, 0] = 1
    for rank in doubled:  # ways[k, s]: choices of k runs whose doubled ranks add up to s
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    total = doubled[:n].sum()
    tail = min(ways[n, : total + 1].sum(), ways[n, total:].sum())
    return min(1.0, 2 * float(tail) / math.comb(n + m, n))


def smallest_rank_p(n: int, m: int) -> float:
    """Return the least ``rank_p`` of n and m runs: 2 / C(n + m, n), every run beating the other's.

    0.1 for 3 and 3, 0.008 for 5 and 5.
    """
    return min(1.0, 2 / math.comb(n + m, n))


def comparison_p(
    first: Mapping[int, float], second: Mapping[int, float], comparison: Comparison = "welch"
) -> tuple[float | None, Test]:
    """Return p that two methods do the same, from scores by seed, and the test that gave it.

    Without failed seeds ``welch_p`` over all seeds, or ``paired_p`` over the common ones; ``sign``
    where both methods, or all differences, are constant. If either method has a failed seed,
    ``rank_p`` over all seeds with failures the worst: a mean over the seeds that survived would
    not speak for the method.
    """
    one, other = list(first.values()), list(second.values())
    if not all(map(math.isfinite, (*one, *other))):
        return rank_p(one, other), "rank"
    if comparison == "welch":
        same = min(len(one), len(other)) > 1 and unvaried(one, other)
        return welch_p(one, other), "sign" if same else "Welch"
    apart = differences(first, second)
    same = len(apart) > 1 and constant(apart)
    return paired_p(apart), "sign" if same else "paired t"


def mean_difference(
    first: Mapping[int, float],
    second: Mapping[int, float],
    comparison: Comparison = "welch",
    level: float = LEVEL,
) -> Interval | None:
    """Return the mean of first − second with the test's interval; of finished seeds only."""
    if comparison == "paired":
        return paired_difference(first, second, level)
    one, other = (
        [score for score in scores.values() if math.isfinite(score)] for scores in (first, second)
    )
    return welch_difference(one, other, level)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return p values adjusted for their number (Holm 1979); None stays None and is not counted.

    The i-th smallest of m becomes max over j ≤ i of (m − j + 1) p_j, at most 1. Comparing these
    with alpha errs anywhere among the m with a probability of at most alpha.
    """
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    least = 0.0
    for rank, (p, place) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p))
        adjusted[place] = least
    return adjusted


def seeds_to_settle(
    differences: Sequence[float], alpha: float, power: float = 0.8, most: int = 1000
) -> int | None:
    """Return seeds in all that a paired t test needs for ``power``, were these differences true.

    Noncentral t with n − 1 degrees of freedom and noncentrality √n · mean / s (Cohen 1988). None
    for n < 2, no spread, no difference, or more than ``most``. A rough guess: mean and s come from
    the same few seeds. Looked at where a difference is promising, it says too few; the simulation
    in docs/statistics.md shows how far it strays.
    """
    if len(differences) < 2 or constant(differences):
        return None
    effect = abs(float(np.mean(differences) / np.std(differences, ddof=1)))
    return _seeds(effect, 1.0, alpha, power, most)


def welch_seeds_to_settle(
    first: Sequence[float],
    second: Sequence[float],
    alpha: float,
    power: float = 0.8,
    most: int = 1000,
) -> int | None:
    """Return seeds of each method that Welch's test needs, as :func:`seeds_to_settle`.

    Degrees of freedom are Welch's of n seeds each: (n − 1) (s₁² + s₂²)² / (s₁⁴ + s₂⁴).
    """
    if min(len(first), len(second)) < 2 or unvaried(first, second):
        return None
    squares = [float(np.var(side, ddof=1)) for side in (first, second)]
    effect = abs(float(np.mean(first) - np.mean(second))) / math.sqrt(sum(squares))
    freedom = sum(squares) ** 2 / sum(square**2 for square in squares)
    return _seeds(effect, freedom, alpha, power, most)


def seeds_needed(
    first: Mapping[int, float], second: Mapping[int, float], alpha: float, comparison: Comparison
) -> int | None:
    """Return seeds with which the stated test would tell two methods without failed seeds apart."""
    if comparison == "paired":
        return seeds_to_settle(differences(first, second), alpha)
    return welch_seeds_to_settle(list(first.values()), list(second.values()), alpha)


def _seeds(effect: float, freedom: float, alpha: float, power: float, most: int) -> int | None:
    """Return the least n for a t test of effect · √n and freedom · (n − 1) to reach the power."""
    from scipy.stats import nct, t

    def reached(n: int) -> float:
        own = freedom * (n - 1)
        critical, shift = t.isf(alpha / 2, own), min(effect, 1e4) * math.sqrt(n)
        # scipy gives NaN where the tails are 1 and 0 to all digits
        found = np.array([nct.sf(critical, own, shift), nct.cdf(-critical, own, shift)])
        return float(np.where(np.isnan(found), [1, 0], found).sum())

    n = bisect.bisect_left(range(most + 1), power, lo=2, key=reached)
    return n if n <= most else None
