"""Explosions and vanishing, found in a finished series of gradient norms.

No published definition of an explosion count for GANs is known to us; this one is ours and is
stated in docs/metrics.md. n_t is the unclipped global L2 norm of one player's whole gradient at
its t-th update. The series is kept with every run, so that other thresholds count without training.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.metric import Evaluation, Facts, Metric, Need, Quantity, Reason, Results, When
from bench.values import Count, CountFrom0, Positive

Mask = NDArray[np.bool_]
Norms = NDArray[np.float32] | NDArray[np.float64]

KINDS = ("non_finite", "spike", "drift", "vanishing")


PLAYERS = ("discriminator", "generator")
EXPLOSIONS = "explosions"
"""Spikes and drift together."""
_MEANINGS = {
    "non_finite": "updates whose gradient norm or loss is not finite",
    "spike": "updates flagged as spikes",
    "drift": "updates flagged as drift",
    "vanishing": "updates flagged as vanishing, of the generator only",
    EXPLOSIONS: "updates flagged as spikes or drift",
}


@dataclass(frozen=True)
class Gradients(Metric):
    """Counts of updates whose gradient norm is out of the ordinary (docs/metrics.md, "Gradients").

    Its fields are the thresholds of the definition.
    """

    name: ClassVar[str] = "gradients"
    needs: ClassVar[Need] = "series"
    measured: ClassVar[When] = "once"

    spike_factor: Positive = 10.0
    spike_z: Positive = 7.0
    window: Count = 1000
    warm_up: CountFrom0 = 200
    drift_factor: Positive = 100.0
    vanishing_factor: Positive = 1e-3
    vanishing_run: Count = 100
    reference_until: Count = 1200
    episode_gap: CountFrom0 = 50

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        found = []
        for player in PLAYERS:
            found.append((f"{player}_median_norm", f"median gradient norm of the {player}"))
            for kind, meaning in _MEANINGS.items():
                told = f"{player}: {meaning}"
                found.append((f"{player}_{kind}", told))
                found.append((f"{player}_{kind}_episodes", f"{told}, in episodes"))
                found.append((f"{player}_{kind}_per_10k", f"{told}, per 10,000 updates"))
            for name in self._neighbours():
                told = f"{player}: {_MEANINGS[EXPLOSIONS]}, with {name.replace('_', ' ')}"
                found.append((f"{player}_{EXPLOSIONS}_{name}", told))
        return tuple(
            Quantity(name, name.replace("_", " "), told, False, 4, group="Gradients")
            for name, told in found
        )

    def measure(self, seen: Evaluation) -> Results:
        found: Results = {}
        for player in PLAYERS:
            norms = watched(seen.series, player)
            flags = detect(norms, player == "generator", self)
            kinds = {kind: getattr(flags, kind) for kind in KINDS}
            kinds[EXPLOSIONS] = flags.spike | flags.drift
            finite = norms[np.isfinite(norms)]
            found[f"{player}_median_norm"] = (
                float(np.median(finite)) if finite.size else Reason("undefined", "no update")
            )
            for kind, mask in kinds.items():
                steps = int(mask.sum())
                found[f"{player}_{kind}"] = steps
                found[f"{player}_{kind}_episodes"] = episodes(mask, self.episode_gap)
                found[f"{player}_{kind}_per_10k"] = 10_000 * steps / max(mask.size, 1)
            for name, steps in self._sensitivity(norms, flags).items():
                found[f"{player}_{EXPLOSIONS}_{name}"] = steps
        return found

    def _neighbours(self) -> dict[str, Gradients]:
        """The same definition with one threshold changed."""
        factors = {f"factor_{f:g}": replace(self, spike_factor=f) for f in (5.0, 10.0, 30.0)}
        return factors | {f"z_{z:g}": replace(self, spike_z=z) for z in (5.0, 7.0, 10.0)}

    def _sensitivity(self, norms: Norms, flags: Flags) -> dict[str, int]:
        finite = np.isfinite(norms)
        return {
            name: int(((flags.spike if other == self else _spikes(norms, finite, other,
                                                                  flags.drift))
                       | flags.drift).sum())
            for name, other in self._neighbours().items()
        }  # fmt: skip


def by_player(values: Mapping[str, float | None]) -> dict[str, dict[str, Any]]:
    """Sort counts by player: ``median``, ``{kind: {steps, episodes, per_10k}}``, ``sensitivity``.

    ``values`` are those of :class:`Gradients`, which may be none.
    """
    found: dict[str, dict[str, Any]] = {}
    for player in PLAYERS if values else ():
        begins = f"{player}_{EXPLOSIONS}_"
        counts: dict[str, Any] = {"median": values.get(f"{player}_median_norm")}
        for kind in _MEANINGS:
            name = f"{player}_{kind}"
            counts[kind] = {
                "steps": values.get(name),
                "episodes": values.get(f"{name}_episodes"),
                "per_10k": values.get(f"{name}_per_10k"),
            }
        counts["sensitivity"] = {
            name.removeprefix(begins): value
            for name, value in values.items()
            if name.startswith((f"{begins}factor", f"{begins}z_"))
        }
        found[player] = counts
    return found


def watched(series: Mapping[str, NDArray[np.float32]], player: str) -> NDArray[np.float32]:
    """Return one player's gradient norms, (T,), not finite where its loss is not."""
    norms = series.get(f"{player}_norm", np.empty(0, np.float32))
    losses = series.get(f"{player}_loss", norms)
    return np.where(np.isfinite(losses), norms, np.float32(np.nan))


@dataclass(frozen=True)
class Flags:
    """Which updates are flagged, (T,) each, and the frozen median they are measured against."""

    non_finite: Mask
    spike: Mask
    drift: Mask
    vanishing: Mask
    reference: float


def detect(norms: Norms, generator: bool, thresholds: Gradients | None = None) -> Flags:
    """Flag every update of one player.

    Args:
        norms: (T,) gradient norms; non-finite ones are flagged as such and as nothing else.
        generator: vanishing is looked for in the generator's series only.
        thresholds: the definition's constants.

    A spike is ln n_t − median > max(ln factor, z · 1.4826 · MAD) over the trailing window of
    unflagged updates, after the warm-up. Drift is n_t > 100 times, vanishing n_t < 10⁻³ times for
    at least 100 updates in a row, the median of updates 200 to 1,200.
    """
    at = thresholds or Gradients()
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


def _spikes(norms: Norms, finite: Mask, at: Gradients, drift: Mask | None = None) -> Mask:
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
