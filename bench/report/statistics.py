"""Statistics over seeds: short pure functions (docs/metrics.md, "Statistics")."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate from ``n`` values and its confidence interval, None where n < 2."""

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        return None if self.high is None else self.high - self.value

    @property
    def holds_zero(self) -> bool | None:
        """Whether 0 lies in the interval, ends included; None where there is no interval."""
        if self.low is None or self.high is None:
            return None
        return self.low <= 0 <= self.high


@dataclass(frozen=True)
class Spread:
    """Median and range of ``n`` values."""

    median: float
    low: float
    high: float
    n: int


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Mean of (n,) values with Student's t interval: mean ± t · s / √n, n − 1 degrees of freedom.

    None without values. The interval supposes nearly normal values and may reach past the bounds
    of a metric.
    """
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, None, None, 1)
    from scipy.stats import t

    deviation = float(np.std(values, ddof=1))
    half = float(t.ppf((1 + level) / 2, n - 1)) * deviation / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], level: float = LEVEL
) -> Interval | None:
    """Mean of first − second over the seeds both have, with its interval.

    Methods see the same data, latents and initial weights at equal seed, so that what seeds have
    in common cancels. None where no seed is common.
    """
    common = sorted(first.keys() & second.keys())
    return mean_interval([first[seed] - second[seed] for seed in common], level)


def spread(values: Sequence[float]) -> Spread | None:
    """Median and range of (n,) values; None without values."""
    if not len(values):
        return None
    return Spread(float(np.median(values)), float(min(values)), float(max(values)), len(values))
