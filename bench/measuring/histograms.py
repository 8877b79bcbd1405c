"""Distance of a histogram over modes from the uniform one (docs/metrics.md, "Mode coverage")."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metric import Reason, Results


def captured(
    samples: NDArray[Any], centres: NDArray[Any], sigma: float
) -> tuple[NDArray[np.int64], float]:
    """Count high-quality samples by mode: (N, d), (K, d) → (K,), and their share of all.

    A sample is of high quality within 3σ of its nearest centre.
    """
    distance = np.linalg.norm(samples[:, None, :] - centres[None, :, :], axis=2)
    good = distance.min(1) <= 3 * sigma
    return np.bincount(distance.argmin(1)[good], minlength=len(centres)), float(good.mean())


def balance(counts: NDArray[Any], nothing: str = "no sample was counted") -> Results:
    """Return the distance of a histogram over K modes, (K,), from the uniform one, in nats.

    ``reverse_kl`` is KL(histogram ‖ uniform) = ln K − H, between 0 and ln K; ``jsd`` the
    Jensen–Shannon divergence. Where nothing was counted, ``nothing`` says why there is neither.
    """
    total = counts.sum()
    if total == 0:
        return dict.fromkeys(("reverse_kl", "jsd"), Reason("undefined", nothing))
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
