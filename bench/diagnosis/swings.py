"""Whether a series swings: goes back and forth at a period of its own without settling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHORTEST = 8
"""Updates; a faster one is a step that overshoots, which runs that work show too."""
PERIODS = 4
"""That the second half of a series must hold: fewer may be a drift that bends twice."""
POINTS = 48
"""That a smoothed half must have: of fewer, noise has such an autocorrelation in 1 of 50 series."""
TROUGH, PEAK = -0.3, 0.5
"""Of the autocorrelation, within a period and after a whole one; ∓1 on a circle. Simulated noise of
any memory reaches both in at most 1 of 400 series (docs/diagnosis.md)."""
SETTLED = 0.5
"""A swing whose size has fallen to this share between quarters settles."""


class Swing(NamedTuple):
    """A swing's period in updates, its autocorrelation after one period, and its start."""

    period: int
    peak: float
    since: int


def swing(series: Floats) -> Swing | None:
    """The swing in the second half of a series (T,), or None; smoothed at several widths."""
    half = series[len(series) // 2 :]
    if half.size < SHORTEST * PERIODS or not np.isfinite(half).all():
        return None
    quarters = np.array_split(half, 2)
    sizes = [float(np.subtract(*np.percentile(each, [90, 10]))) for each in quarters]
    if sizes[1] < SETTLED * sizes[0] or sizes[1] <= 1e-6 * max(float(np.abs(half).mean()), 1e-30):
        return None
    for width in (1, 4, 16, 64):
        smooth = half[: half.size // width * width].reshape(-1, width).mean(axis=1)
        found = _period(smooth, -(-SHORTEST // width))
        if found is not None:
            place, peak = found
            return Swing(place * width, peak, _since(series, float(np.median(sizes))))
    return None


def _period(values: Floats, shortest: int) -> tuple[int, float] | None:
    """A period in places, and the autocorrelation after it."""
    if values.size < max(POINTS, shortest * PERIODS):
        return None
    known = _autocorrelation(values)[: values.size // PERIODS + 1]
    below = np.flatnonzero(known < 0)
    if not below.size:
        return None
    first = int(below[0])
    beyond = known[first:]
    if beyond.max() < PEAK:
        return None
    # multiples of a period come back as well as the period itself
    peak = first + int(np.flatnonzero(beyond >= 0.9 * beyond.max())[0])
    if peak < shortest or known[first : peak + 1].min() > TROUGH:
        return None
    return peak, float(known[peak])


def _autocorrelation(values: Floats) -> Floats:
    """Of values without their straight line, by lag; unbiased."""
    n = values.size
    place = np.arange(n)
    left = values - np.polyval(np.polyfit(place, values, 1), place)
    spectrum = np.fft.rfft(left, 2 * n)
    products = np.fft.irfft(spectrum * spectrum.conj())[:n]
    return products / np.arange(n, 0, -1) / max(products[0] / n, 1e-300)


def _since(series: Floats, size: float) -> int:
    """The first update from which the series is never far from the band of its second half."""
    half = series[len(series) // 2 :]
    low, high = half.min() - 0.5 * size, half.max() + 0.5 * size
    outside = np.flatnonzero((series < low) | (series > high))
    return int(outside[-1]) + 1 if outside.size else 0
