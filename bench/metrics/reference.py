"""The real side of every comparison: measured once, cached, and asked for all scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bench.metrics.frechet import Gaussian, TooFew, as_features, distance, fit
from bench.metrics.neighbours import Manifold, kid, precision_recall_density_coverage
from bench.metrics.once import once

FORMAT = 1
"""Raise it when a stored reference would be read or computed otherwise."""
MANIFOLD_SCORES = ("precision", "recall", "density", "coverage")
SCORES = ("frechet", "kid", *MANIFOLD_SCORES)


@dataclass(frozen=True, eq=False)
class Reference:
    """What is known of the real samples in one extractor's feature space.

    ``features`` (M, D) are those that KID and the manifold use; ``manifold`` is None where there
    are too few of them. The Gaussian may have been fitted to more.
    """

    gaussian: Gaussian
    features: NDArray[Any]
    manifold: Manifold | None

    @classmethod
    def of(cls, features: Tensor | ArrayLike, keep: int | None = None) -> Reference:
        """The reference of (N, D) features, N ≥ 2.

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
        """What :meth:`save` has written; a damaged file raises whatever it raises."""
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
    """The reference called ``name``: from ``cache``, or computed now and put there.

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


def scores(
    features: Tensor | ArrayLike, reference: Reference, keep: int | None = None
) -> tuple[dict[str, float | None], dict[str, str]]:
    """All scores of (N, D) generated features, and why those that are None have no value.

    With ``keep``, the Fréchet distance is that of all features, and the first that many serve
    the others, whose cost grows with the square.

    Keys: ``frechet``, ``kid``, ``precision``, ``recall``, ``density``, ``coverage``. Samples that
    are few, collapsed or not finite never raise.
    """
    values: dict[str, float | None] = dict.fromkeys(SCORES)
    try:
        rows = as_features(_on_cpu(features))
    except ValueError as error:
        return values, dict.fromkeys(SCORES, str(error))
    reasons: dict[str, str] = {}

    def attempt(names: tuple[str, ...], compute: Callable[[], dict[str, float]]) -> None:
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                found = compute()
        except (TooFew, np.linalg.LinAlgError) as error:
            reasons.update(dict.fromkeys(names, str(error)))
            return
        for name, value in found.items():
            if np.isfinite(value):
                values[name] = value
            else:
                reasons[name] = "the features are so large that it overflows"

    attempt(("frechet",), lambda: {"frechet": distance(fit(rows), reference.gaussian)})
    attempt(("kid",), lambda: {"kid": kid(rows[:keep], reference.features)})
    attempt(MANIFOLD_SCORES, lambda: _manifold_scores(rows[:keep], reference))
    return values, reasons


def _manifold_scores(rows: NDArray[np.float64], reference: Reference) -> dict[str, float]:
    manifold = reference.manifold or Manifold.of(
        reference.features
    )  # which tells how many it needs
    return precision_recall_density_coverage(rows, manifold)


def _on_cpu(features: Tensor | ArrayLike) -> NDArray[Any]:
    return np.asarray(features.detach().cpu() if isinstance(features, Tensor) else features)
