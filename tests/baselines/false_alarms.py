"""How often the metric `gradients` flags series of norms in which nothing happens, by simulation.

Usage: python -m tests.baselines.false_alarms [SERIES]

Prints the tables of docs/metrics.md, "Gradients". ln n_t is a random walk, or a stationary AR(1)
process; then spikes of known height are planted into white noise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from bench.metrics.gradients import (
    BASELINES,
    FULL_LENGTH,
    HEADLINE,
    Gradients,
    detect,
    episodes,
    growth,
)
from tests.baselines.intervals import table

LENGTHS = (150, 1_000, 10_000)
STEPS = (0.01, 0.03, 0.1, 0.3, 0.5)
AUTOREGRESSIVE = [(phi, sd) for phi in (0.0, 0.9, 0.99) for sd in (0.3, 0.7)]
NOISES, HEIGHTS = (0.2, 0.4, 0.7), (10, 30, 100, 300)
JUDGED = Gradients(least=1)
"""The definition, applied to series of any length."""

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


def walk(step: float) -> Draw:
    """Return a random walk of ln n whose steps have this standard deviation."""
    return lambda rng, length: np.exp(np.cumsum(step * rng.standard_normal(length)))


def autoregressive(phi: float, sd: float) -> Draw:
    """Return an AR(1) process of ln n with this persistence and standard deviation."""

    def draw(rng: np.random.Generator, length: int) -> Floats:
        steps = np.sqrt(1 - phi**2) * rng.standard_normal(length)
        steps[0] = rng.standard_normal()  # it begins where it would be after a long time
        return np.exp(sd * lfilter([1.0], [1.0, -phi], steps))

    return draw


def alarms(draw: Draw, length: int, series: int, seed: int = 0) -> tuple[float, float, Floats]:
    """Return the share of series with a spike, spikes per 10,000 updates, and (S, 3) growths."""
    rng = np.random.default_rng(seed)
    gap = JUDGED.scaled(length).episode_gap
    spikes, grown = np.zeros(series), np.zeros((series, len(BASELINES)))
    for i in range(series):
        norms = draw(rng, length)
        spikes[i] = episodes(detect(norms, False, JUDGED).spike(), gap)
        found = growth(norms, JUDGED)
        grown[i] = [(found.largest(name) or (np.nan,))[0] for name in BASELINES]
    return (spikes > 0).mean(), FULL_LENGTH * spikes.mean() / length, grown


def power(height: float, noise: float, series: int, length: int = 2_000, seed: int = 0) -> float:
    """Return how many of the spikes planted into white noise of ln n are found."""
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(series):
        norms = np.exp(noise * rng.standard_normal(length))
        at = int(rng.integers(length // 2, length))
        norms[at] *= height
        found += bool(detect(norms, False, JUDGED).spike()[at])
    return found / series


def _short(ratio: float) -> str:
    return f"10^{int(np.log10(ratio))}" if ratio >= 1_000 else f"{float(f'{ratio:.2g}'):g}"


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    named = [(f"walk, steps of {step:g}", walk(step)) for step in STEPS]
    named += [(f"AR(1), φ = {phi:g}, sd {sd:g}", autoregressive(phi, sd))
              for phi, sd in AUTOREGRESSIVE]  # fmt: skip
    spikes, grown = [], []
    for name, draw in named:
        one, two = [name], [name]
        for length in LENGTHS:
            share, rate, ratios = alarms(draw, length, series if length < 10_000 else series // 4)
            one.append(f"{100 * share:.1f} % ({rate:.2f})")
            middle, high = np.nanpercentile(ratios, (50, 95), axis=0)
            two.append(
                ", ".join(f"{_short(m)} ({_short(h)})" for m, h in zip(middle, high, strict=True))
            )
        spikes.append(one)
        grown.append(two)
    head = ["ln n_t", *(f"{length:,} updates" for length in LENGTHS)]
    table(
        f"Series with a spike above {HEADLINE} times (and spikes per 10,000 updates)", head, spikes
    )
    table(f"Largest growth over {', '.join(BASELINES)}: median (95th percentile)", head, grown)
    rows = [[f"{noise:g}", *(f"{100 * power(height, noise, series // 4):.0f} %"
                             for height in HEIGHTS)] for noise in NOISES]  # fmt: skip
    table("Planted updates that are found, by their height",
          ["sd of white noise", *(f"× {height}" for height in HEIGHTS)], rows)  # fmt: skip


if __name__ == "__main__":
    main()
