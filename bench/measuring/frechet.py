"""Fréchet distance between Gaussians fitted to two sets of features (Dowson & Landau 1982).

d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½, with unbiased covariances in float64. Every form
used here is symmetric, so that no result is complex or NaN: with Σ = R Rᵀ, the last trace is the
sum of the square roots of the eigenvalues of R₂ᵀ Σ₁ R₂, which is the nuclear norm of R₁ᵀ R₂.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metric import NotFinite, TooFew

Array = NDArray[np.float64]

BLOCK = 4096
"""Rows that are centred at once: bounds the memory, whatever the number of samples."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A mean (D,) and a covariance, fitted to ``count`` samples.

    The covariance is held either whole, (D, D), or, for no more samples than dimensions, as the
    ``factor`` (count, D) of centred features over √(count − 1): Σ = factorᵀ factor.
    """

    count: int
    mean: Array
    covariance: Array | None = None
    factor: Array | None = None

    @cached_property
    def root(self) -> Array:
        """R with Σ = R Rᵀ: (D, D), or (D, count) from a factor. Found once and kept."""
        if self.factor is not None:
            return self.factor.T
        assert self.covariance is not None
        try:
            return np.asarray(np.linalg.cholesky(self.covariance), np.float64)
        except np.linalg.LinAlgError:  # singular: collapsed, or features that are always 0
            values, vectors = np.linalg.eigh(self.covariance)
            return vectors * np.sqrt(np.maximum(values, 0))

    @property
    def whole_covariance(self) -> Array:
        """(D, D), however it is held."""
        if self.factor is not None:
            return np.asarray(self.factor.T @ self.factor)
        assert self.covariance is not None
        return self.covariance

    @property
    def spread(self) -> float:
        """tr Σ."""
        if self.factor is not None:
            return float(np.square(self.factor).sum())
        assert self.covariance is not None
        return float(self.covariance.trace())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything that has to be stored, for :meth:`from_arrays`."""
        whole = {"count": np.array(self.count), "mean": self.mean}
        if self.factor is not None:
            return {**whole, "factor": self.factor}
        assert self.covariance is not None
        return {**whole, "covariance": self.covariance}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Gaussian:
        """Return the Gaussian of :meth:`arrays`; KeyError if one is missing."""
        count, mean = int(arrays["count"]), arrays["mean"]
        if "factor" in arrays:
            return cls(count, mean, factor=arrays["factor"])
        return cls(count, mean, covariance=arrays["covariance"])


class Moments:
    """Mean and covariance of features that come in batches, in one pass and in float64.

    Each block is centred by its own mean and merged into the whole (Chan, Golub & LeVeque 1983,
    equation 2.1), which is stable for any offset. Holds a few (D, D) matrices and one block.
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self._mean = np.zeros(dimensions)
        self._scatter = np.zeros((dimensions, dimensions))
        self._waiting: list[Array] = []
        self._waiting_rows = 0

    def add(self, features: ArrayLike) -> None:
        """Take (N, D) features in.

        Raises ValueError for another width and for values that are not finite.
        """
        rows = as_features(features)
        if rows.shape[1] != len(self._mean):
            raise ValueError(
                f"features of {rows.shape[1]} dimensions cannot join {len(self._mean)} dimensions"
            )
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            self._waiting.append(block.copy() if len(block) < BLOCK else block)
            self._waiting_rows += len(block)
            # merging costs a pass over (D, D): not for every small batch
            if self._waiting_rows >= min(BLOCK, len(self._mean)):
                self._merge()

    def gaussian(self) -> Gaussian:
        """Return the Gaussian fitted to all features so far; :class:`TooFew` below two."""
        self._merge()
        if self.count < 2:
            raise TooFew.of(2, self.count)
        return Gaussian(self.count, self._mean.copy(), self._scatter / (self.count - 1))

    def _merge(self) -> None:
        if not self._waiting_rows:
            return
        block = np.concatenate(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        mean, total = block.mean(0), self.count + len(block)
        block -= mean
        apart = mean - self._mean
        self._scatter += block.T @ block
        if self.count:
            self._scatter += np.outer(apart, apart) * (self.count * len(block) / total)
        self._mean += apart * (len(block) / total)
        self.count = total


def fit(features: ArrayLike) -> Gaussian:
    """Return the Gaussian of (N, D) features.

    Raises :class:`TooFew` below two samples, ValueError for values that are not finite.
    """
    rows = as_features(features)
    count, dimensions = rows.shape
    if count < 2:
        raise TooFew.of(2, count)
    if count <= dimensions:
        mean = rows.mean(0)
        return Gaussian(count, mean, factor=(rows - mean) / np.sqrt(count - 1))
    moments = Moments(dimensions)
    moments.add(rows)
    return moments.gaussian()


def distance(first: Gaussian, second: Gaussian) -> float:
    """Return the Fréchet distance of two Gaussians: real, finite, ≥ 0, also if one is singular.

    The root of ``second``, the reference, is kept: the next distance to it costs two products
    and the eigenvalues. With a factor on either side it is a nuclear norm instead.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            f"Gaussians of {len(first.mean)} and {len(second.mean)} dimensions cannot be compared"
        )
    if first.covariance is not None and second.covariance is not None:
        product = second.root.T @ first.covariance @ second.root
        cross = np.sqrt(np.maximum(np.linalg.eigvalsh(product), 0)).sum()
    else:
        cross = np.linalg.svd(first.root.T @ second.root, compute_uv=False).sum()
    between = np.square(first.mean - second.mean).sum()
    return float(max(between + first.spread + second.spread - 2 * cross, 0.0))


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Return the Fréchet distance of the Gaussians fitted to two feature sets.

    Args:
        first, second: (N₁, D) and (N₂, D) features, at least two rows each.

    Raises ValueError for other shapes and for values that are not finite.
    """
    shapes = np.shape(first), np.shape(second)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2 or shapes[0][1] != shapes[1][1]:
        raise ValueError(f"features of shapes {shapes[0]} and {shapes[1]} cannot be compared")
    if min(shapes[0][0], shapes[1][0]) < 2:
        raise ValueError("a covariance needs at least two samples")
    return distance(fit(first), fit(second))


def as_features(features: ArrayLike) -> Array:
    """Return (N, D) in float64; ValueError for another shape, NotFinite for values that are not."""
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2:
        raise ValueError(f"features must be of shape (N, D), not {rows.shape}")
    if not np.isfinite(rows).all():
        raise NotFinite("the features hold values that are not finite (NaN or infinite)")
    return rows
