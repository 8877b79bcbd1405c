"""How many modes are captured, and how evenly (docs/metrics.md, "Mode coverage")."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mode_coverage(
    samples: NDArray[Any], centres: NDArray[Any], sigma: float
) -> dict[str, float | None]:
    """Captured modes and high-quality share of 2D samples (VEEGAN; PacGAN, section 4.1).

    A sample is of high quality if it lies within 3σ of its nearest centre; a mode is captured
    if it is the nearest centre of enough high-quality samples.

    Args:
        samples: (N, 2). centres: (K, 2). sigma: a mode's standard deviation.

    Returns ``modes_1``, ``modes_20`` (captured at ≥ 1 and ≥ 20 high-quality samples),
    ``high_quality`` (share of samples) and the balance of the high-quality samples over modes.
    """
    distance = np.linalg.norm(samples[:, None, :] - centres[None, :, :], axis=2)
    nearest = distance.argmin(1)
    good = distance.min(1) <= 3 * sigma
    counts = np.bincount(nearest[good], minlength=len(centres))
    return {
        "modes_1": float((counts >= 1).sum()),
        "modes_20": float((counts >= 20).sum()),
        "high_quality": float(good.mean()),
        **balance(counts),
    }


def balance(counts: NDArray[Any]) -> dict[str, float | None]:
    """Distance of a histogram over K modes from the uniform one, in nats.

    ``reverse_kl`` is KL(histogram ‖ uniform) = ln K − H, between 0 and ln K; ``jsd`` the
    Jensen–Shannon divergence. Both are None where nothing was counted.
    """
    total = counts.sum()
    if total == 0:
        return {"reverse_kl": None, "jsd": None}
    share = counts / total
    uniform = np.full(len(counts), 1 / len(counts))
    middle = (share + uniform) / 2
    return {
        "reverse_kl": _kl(share, uniform),
        "jsd": (_kl(share, middle) + _kl(uniform, middle)) / 2,
    }


def _kl(p: NDArray[Any], q: NDArray[Any]) -> float:
    held = p > 0
    return float(max((p[held] * np.log(p[held] / q[held])).sum(), 0.0))
