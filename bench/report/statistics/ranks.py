"""Methods ranked over several datasets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

ENOUGH = 5
"""Datasets under which no rank diagram is made: hardly any ranks could differ significantly."""


@dataclass(frozen=True)
class CriticalDifference:
    """Methods ranked on the same datasets (Demšar 2006), in the order they were given in."""

    ranks: tuple[float, ...]
    """Mean rank over datasets; 1 is the best."""
    groups: tuple[tuple[int, ...], ...]
    """Methods that do not differ significantly, by index, best first: all maximal sets of two or
    more."""
    p: float
    """Friedman's test that all methods rank alike. Where it is not under alpha, all are a group."""
    pairwise: tuple[tuple[float, ...], ...]
    """Nemenyi's p for every pair, corrected for their number."""
    difference: float
    """Mean ranks at least this far apart differ significantly."""
    datasets: int
    alpha: float


def critical_difference(
    scores: ArrayLike, higher_is_better: Sequence[bool], alpha: float = 0.05
) -> CriticalDifference | str:
    """Return Friedman's test and Nemenyi's of (datasets, methods), or the reason why there is none.

    One score a dataset, such as the interquartile mean over its seeds: seeds are not datasets, as
    those of one dataset say nothing of another. Ranks alone count, so that datasets may have
    metrics of their own (Wilcoxon's test would compare sizes of differences between metrics).
    Demšar (2006), section 3.2.2: q = |difference of mean ranks| / √(k (k + 1) / 6 N), p from
    Tukey's range of k. ValueError for NaN.
    """
    table = np.asarray(scores, dtype=float)
    if np.isnan(table).any():
        raise ValueError("every method needs a score on every dataset")
    n, k = table.shape
    if k < 3:
        # the sign test would need this many datasets that all agree
        needed = math.ceil(1 + math.log2(1 / alpha))
        return f"it needs three methods; two need {needed} datasets for a sign test"
    least = ENOUGH
    while _smallest_nemenyi_p(least, k) > alpha:
        least += 1
    if n < least:
        return f"for {k} methods it needs at least {least} datasets, and this study has {n}"
    from scikit_posthocs import posthoc_nemenyi_friedman
    from scipy.stats import friedmanchisquare, rankdata

    signs = np.where(higher_is_better, -1, 1)[:, None]
    ranks = np.asarray(rankdata(signs * table, axis=1))
    p = float(friedmanchisquare(*ranks.T).pvalue) if np.ptp(ranks) else 1.0
    pairwise = posthoc_nemenyi_friedman(ranks).to_numpy()
    means = ranks.mean(axis=0)
    alike = pairwise >= alpha if p < alpha else np.full((k, k), True)
    return CriticalDifference(
        tuple(means.tolist()),
        _groups(np.argsort(means, kind="stable"), alike),
        p,
        tuple(tuple(row) for row in pairwise.tolist()),
        _critical(n, k, alpha),
        n,
        alpha,
    )


def _critical(datasets: int, methods: int, alpha: float) -> float:
    """Return Nemenyi's critical difference of mean ranks."""
    from scipy.stats import studentized_range

    range_of_ranks = float(studentized_range.isf(alpha, methods, np.inf))
    return range_of_ranks * math.sqrt(methods * (methods + 1) / (12 * datasets))


def _smallest_nemenyi_p(datasets: int, methods: int) -> float:
    """Return the larger of Friedman's and Nemenyi's p where all datasets rank all alike."""
    from scipy.stats import chi2, studentized_range

    far = (methods - 1) / math.sqrt(methods * (methods + 1) / (12 * datasets))
    friedman = chi2.sf(datasets * (methods - 1), methods - 1)
    return float(max(friedman, studentized_range.sf(far, methods, np.inf)))


def _groups(order: NDArray[np.intp], alike: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """Return maximal runs of two or more along ``order`` whose two ends are alike."""
    found: list[tuple[int, ...]] = []
    reached = 0
    for start, method in enumerate(order):
        end = max(at for at in range(start, len(order)) if at == start or alike[method, order[at]])
        if end > max(start, reached):
            found.append(tuple(int(member) for member in order[start : end + 1]))
            reached = end
    return tuple(found)
