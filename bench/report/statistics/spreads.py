"""Where the spread of a method's scores comes from: training seeds, or evaluation samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parts:
    """Variance of one score per seed, and the parts it is made of."""

    total: float
    within: float
    """From drawing the evaluation samples of one trained generator anew."""
    seeds: int
    methods: int = 1

    @property
    def between(self) -> float:
        """Between training seeds, whatever samples are drawn; 0 where samples explain it all."""
        return max(0.0, self.total - self.within)

    @property
    def share(self) -> float | None:
        """Share of the drawing in the sum of both parts; None where nothing varies."""
        whole = self.between + self.within
        return self.within / whole if whole else None


def variance_parts(scores: Sequence[float], deviations: Sequence[float]) -> Parts | None:
    """Split the variance of (n,) scores of one draw each, by one-way random effects.

    ``deviations`` are standard deviations over draws of the same n generators. The variance of the
    scores estimates between + within, the mean squared deviation estimates within (Searle, Casella
    and McCulloch 1992, chapter 3). None for n < 2.
    """
    if len(scores) < 2:
        return None
    return Parts(float(np.var(scores, ddof=1)), float(np.mean(np.square(deviations))), len(scores))


def pooled(parts: Sequence[Parts]) -> Parts | None:
    """Pool the parts of several methods by their degrees of freedom; None without methods."""
    if not parts:
        return None
    seeds = [part.seeds for part in parts]
    total = np.average([part.total for part in parts], weights=[n - 1 for n in seeds])
    within = np.average([part.within for part in parts], weights=seeds)
    return Parts(float(total), float(within), sum(seeds), len(parts))
