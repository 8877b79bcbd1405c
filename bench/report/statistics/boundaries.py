"""Levels at which a group-sequential test may stop (O'Brien and Fleming 1979)."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

NODES = 128
"""Points of the numerical integration; 64 give the same constants to ten digits."""


@lru_cache(maxsize=1024)
def obrien_fleming(error: float, fractions: tuple[float, ...]) -> float:
    """Return C with P(|B(t)| ≥ C for any t of ``fractions``) = ``error``, B a Brownian motion.

    ``fractions`` are the shares of the most observations at every look; the last is 1. A two-sided
    test stops at look k where |Z_k| ≥ C / √t_k. Solved by recursive integration over the looks
    (Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, chapter 19).
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    # between the constants of one look and of infinitely many (reflection principle)
    low, high = norm.isf(error / 2), norm.isf(error / 4)
    if len(fractions) == 1:
        return float(low)
    return float(brentq(lambda c: crossing(c, fractions) - error, low, high, xtol=1e-10))


@lru_cache(maxsize=4096)
def nominal(error: float, fractions: tuple[float, ...], look: int) -> float:
    """Return the two-sided level at which look ``look`` (from 0) holds its p value."""
    from scipy.stats import norm

    return float(2 * norm.sf(obrien_fleming(error, fractions) / math.sqrt(fractions[look])))


def crossing(constant: float, fractions: tuple[float, ...]) -> float:
    """Return P(|B(t)| ≥ ``constant`` for any t of ``fractions``)."""
    from scipy.stats import norm

    points, weights = np.polynomial.legendre.leggauss(NODES)
    points, weights = constant * points, constant * weights
    density = norm.pdf(points, scale=math.sqrt(fractions[0]))
    for before, after in pairwise(fractions):
        moved = norm.pdf(points[:, None] - points[None, :], scale=math.sqrt(after - before))
        density = moved @ (weights * density)
    return 1 - float(weights @ density)
