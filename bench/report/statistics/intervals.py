"""Estimates from a few runs, and how sure they are.

A run that failed is a score of +inf or −inf, whichever is the worse. In arrays of (runs, datasets)
NaN stands for a run that a dataset does not have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
RESAMPLES = 2000

Floats: TypeAlias = NDArray[np.float64]
Comparison: TypeAlias = Literal["welch", "paired"]
"""How two methods without failed seeds are compared: by Welch's test over all seeds, or by the
paired t test over common ones. Which is better depends on how far scores at equal seed correlate
(docs/statistics.md)."""
Statistic: TypeAlias = Callable[[Floats], "Floats | float"]
"""Takes (runs, …) to (…)."""


@dataclass(frozen=True)
class Interval:
    """An estimate from ``n`` values and its confidence interval.

    Both ends are None where the values cannot say how sure they are: one value, or values that
    are all the same.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        return None if self.high is None else self.high - self.value


@dataclass(frozen=True)
class Spread:
    """Median and range of ``n`` values."""

    median: float
    low: float
    high: float
    n: int


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Return the mean of (n,) values, ± t · s / √n by Student's t of n − 1 degrees of freedom.

    None without values; no ends where all values are the same, as s = 0 would claim certainty. The
    interval supposes nearly normal values and may reach past the bounds of a metric.
    """
    n = len(values)
    if n == 0:
        return None
    middle = math.fsum(values) / n
    if n == 1 or constant(values) or not math.isfinite(middle):
        return Interval(middle, None, None, n)
    from scipy.stats import t

    deviation = float(np.std(values, ddof=1))
    half = float(t.ppf((1 + level) / 2, n - 1)) * deviation / math.sqrt(n)
    return Interval(middle, middle - half, middle + half, n)


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], level: float = LEVEL
) -> Interval | None:
    """Return the mean of first − second over shared seeds, with its interval (``mean_interval``).

    Methods see the same data, latents and initial weights at equal seed, so that what seeds have
    in common cancels. None where no seed is common.
    """
    return mean_interval(differences(first, second), level)


def welch_spread(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Return the difference of two means, its standard error, and Welch's degrees of freedom.

    From two values on each side; not both sides may be ``unvaried`` (Welch 1947).
    """
    one, other = (float(np.var(side, ddof=1)) / len(side) for side in (first, second))
    apart = math.fsum(first) / len(first) - math.fsum(second) / len(second)
    share = one / (one + other)
    freedom = 1 / (share**2 / (len(first) - 1) + (1 - share) ** 2 / (len(second) - 1))
    return apart, math.sqrt(one + other), freedom


def welch_difference(
    first: Sequence[float], second: Sequence[float], level: float = LEVEL
) -> Interval | None:
    """Return the mean of (n,) less that of (m,) values with Welch's interval.

    None where a side has no value; no ends where a side has a single one, or both are constant.
    ``n`` counts the values of the smaller side.
    """
    n = min(len(first), len(second))
    if n == 0:
        return None
    if n == 1 or unvaried(first, second):
        apart = math.fsum(first) / len(first) - math.fsum(second) / len(second)
        return Interval(apart, None, None, n)
    from scipy.stats import t

    apart, scale, freedom = welch_spread(first, second)
    half = float(t.ppf((1 + level) / 2, freedom)) * scale
    return Interval(apart, apart - half, apart + half, n)


def spread(values: Sequence[float]) -> Spread | None:
    """Return the median and range of (n,) values; None without values."""
    if not len(values):
        return None
    return Spread(float(np.median(values)), float(min(values)), float(max(values)), len(values))


def interquartile_mean(scores: ArrayLike) -> Floats | float:
    """Return the mean of (runs, …) over axis 0 but for the ⌊runs / 4⌋ least and most.

    After Agarwal et al. (2021). From four runs on, one failed run is trimmed away; with more than
    ⌊runs / 4⌋ it is infinite. Fewer than four runs give their mean. A float for (runs,).
    ValueError without runs, or where both infinities are left.
    """
    return _trimmed_mean(scores, lambda runs: runs // 4)


def median(scores: ArrayLike) -> Floats | float:
    """Return the median of (runs, …) over axis 0; infinite if half of them fail."""
    return _trimmed_mean(scores, lambda runs: (runs - 1) // 2)


def mean(scores: ArrayLike) -> Floats | float:
    """Return the mean of (runs, …) over axis 0; infinite if any fails."""
    return _trimmed_mean(scores, lambda runs: 0 * runs)


def bootstrap_interval(
    scores: ArrayLike,
    statistic: Statistic,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return a statistic of (runs,) or (runs, datasets) with a percentile interval (Efron 1979).

    Over several datasets: the mean of ``statistic`` of each, with the runs of every dataset drawn
    anew on their own (stratified, Agarwal et al. 2021, who pool the datasets' runs instead). Ends
    may be infinite. None without runs; no ends where a dataset has a single run or all draws
    agree. ``n`` counts all runs. Too narrow with few runs: see docs/statistics.md.
    """
    samples = [runs_of(column) for column in _table(scores).T]
    if not samples or not all(map(len, samples)):
        return None

    def across(drawn: list[Floats]) -> Floats:
        return np.mean([np.asarray(statistic(runs)) for runs in drawn], axis=0)

    value = float(across(samples))
    drawn = resampled(samples, across, resamples, seed)
    return percentiles(value, drawn, level, sum(map(len, samples)))


def probability_of_improvement(
    first: ArrayLike,
    second: ArrayLike,
    higher_is_better: bool,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return P(a run of ``first`` beats one of ``second``) + ½ P(equal), of (n,) and (m,) runs.

    The share among all n · m pairs, U / (n m) of Mann and Whitney, with a stratified percentile
    interval (Agarwal et al. 2021, section 4.3). Where one method beats the other in every pair, no
    draw differs; then min(n, m) disjoint pairs bound the probability instead: (α / 2)^(1 / min(n,
    m)), by Clopper and Pearson (1934). None without runs; ``n`` counts the runs of both.
    """
    sign = 1 if higher_is_better else -1
    runs = [sign * runs_of(first), sign * runs_of(second)]
    least, n = min(map(len, runs)), sum(map(len, runs))
    if not least:
        return None
    # only their order counts
    values, places = np.unique(np.concatenate(runs), return_inverse=True)
    samples = np.split(places, [len(runs[0])])

    def share(drawn: list[NDArray[Any]]) -> Floats:
        # counted by value: all pairs of all draws would not fit into memory
        one, other = (_counts(part, len(values)) for part in drawn)
        beaten = np.cumsum(other, axis=-1) - 0.5 * other
        return np.sum(one * beaten, axis=-1) / (len(drawn[0]) * len(drawn[1]))

    value = float(share(samples)[0])
    if value in (0.0, 1.0):
        bound = ((1 - level) / 2) ** (1 / least)
        low, high = (bound, 1.0) if value else (0.0, 1 - bound)
        return Interval(value, low, high, n)
    return percentiles(value, resampled(samples, share, resamples, seed), level, n)


def _counts(drawn: NDArray[Any], kinds: int) -> NDArray[Any]:
    """Return how often each of ``kinds`` numbers 0, 1, … is in (n, …) draws: (draws, kinds)."""
    flat = drawn.reshape(len(drawn), -1)
    draws = flat.shape[1]
    found = np.bincount((flat + kinds * np.arange(draws)).ravel(), minlength=kinds * draws)
    return found.reshape(draws, kinds)


def performance_profile(scores: ArrayLike, thresholds: ArrayLike, higher_is_better: bool) -> Floats:
    """Return the share of (runs,) or (runs, datasets) that reach each of (t,) thresholds: (t,).

    Datasets weigh the same however many runs they have (Agarwal et al. 2021, section 4.2, there
    with >; Dolan and Moré 2002). A failed run reaches nothing. ValueError for a dataset without
    runs.
    """
    table = _table(scores)
    runs = np.sum(~np.isnan(table), axis=0)
    if not runs.size or not runs.all():
        raise ValueError("a dataset without runs has no profile")
    sign = 1 if higher_is_better else -1
    levels = sign * np.atleast_1d(np.asarray(thresholds, dtype=float))
    reached = (sign * table >= levels[:, None, None]) & np.isfinite(table)
    return np.asarray((reached.sum(axis=1) / runs).mean(axis=1))


def _trimmed_mean(scores: ArrayLike, cut: Callable[[Floats], Floats]) -> Floats | float:
    """Return the mean of (runs, …) over axis 0 without ``cut(runs)`` at each end; NaN is no run."""
    ordered = np.sort(np.asarray(scores, dtype=float), axis=0)  # NaN goes last
    runs = np.sum(~np.isnan(ordered), axis=0)
    if not len(ordered) or not np.all(runs):
        raise ValueError("no runs")
    ends = cut(runs)
    place = np.arange(len(ordered)).reshape(-1, *(1,) * (ordered.ndim - 1))
    kept = (place >= ends) & (place < runs - ends)
    with np.errstate(invalid="ignore"):
        found = np.asarray(np.sum(ordered, axis=0, where=kept) / (runs - 2 * ends))
    if np.isnan(found).any():
        raise ValueError("runs hold both infinities")
    return found if found.ndim else float(found)


def resampled(
    samples: Sequence[NDArray[Any]],
    across: Callable[[list[Any]], Floats],
    resamples: int,
    seed: int,
) -> Floats | None:
    """Return ``across`` of samples drawn anew, (…, resamples); None where a sample is single.

    ``across`` takes samples of (runs, …) and reduces the first axis.
    """
    if min(map(len, samples)) < 2:
        return None
    from scipy.stats import bootstrap

    def statistic(*drawn: Floats, axis: int) -> Floats:
        return across([np.moveaxis(runs, axis, 0) for runs in drawn])

    # its interval and standard error, which infinities make NaN, are not used
    with np.errstate(invalid="ignore"):
        found = bootstrap(
            samples,
            statistic,
            n_resamples=resamples,
            vectorized=True,
            method="percentile",
            rng=seed,
        )
    return np.asarray(found.bootstrap_distribution)


def percentiles(value: float, drawn: Floats | None, level: float, n: int) -> Interval:
    """Return the middle ``level`` of (resamples,) draws, stretched to hold the value itself.

    Between neighbours interpolated as by numpy.quantile, which makes NaN of infinities; here an
    end next to an infinite draw is infinite. No ends where all draws are the same.
    """
    if drawn is None or np.all(drawn == drawn[0]):
        return Interval(value, None, None, n)
    ordered, ends = np.sort(drawn), []
    for share in ((1 - level) / 2, (1 + level) / 2):
        place = share * (len(ordered) - 1)
        below, above = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
        part = place - math.floor(place)
        ends.append(below if below == above else (1 - part) * below + part * above)
    return Interval(value, min(ends[0], value), max(ends[1], value), n)


def differences(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """Return first − second over the seeds that both finished, without rounding errors."""
    common = sorted(first.keys() & second.keys())
    pairs = [(first[seed], second[seed]) for seed in common]
    finite = [pair for pair in pairs if all(map(math.isfinite, pair))]
    size = max((abs(value) for pair in finite for value in pair), default=0.0)
    digits = 12 - math.ceil(math.log10(size)) if size else 0
    return [round(one - other, digits) for one, other in finite]


def unvaried(*sides: Sequence[float]) -> bool:
    """Return whether no side has a spread, or one so small that its square is 0."""
    return all(constant(side) or not np.var(side) for side in sides)


def constant(values: Sequence[float]) -> bool:
    """Return whether all values are the same but for rounding."""
    return bool(np.ptp(values) <= 1e-12 * np.max(np.abs(values)))


def _table(scores: ArrayLike) -> Floats:
    """Return (runs,) or (runs, datasets) as (runs, datasets)."""
    found = np.asarray(scores, dtype=float)
    return found[:, None] if found.ndim == 1 else found


def runs_of(scores: ArrayLike) -> Floats:
    """Return (n,) scores without NaN, which is no run."""
    found = np.asarray(scores, dtype=float)
    return found[~np.isnan(found)]
