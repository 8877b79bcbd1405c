"""What the best of k trials is worth, on average over which k they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bench.report.statistics.intervals import (
    LEVEL,
    RESAMPLES,
    Floats,
    Interval,
    percentiles,
    runs_of,
)


def expected_best(scores: ArrayLike, higher_is_better: bool) -> Floats:
    """Return the mean of the best of every k of (n,) scores, for k = 1 … n: (n,).

    The mean over all subsets of k, by order statistics: Σᵢ C(i − 1, k − 1) / C(n, k) · s₍ᵢ₎ with
    s₍ₙ₎ the best. Of independent trials it is the unbiased estimate of what k trials give (Lucic et
    al. 2018, section 5, draw subsets at random instead). k = 1 is the mean and k = n the best. A
    failed trial is ±inf, whichever is the worse, and so is the mean where all of k may have failed.
    """
    sign = 1 if higher_is_better else -1
    return sign * _best(sign * runs_of(scores)[None])[0]


def best_after(
    first: float,
    others: ArrayLike,
    higher_is_better: bool,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Interval]:
    """Return the best after 1 … n + 1 trials, the ``first`` one given and (n,) others in any order.

    That is ``expected_best`` of the others, none counted for worse than the first. Each with a
    percentile interval, the others drawn anew (Efron 1979); it cannot reach beyond the best trial
    that was seen, and is too narrow where only that one counts.
    """
    sign = 1 if higher_is_better else -1
    kept = np.maximum(sign * runs_of(others), sign * first)
    n = len(kept)
    start = Interval(first, None, None, 1)
    if not n:
        return [start]
    drawn = kept[np.random.default_rng(seed).integers(n, size=(resamples, n))]
    means, draws = sign * _best(kept[None])[0], sign * _best(drawn)
    return [
        start,
        *(percentiles(float(means[k]), draws[:, k], level, 2 + k) for k in range(n)),
    ]


def _best(scores: Floats) -> Floats:
    """Return rows of (r, n) scores, greater is better → (r, n): the mean best of each k."""
    ordered = np.sort(scores, axis=1)
    failed = np.sum(np.isneginf(ordered), axis=1)
    n = ordered.shape[1]
    found = np.where(np.isneginf(ordered), 0.0, ordered) @ _weights(n).T
    return np.where(np.arange(1, n + 1) <= failed[:, None], -np.inf, found)


def _weights(n: int) -> Floats:
    """Return the weights, (n, n), of the i-th least score (column) in the mean best of k (row)."""
    weights = np.zeros((n, n))
    for k in range(1, n + 1):
        # C(i − 1, k − 1) / C(n, k) from i = n, where it is k / n, downwards
        weights[k - 1, n - 1] = k / n
        for i in range(n - 1, k - 1, -1):
            weights[k - 1, i - 1] = weights[k - 1, i] * (i - k + 1) / i
    return weights
