"""Explosions and vanishing, found in a finished series of gradient norms.

No published definition of an explosion count for GANs is known to us; this one is ours and is
stated in docs/metrics.md. n_t is the unclipped global L2 norm of one player's whole gradient at
its t-th update. The series is kept with every record, so that counts can be made again under
other thresholds without training.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Norms = NDArray[np.float32] | NDArray[np.float64]

KINDS = ("non_finite", "spike", "drift", "vanishing")


@dataclass(frozen=True)
class Thresholds:
    """Where a gradient norm stops being ordinary (docs/metrics.md, "Gradients")."""

    spike_factor: float = 10.0
    spike_z: float = 7.0
    window: int = 1000
    warm_up: int = 200
    drift_factor: float = 100.0
    vanishing_factor: float = 1e-3
    vanishing_run: int = 100
    reference_until: int = 1200
    episode_gap: int = 50


@dataclass(frozen=True)
class Flags:
    """Which updates are flagged, (T,) each, and the frozen median they are measured against."""

    non_finite: Mask
    spike: Mask
    drift: Mask
    vanishing: Mask
    reference: float


def detect(norms: Norms, generator: bool, thresholds: Thresholds | None = None) -> Flags:
    """Flag every update of one player.

    Args:
        norms: (T,) gradient norms; non-finite ones are flagged as such and as nothing else.
        generator: vanishing is looked for in the generator's series only.
        thresholds: the definition's constants.

    A spike is ln n_t − median > max(ln factor, z · 1.4826 · MAD) over the trailing window of
    unflagged updates, after the warm-up. Drift is n_t > 100 times, vanishing n_t < 10⁻³ times for
    at least 100 updates in a row, the median of updates 200 to 1,200.
    """
    at = thresholds or Thresholds()
    norms = np.asarray(norms, dtype=np.float64)
    finite = np.isfinite(norms)
    settled = norms[at.warm_up : at.reference_until]
    settled = settled[np.isfinite(settled)]
    reference = float(np.median(settled)) if settled.size else float("nan")
    after = np.arange(norms.size) >= at.reference_until
    with np.errstate(invalid="ignore"):
        drift = finite & after & (norms > at.drift_factor * reference)
        small = finite & (norms < at.vanishing_factor * reference)
    spike = _spikes(norms, finite, at, drift)
    vanishing = _long_runs(small, at.vanishing_run) if generator else np.zeros_like(finite)
    return Flags(~finite, spike, drift, vanishing, reference)


def episodes(flagged: Mask, gap: int = 50) -> int:
    """Groups of flagged updates; those closer than ``gap`` updates are one episode."""
    at = np.flatnonzero(flagged)
    return int(at.size > 0) + int((np.diff(at) >= gap).sum())


def summary(
    discriminator: Norms, generator: Norms, thresholds: Thresholds | None = None
) -> dict[str, Any]:
    """Counts of both players, and of explosions under neighbouring thresholds.

    Returns for each player ``updates``, ``median`` norm, and for each kind ``steps``,
    ``episodes`` and ``per_10k`` (flagged updates per 10,000 of its own updates); ``explosions``
    joins spike and drift. ``sensitivity`` gives explosion steps with one threshold changed.
    """
    at = thresholds or Thresholds()
    report: dict[str, Any] = {"thresholds": asdict(at)}
    for player, norms in (("discriminator", discriminator), ("generator", generator)):
        flags = detect(norms, player == "generator", at)
        kinds = {kind: getattr(flags, kind) for kind in KINDS}
        kinds["explosions"] = flags.spike | flags.drift
        finite = norms[np.isfinite(norms)]
        report[player] = {
            "updates": int(norms.size),
            "median": float(np.median(finite)) if finite.size else None,
            **{kind: _counts(mask, at.episode_gap) for kind, mask in kinds.items()},
            "sensitivity": _sensitivity(norms, flags, at),
        }
    return report


def _counts(mask: Mask, gap: int) -> dict[str, float]:
    steps = int(mask.sum())
    return {
        "steps": steps,
        "episodes": episodes(mask, gap),
        "per_10k": 10_000 * steps / max(mask.size, 1),
    }


def _sensitivity(norms: Norms, flags: Flags, at: Thresholds) -> dict[str, int]:
    finite = np.isfinite(norms)
    neighbours = {f"factor={f:g}": replace(at, spike_factor=f) for f in (5.0, 10.0, 30.0)}
    neighbours |= {f"z={z:g}": replace(at, spike_z=z) for z in (5.0, 7.0, 10.0)}
    return {
        name: int(((flags.spike if other == at else _spikes(norms, finite, other, flags.drift))
                   | flags.drift).sum())
        for name, other in neighbours.items()
    }  # fmt: skip


def _spikes(norms: Norms, finite: Mask, at: Thresholds, drift: Mask | None = None) -> Mask:
    """Sequential, since an update flagged as spike or drift does not enter the window.

    The window is kept sorted, so that its median costs nothing; the MAD is computed only where
    the factor alone does not already rule a spike out.
    """
    least = np.log(at.spike_factor)
    # a gradient of exactly zero has no logarithm; the smallest positive double stands for it
    logs = np.log(np.maximum(norms, np.finfo(np.float64).tiny)).tolist()
    spike = np.zeros(norms.size, dtype=bool)
    recent: deque[float] = deque()
    ordered: list[float] = []
    for t, value in enumerate(logs):
        if not finite[t]:
            continue
        if t >= at.warm_up and ordered:
            middle = len(ordered) // 2
            median = (ordered[middle] + ordered[~middle]) / 2
            excess = value - median
            if excess > least:
                mad = float(np.median(np.abs(np.asarray(ordered) - median)))
                if excess > at.spike_z * 1.4826 * mad:
                    spike[t] = True
                    continue
        if drift is not None and drift[t]:
            continue
        recent.append(value)
        insort(ordered, value)
        if len(recent) > at.window:
            del ordered[bisect_left(ordered, recent.popleft())]
    return spike


def _long_runs(mask: Mask, least: int) -> Mask:
    """Those true entries that stand in a run of at least ``least``."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    kept = np.zeros_like(mask)
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        kept[start:stop] = stop - start >= least
    return kept
