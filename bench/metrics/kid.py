"""Kernel Inception Distance (Bińkowski et al. 2018), on any extractor's features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bench.measuring.frechet import Array, as_features
from bench.measuring.reference import KEPT
from bench.metric import Evaluation, Facts, FeatureMetric, Quantity, Results, TooFew, When
from bench.values import Count, CountFrom2

CELLS = 2**23
"""Entries of a kernel matrix that are held at once (64 MiB)."""


@dataclass(frozen=True)
class KernelDistance(FeatureMetric):
    """The unbiased squared MMD with a cubic kernel, over random subsets."""

    measured: ClassVar[When] = "ends"
    extractors: ClassVar[tuple[str, ...]] = ("lenet",)

    subsets: Count = 100
    subset_size: CountFrom2 = 1000

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        return (
            Quantity(self.called, f"{self.sees.label} KID", "kernel distance: unbiased squared "
                     f"MMD with a cubic kernel, mean over {self.subsets} subsets of "
                     f"{self.subset_size:,}", False, self.sees.kernel_digits, group=self.group),
        )  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        features = seen.features(self.sees).values[:KEPT]
        reference = seen.reference(self.sees).features
        return {self.called: kid(features, reference, self.subsets, self.subset_size)}

    def describe(self) -> dict[str, Any]:
        return {self.called: f"at most {KEPT:,} samples of each side"}


def kid(
    features: ArrayLike,
    reference: ArrayLike,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> float:
    """Return the Kernel Inception Distance (Bińkowski et al. 2018, section 4): the unbiased MMD².

    With the kernel k(x, y) = (xᵀy / D + 1)³, averaged over random ``subsets`` of ``subset_size``
    samples, drawn without replacement from each side. Being unbiased, it is 0 on average for equal
    distributions and can be negative. Every pair of samples is computed once, however many
    subsets it is in: N², M² and N·M products, so thousands of samples a side are meant.

    Args:
        features, reference: (N, D) and (M, D).

    Raises :class:`TooFew` where a side has fewer than ``subset_size`` samples.
    """
    x, y = as_features(features), as_features(reference)
    if len(x) < subset_size:
        raise TooFew.of(subset_size, len(x))
    if len(y) < subset_size:
        raise TooFew.of(subset_size, len(y), "reference samples")
    random = np.random.default_rng(seed)
    in_x, in_y = np.zeros((len(x), subsets)), np.zeros((len(y), subsets))
    for subset in range(subsets):
        in_x[random.choice(len(x), subset_size, replace=False), subset] = 1
        in_y[random.choice(len(y), subset_size, replace=False), subset] = 1
    pairs = subset_size * (subset_size - 1)
    # the unbiased estimator of Gretton et al. 2012, lemma 6
    values = (
        (_sums(x, in_x, x, in_x) - _own(x) @ in_x) / pairs
        + (_sums(y, in_y, y, in_y) - _own(y) @ in_y) / pairs
        - 2 * _sums(x, in_x, y, in_y) / subset_size**2
    )
    return float(values.mean())


def _sums(x: Array, in_x: Array, y: Array, in_y: Array) -> Array:
    """Sum of the kernel over all pairs of a subset: memberships (N, S) and (M, S) → (S,)."""
    total, step = np.zeros(in_x.shape[1]), max(1, CELLS // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        total += (_cubic(x[rows] @ y.T, x.shape[1]) @ in_y * in_x[rows]).sum(0)
    return total


def _own(x: Array) -> Array:
    """Return the kernel of every sample with itself: (N,)."""
    return _cubic(np.square(x).sum(1), x.shape[1])


def _cubic(products: Array, dimensions: int) -> Array:
    inner = products / dimensions + 1
    return inner * inner * inner
