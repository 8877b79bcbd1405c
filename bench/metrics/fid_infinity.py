"""Fréchet distance extrapolated to endless samples (Chong & Forsyth, CVPR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.measuring.frechet import Array, Gaussian, as_features, distance, fit
from bench.metric import Evaluation, Facts, FeatureMetric, Quantity, Results, TooFew, When

POINTS, SMALLEST, NEEDED, SEED = 15, 5_000, 10_000, 2020


@dataclass(frozen=True)
class FrechetInfinity(FeatureMetric):
    """FID∞: the Fréchet distance that infinitely many generated samples would have."""

    measured: ClassVar[When] = "ends"

    @property
    def called(self) -> str:
        return f"{self.sees.distance[0]}_infinity"

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        label = self.sees.distance[1]
        return (
            Quantity(self.called, f"{label}∞", f"{label} extrapolated to endless samples", False,
                     self.sees.distance_digits, group=self.group),
        )  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        features = as_features(seen.features(self.sees).values)
        return {self.called: frechet_infinity(features, seen.reference(self.sees).gaussian, SEED)}

    def describe(self) -> dict[str, Any]:
        return {f"{self.called}": f"{POINTS} random subsets of {SMALLEST:,} samples or more"}


def frechet_infinity(rows: Array, reference: Gaussian, seed: int = 0) -> float:
    """Extrapolate the distance of (N, D) features.

    The bias of the distance is linear in 1/N: it is measured on random subsets, drawn without
    replacement, of 15 sizes evenly spaced from 5,000 to all N samples; the intercept of the
    regression on 1/N is returned. It removes the bias of the generated side only, and may be
    slightly negative.

    Raises :class:`TooFew` below 10,000 samples.
    """
    if len(rows) < NEEDED:
        raise TooFew.of(NEEDED, len(rows))
    random = np.random.default_rng(seed)
    sizes = np.linspace(SMALLEST, len(rows), POINTS).astype(int)
    values = [
        distance(fit(rows[random.permutation(len(rows))[:size]]), reference) for size in sizes
    ]
    return float(np.polyfit(1 / sizes, values, 1)[1])
