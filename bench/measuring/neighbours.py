"""Balls around features: precision and recall, density and coverage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.measuring.frechet import Array, as_features
from bench.metric import TooFew

PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5
CELLS = 2**23
"""Entries of a distance matrix that are held at once (64 MiB)."""
ROUNDING = 1e-13
"""Error of a squared distance, relative to both squared norms, from which it is computed."""


@dataclass(frozen=True, eq=False)
class Manifold:
    """Features (N, D) with a ball around each that reaches to its k-th nearest neighbour.

    ``radii`` holds the squared radii (N,) for every k that was asked for.
    """

    features: Array
    radii: Mapping[int, Array]

    @classmethod
    def of(
        cls,
        features: ArrayLike,
        neighbours: tuple[int, ...] = (PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS),
    ) -> Manifold:
        """Return the manifold of (N, D) features; :class:`TooFew` below the largest k plus one."""
        points = as_features(features)
        if len(points) <= max(neighbours):
            raise TooFew.of(max(neighbours) + 1, len(points), "reference samples")
        return cls(points, _squared_radii(points - points.mean(0), neighbours))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the radii, for :meth:`from_arrays`; the features are stored elsewhere."""
        return {f"radii_{k}": radii for k, radii in self.radii.items()}

    @classmethod
    def from_arrays(cls, features: ArrayLike, arrays: Mapping[str, NDArray[Any]]) -> Manifold:
        radii = {
            int(name.removeprefix("radii_")): arrays[name]
            for name in arrays
            if name.startswith("radii_")
        }
        return cls(np.asarray(features, np.float64), radii)

    @cached_property
    def centre(self) -> Array:
        return np.asarray(self.features.mean(0))


def precision_recall_density_coverage(
    features: ArrayLike,
    manifold: Manifold,
    precision_k: int = PRECISION_NEIGHBOURS,
    density_k: int = DENSITY_NEIGHBOURS,
) -> dict[str, float]:
    """Compare (N, D) generated features with M reference features in quality and variety.

    - ``precision``: share of generated features in any reference ball; ``recall``: share of
      reference features in any generated ball (Kynkäänniemi et al. 2019, equation 1 and 2, k = 3).
    - ``density``: reference balls a generated feature lies in, on average, over k; above 1 where
      the generated ones crowd. ``coverage``: share of reference balls that hold a generated
      feature (Naeem et al. 2020, equations 4 and 5, k = 5).

    Balls are closed (≤, as Kynkäänniemi et al. write) and wider by the rounding of a squared
    distance, so that a copy of a neighbour, which lies on the surface, counts. The package prdc
    compares with <; the two differ for exact ties only, that is for copies.

    Raises :class:`TooFew` below ``precision_k`` + 1 generated samples.
    """
    points = as_features(features)
    if len(points) <= precision_k:
        raise TooFew.of(precision_k + 1, len(points))
    # norms are small around the centre, and with them the rounding of distances
    generated, reference = points - manifold.centre, manifold.features - manifold.centre
    own = _squared_radii(generated, (precision_k,))[precision_k]
    precise, balls = 0, 0
    recalled = np.zeros(len(reference), bool)
    covered = np.zeros(len(reference), bool)
    for rows, squared in _squared_distances(generated, reference, less=ROUNDING):
        precise += int((squared <= manifold.radii[precision_k]).any(1).sum())
        recalled |= (squared <= own[rows, None]).any(0)
        held = squared <= manifold.radii[density_k]
        balls += int(held.sum())
        covered |= held.any(0)
    return {
        "precision": precise / len(points),
        "recall": float(recalled.mean()),
        "density": balls / (density_k * len(points)),
        "coverage": float(covered.mean()),
    }


def _squared_radii(points: Array, neighbours: tuple[int, ...]) -> dict[int, Array]:
    """Return squared distances to the k-th nearest other point, for each k: (N,) each."""
    radii = {k: np.empty(len(points)) for k in neighbours}
    for rows, squared in _squared_distances(points, points):
        np.fill_diagonal(squared[:, rows], np.inf)  # a point is not its own neighbour
        squared.partition([k - 1 for k in neighbours], axis=1)
        for k in neighbours:
            radii[k][rows] = np.maximum(squared[:, k - 1], 0)
    return radii


def _squared_distances(x: Array, y: Array, less: float = 0.0) -> Iterator[tuple[slice, Array]]:
    """Yield rows of the matrix of squared distances, some at a time.

    From each distance, ``less`` times the sum of both squared norms is taken away.
    """
    norms_x, norms_y = (np.square(part).sum(1) * (1 - less) for part in (x, y))
    step = max(1, CELLS // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        squared = x[rows] @ y.T
        squared *= -2
        squared += norms_x[rows, None]
        squared += norms_y
        yield rows, squared
