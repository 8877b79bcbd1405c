"""At how many variants a method works."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bench.report.statistics.intervals import (
    LEVEL,
    RESAMPLES,
    Floats,
    Interval,
    interquartile_mean,
    percentiles,
    resampled,
)


def share_of_variants(
    scores: ArrayLike,
    target: float,
    higher_is_better: bool,
    digits: int,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return the share of (runs, variants) whose interquartile mean reaches ``target``.

    Means are held against the target as they are shown, with ``digits``; a run that failed is
    infinitely bad. Variants are those of the design and no sample: only runs are drawn anew, and
    a run in all variants at once, as runs of equal seed share weights and data. NaN is no run; such
    rows count for the share and not for its interval. No ends where fewer than two rows are whole,
    or where all draws agree. None without variants; ``n`` counts them.
    """
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or not table.size:
        return None

    def reached(runs: Floats) -> Floats:
        means = np.round(interquartile_mean(runs), digits)
        return np.asarray(means >= target if higher_is_better else means <= target, dtype=float)

    value = float(np.mean(reached(table)))
    whole = table[~np.isnan(table).any(axis=1)]
    drawn = None
    if len(whole) > 1:
        drawn = resampled([whole], lambda runs: reached(runs[0]), resamples, seed)
    means = None if drawn is None else np.asarray(drawn.mean(axis=0))
    return percentiles(value, means, level, table.shape[1])
