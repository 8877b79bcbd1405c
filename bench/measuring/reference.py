"""The real side of every comparison: computed once and cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bench.measuring.frechet import Gaussian, fit
from bench.measuring.neighbours import Manifold
from bench.metric import TooFew
from bench.once import once

FORMAT = 1
"""Raise it when a stored reference would be read or computed otherwise."""
KEPT = 5000
"""Samples of either side that serve metrics whose cost grows with the square, as KID's does."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Statistics of the real samples in one extractor's feature space.

    ``features`` (M, D) are those that KID and the manifold use; ``manifold`` is None where there
    are too few of them. The Gaussian may have been fitted to more.
    """

    gaussian: Gaussian
    features: NDArray[Any]
    manifold: Manifold | None

    @classmethod
    def of(cls, features: Tensor | ArrayLike, keep: int | None = None) -> Reference:
        """Return the reference of (N, D) features, N ≥ 2.

        With ``keep``, the Gaussian is fitted to all features, and that many, chosen at random but
        always the same, serve KID and the manifold, whose cost grows with the square.

        Raises :class:`TooFew` below two samples, ValueError for values that are not finite.
        """
        rows = _on_cpu(features)
        kept = rows
        if keep is not None and keep < len(rows):
            kept = rows[np.sort(np.random.default_rng(0).permutation(len(rows))[:keep])]
        try:
            manifold = Manifold.of(kept)
        except TooFew:
            manifold = None
        return cls(fit(rows), kept, manifold)

    def save(self, file: Path) -> None:
        arrays: dict[str, Any] = {**self.gaussian.arrays(), "features": self.features}
        if self.manifold is not None:
            arrays |= self.manifold.arrays()
        with open(file, "wb") as out:
            np.savez(out, **arrays)

    @classmethod
    def load(cls, file: Path) -> Reference:
        """Return the reference that :meth:`save` wrote; a damaged file may raise anything."""
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        features = arrays["features"]
        manifold = Manifold.from_arrays(features, arrays)
        return cls(Gaussian.from_arrays(arrays), features, manifold if manifold.radii else None)


def cached_reference(
    cache: Path,
    name: str,
    content: str,
    make_features: Callable[[], Tensor],
    keep: int | None = None,
) -> Reference:
    """Return the reference called ``name`` from ``cache``; compute and store it if missing.

    Args:
        content: everything the features depend on, such as hashes of the images and of the
            extractor's weights; another content is another file.
        make_features: called only if there is no sound file; gives (N, D) features.
        keep: as in :meth:`Reference.of`.

    Raises :class:`bench.errors.BenchError` if ``cache`` cannot be written to.
    """
    identity = hashlib.sha256(f"{FORMAT}|{keep}|{content}".encode()).hexdigest()[:16]
    return once(
        cache / f"{name}-{identity}.npz",
        Reference.load,
        lambda file: Reference.of(make_features(), keep).save(file),
    )


def _on_cpu(features: Tensor | ArrayLike) -> NDArray[Any]:
    return np.asarray(features.detach().cpu() if isinstance(features, Tensor) else features)
