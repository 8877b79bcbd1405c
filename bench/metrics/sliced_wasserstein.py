"""Sliced Wasserstein distance (Bonneel et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metric import Evaluation, Facts, FeatureMetric, Quantity, Results, TooFew
from bench.values import Count

SEED = 2015


@dataclass(frozen=True)
class SlicedWasserstein(FeatureMetric):
    """Wasserstein-2 distance of one-dimensional projections, averaged over random directions."""

    directions: Count = 128

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        return (
            Quantity(self.called, f"{self.sees.label} sliced W₂", "root of the mean squared "
                     f"Wasserstein-2 distance between {self.sees.label} features of generated and "
                     f"reference samples, projected on {self.directions} random directions", False,
                     self.sees.distance_digits),
        )  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        generated = seen.features(self.sees).values.double().numpy()
        reference = np.asarray(seen.reference(self.sees).features, np.float64)
        return {self.called: sliced_wasserstein(generated, reference, self.directions)}

    def describe(self) -> dict[str, Any]:
        return {self.called: f"{self.directions} directions, the same for every evaluation"}


def sliced_wasserstein(
    first: NDArray[np.float64], second: NDArray[np.float64], directions: int = 128, seed: int = SEED
) -> float:
    """Return √(mean over directions θ of W₂²(θᵀx, θᵀy)) for (N, D) and (M, D) samples.

    One-dimensional distances are exact: quantile functions are steps, compared on all their edges.
    Its expectation for a shift by v is ‖v‖/√D.

    Raises :class:`TooFew` if a side is empty.
    """
    if not (len(first) and len(second)):
        raise TooFew.of(1, 0)
    random = np.random.default_rng(seed)
    axes = random.standard_normal((first.shape[1], directions))
    axes /= np.linalg.norm(axes, axis=0)
    x, y = np.sort(first @ axes, axis=0), np.sort(second @ axes, axis=0)
    edges = np.union1d(np.arange(1, len(x) + 1) / len(x), np.arange(1, len(y) + 1) / len(y))
    middles = edges - np.diff(edges, prepend=0.0) / 2
    at_x, at_y = ((middles * len(side)).astype(int) for side in (x, y))
    squared = ((x[at_x] - y[at_y]) ** 2 * np.diff(edges, prepend=0.0)[:, None]).sum(0)
    return float(np.sqrt(squared.mean()))
