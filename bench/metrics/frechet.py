"""Fréchet distance between two Gaussians fitted to two sets of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def frechet_distance(first: Array, second: Array) -> float:
    """Fréchet distance of the Gaussians fitted to two feature sets (Dowson & Landau 1982).

    d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½, with the unbiased covariances.

    Args:
        first, second: (N₁, D) and (N₂, D) features, at least two rows each.

    Exact also for collapsed or rank-deficient samples, and never complex. With more samples
    than dimensions, tr (Σ₁Σ₂)^½ is the sum of the square roots of the eigenvalues of the
    symmetric Σ₁^½ Σ₂ Σ₁^½; with fewer, the nuclear norm of A Bᵀ of the centred, scaled features.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"features of shapes {first.shape} and {second.shape} cannot be compared")
    if min(len(first), len(second)) < 2:
        raise ValueError("a covariance needs at least two samples")
    if max(len(first), len(second)) < first.shape[1]:
        a, b = _scaled(first), _scaled(second)
        cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
        spread = np.square(a).sum() + np.square(b).sum()
    else:
        sigma1 = np.atleast_2d(np.cov(first, rowvar=False))
        sigma2 = np.atleast_2d(np.cov(second, rowvar=False))
        values, vectors = np.linalg.eigh(sigma1)
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ sigma2 @ root), 0)).sum()
        spread = np.trace(sigma1) + np.trace(sigma2)
    between = np.square(first.mean(0) - second.mean(0)).sum()
    return float(max(between + spread - 2 * cross, 0.0))


def _scaled(features: Array) -> Array:
    return (features - features.mean(0)) / np.sqrt(len(features) - 1)
