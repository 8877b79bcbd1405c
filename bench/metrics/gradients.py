"""Spikes, growth and vanishing, found in a finished series of gradient norms.

No published definition of an explosion count for GANs is known to us. These definitions are ours:
docs/metrics.md states them, and how often they flag series in which nothing happens. n_t is the
unclipped global L2 norm of one player's whole gradient at its t-th update. The series is kept with
every run, so that other thresholds count without training.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.metric import Evaluation, Facts, Metric, Need, Quantity, Reason, Results, TooFew, When
from bench.values import Count, CountFrom0, Positive

Mask = NDArray[np.bool_]
Norms = NDArray[np.float32] | NDArray[np.float64]
Floats = NDArray[np.float64]

PLAYERS = ("discriminator", "generator")
THRESHOLDS = (3, 5, 10, 30, 100, 300, 1000)
"""Multiples of the trailing median at which spikes are counted."""
HEADLINE, NEIGHBOURS = 10, (5, 30)
"""The threshold whose count is a number of its own, where those beside it agree."""
BASELINES = {
    "early": "the median of the first updates after the warm-up",
    "whole": "the median of all updates after the warm-up",
    "trough": "the lowest level before it",
}
"""What growth is a multiple of."""
FULL_LENGTH, SHORTEST_SCALE = 10_000, 0.1
"""Updates from which lengths are those stated, and the least share of them that is used."""
FEWEST = 50
"""Updates a trailing window must hold before its median and spread judge anything."""
_TINY = float(np.finfo(np.float64).tiny)
"""Stands for a norm of exactly zero, which has no logarithm."""


@dataclass(frozen=True)
class Gradients(Metric):
    """Spikes, growth and vanishing of gradient norms (docs/metrics.md, "Gradients").

    Its fields are the constants of the definition; lengths are those of a series of 10,000 updates
    or more.
    """

    name: ClassVar[str] = "gradients"
    needs: ClassVar[Need] = "series"
    measured: ClassVar[When] = "once"

    least: Count = 200
    spike_z: Positive = 7.0
    sudden: Count = 10
    window: Count = 1000
    warm_up: CountFrom0 = 200
    baseline: Count = 1000
    smoothing: Count = 100
    episode_gap: CountFrom0 = 50
    vanishing_factor: Positive = 1e-3
    vanishing_run: Count = 100

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        return tuple(
            Quantity(name, name.replace("_", " "), meaning, False, 4, group="Gradients",
                     descriptive=name.endswith(("_at", "_norm")))
            for player in PLAYERS
            for name, meaning in meanings(player).items()
        )  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        found: Results = {}
        for player in PLAYERS:
            norms = watched(seen.series, player)
            finite = norms[np.isfinite(norms)]
            found[f"{player}_median_norm"] = (
                float(np.median(finite)) if finite.size else Reason("undefined", "no update")
            )
            found[f"{player}_non_finite"] = norms.size - finite.size
            judged = _judged(norms, player == "generator", self)
            names = [name for name in meanings(player) if name not in found]
            for name in names:
                own = name.removeprefix(f"{player}_")
                found[name] = judged if isinstance(judged, Reason) else judged[own]
        return found

    def scaled(self, updates: int) -> Gradients:
        """Return the definition with the lengths that a series of so many updates is judged by."""
        scale = min(1.0, max(SHORTEST_SCALE, updates / FULL_LENGTH))
        lengths = ("window", "warm_up", "baseline", "smoothing", "episode_gap", "vanishing_run")
        own = {name: getattr(self, name) for name in lengths}
        least = {name: min(value, 1) for name, value in own.items()}
        return Gradients(**self.hyperparameters() | {
            name: max(least[name], round(scale * value)) for name, value in own.items()
        })  # fmt: skip


def meanings(player: str) -> dict[str, str]:
    """Return what each quantity of a player means, by its name."""
    found = {
        "median_norm": "median gradient norm",
        "non_finite": "updates whose gradient norm or loss is not finite",
        "spikes": f"spikes above {HEADLINE} times the trailing median; none where the counts at "
        f"{NEIGHBOURS[0]} and {NEIGHBOURS[1]} times disagree",
        "spikes_per_10k": "the same per 10,000 updates",
        **{f"spikes_{f}": f"spikes above {f} times the trailing median" for f in THRESHOLDS},
        **{f"spike_updates_{f}": f"updates in spikes above {f} times" for f in THRESHOLDS},
        "largest_spike": "largest multiple of the trailing median in a spike; 0 where none is "
        f"above {THRESHOLDS[0]}",
        "largest_spike_at": "the player's update at which it is reached; 0 where there is none",
    }
    for name, baseline in BASELINES.items():
        found[f"growth_{name}"] = f"largest smoothed norm as a multiple of {baseline}"
        found[f"growth_{name}_at"] = "the player's update at which it is reached"
    if player == "generator":
        found["vanishing"] = "updates with a vanishing gradient"
        found["vanishing_episodes"] = "episodes of such updates"
        found["vanishing_per_10k"] = "such updates per 10,000"
    return {f"{player}_{name}": f"{player}: {meaning}" for name, meaning in found.items()}


def watched(series: Mapping[str, NDArray[np.float32]], player: str) -> NDArray[np.float32]:
    """Return one player's gradient norms, (T,), not finite where its loss is not."""
    norms = series.get(f"{player}_norm", np.empty(0, np.float32))
    losses = series.get(f"{player}_loss", norms)
    return np.where(np.isfinite(losses), norms, np.float32(np.nan))


@dataclass(frozen=True)
class Flags:
    """What is flagged in a series of T updates."""

    non_finite: Mask
    jumps: Floats
    """(T,) how many times the trailing median an update is where that is out of the ordinary and
    sudden, else 0."""
    vanishing: Mask

    def spike(self, threshold: float = HEADLINE) -> Mask:
        """Return (T,): updates in spikes above ``threshold`` times the trailing median."""
        return self.jumps > threshold


@dataclass(frozen=True)
class Growth:
    """The level of a series of norms, and what it is compared with."""

    updates: NDArray[np.int64]
    """(K,) updates after the warm-up, counted from 1, in the middle of each smoothed stretch."""
    levels: Floats
    """(K,) medians of the norms over such a stretch."""
    ratios: dict[str, Floats]
    """(K,) by baseline: levels as multiples of it; nan before the baseline has ended."""

    def largest(self, baseline: str) -> tuple[float, int] | None:
        """Return the largest ratio and its update; None where there is no finite one."""
        ratios = self.ratios[baseline]
        finite = np.isfinite(ratios)
        if not finite.any():
            return None
        at = int(np.argmax(np.where(finite, ratios, -np.inf)))
        return float(ratios[at]), int(self.updates[at])


def too_short(updates: int, at: Gradients) -> Reason | None:
    """Return why a series of so many updates is not judged, or None."""
    if updates >= at.least:
        return None
    return Reason("too_few", f"not judged: {TooFew.of(at.least, updates, 'updates')}")


def detect(norms: Norms, generator: bool, thresholds: Gradients | None = None) -> Flags:
    """Flag the updates of one player; of a series that is too short only what is not finite.

    Args:
        norms: (T,) gradient norms; non-finite ones are flagged as such and as nothing else.
        generator: vanishing is looked for in the generator's series only.
        thresholds: the definition's constants, before they are scaled.
    """
    thresholds = thresholds or Gradients()
    norms = np.asarray(norms, dtype=np.float64)
    finite = np.isfinite(norms)
    if too_short(norms.size, thresholds):
        return Flags(~finite, np.zeros(norms.size), np.zeros_like(finite))
    at = thresholds.scaled(norms.size)
    vanishing = np.zeros_like(finite)
    if generator:
        with np.errstate(invalid="ignore"):
            small = norms < at.vanishing_factor * _early(norms, at)
        vanishing = _long_runs(small, at.vanishing_run)
    return Flags(~finite, _jumps(norms, finite, at), vanishing)


def growth(norms: Norms, thresholds: Gradients | None = None) -> Growth:
    """Smooth the norms of one player, (T,), and compare them with each of :data:`BASELINES`."""
    from scipy.ndimage import median_filter

    norms = np.asarray(norms, dtype=np.float64)
    at = (thresholds or Gradients()).scaled(norms.size)
    updates = 1 + np.flatnonzero(np.isfinite(norms))
    settled = updates > at.warm_up
    updates, kept = updates[settled], norms[updates[settled] - 1]
    half = at.smoothing // 2
    inner = slice(half, max(half, kept.size - half))
    levels = median_filter(kept, size=2 * half + 1)[inner] if kept.size else kept
    updates = updates[inner]
    early = np.where(updates - half > at.warm_up + at.baseline, _early(norms, at), np.nan)
    whole = np.full(levels.size, np.median(kept) if kept.size else np.nan)
    against: dict[str, Floats] = {
        "early": early,
        "whole": whole,
        "trough": np.minimum.accumulate(levels),
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {name: levels / baseline for name, baseline in against.items()}
    return Growth(updates, levels, ratios)


def episodes(flagged: Mask, gap: int) -> int:
    """Count groups of flagged updates; those closer than ``gap`` updates are one."""
    at = np.flatnonzero(flagged)
    return int(at.size > 0) + int((np.diff(at) >= gap).sum())


def headline(spikes: Mapping[int, int]) -> int | Reason:
    """Return the count at :data:`HEADLINE`, or why thresholds beside it do not confirm it.

    They agree where they count at most half as many more or fewer, or one.
    """
    count = spikes[HEADLINE]
    if all(abs(spikes[near] - count) <= max(1, count / 2) for near in NEIGHBOURS):
        return count
    shown = ", ".join(f"{spikes[f]} above {f}" for f in sorted((HEADLINE, *NEIGHBOURS)))
    return Reason("undefined", f"depends on the threshold: {shown} times the trailing median")


def _judged(norms: Norms, generator: bool, thresholds: Gradients) -> Results | Reason:
    """Return all of a player's quantities but those of every series, by name without the player."""
    if short := too_short(norms.size, thresholds):
        return short
    gap = thresholds.scaled(norms.size).episode_gap
    flags, levels = detect(norms, generator, thresholds), growth(norms, thresholds)
    spikes = {f: episodes(flags.spike(f), gap) for f in THRESHOLDS}
    count = headline(spikes)
    per_10k = FULL_LENGTH / norms.size
    found: Results = {
        "spikes": count,
        "spikes_per_10k": count if isinstance(count, Reason) else count * per_10k,
        **{f"spikes_{f}": spikes[f] for f in THRESHOLDS},
        **{f"spike_updates_{f}": int(flags.spike(f).sum()) for f in THRESHOLDS},
        "vanishing": int(flags.vanishing.sum()),
        "vanishing_episodes": episodes(flags.vanishing, gap),
        "vanishing_per_10k": flags.vanishing.sum() * per_10k,
    }
    largest = float(flags.jumps.max())
    seen = largest > THRESHOLDS[0]
    found["largest_spike"] = largest if seen else 0
    found["largest_spike_at"] = 1 + int(flags.jumps.argmax()) if seen else 0
    for name in BASELINES:
        grown = levels.largest(name)
        missing = Reason("undefined", "no update to compare with a baseline above 0")
        found[f"growth_{name}"], found[f"growth_{name}_at"] = grown or (missing, missing)
    return found


def _early(norms: Norms, at: Gradients) -> float:
    settled = norms[at.warm_up : at.warm_up + at.baseline]
    settled = settled[np.isfinite(settled)]
    return float(np.median(settled)) if settled.size else float("nan")


def _jumps(norms: Floats, finite: Mask, at: Gradients) -> Floats:
    """Return n_t, (T,), as a multiple of the larger of two medians, of the window and of the last
    few updates before it; 0 where it is within the window's spread.

    It is beyond that where ln n_t − median > z · 1.4826 · MAD: then more than half of the window
    lies within the excess / (z · 1.4826) of its median, which two look-ups in the sorted window
    tell. All finite updates enter the window, so that every threshold sees the same one.
    """
    logs = np.log(np.maximum(norms[finite], _TINY)).tolist()
    least = float(np.log(THRESHOLDS[0]))
    jumps = np.zeros(norms.size)
    ordered: list[float] = []
    for i, t in enumerate(np.flatnonzero(finite).tolist()):
        if t >= at.warm_up and i >= min(FEWEST, at.window):
            middle = _median(ordered)
            excess = logs[i] - middle
            if excess > least:
                near = excess / (at.spike_z * 1.4826)
                inside = bisect_left(ordered, middle + near) - bisect_right(ordered, middle - near)
                if 2 * inside > len(ordered):
                    before = _median(sorted(logs[max(0, i - at.sudden) : i]))
                    # a multiple of zero can be beyond what a double holds
                    jumps[t] = np.exp(min(excess, logs[i] - before, 709.0))
        insort(ordered, logs[i])
        if len(ordered) > at.window:
            del ordered[bisect_left(ordered, logs[i - at.window])]
    return jumps


def _median(ordered: list[float]) -> float:
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def _long_runs(mask: Mask, least: int) -> Mask:
    """Return those true entries that stand in a run of at least ``least``."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    kept = np.zeros_like(mask)
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        kept[start:stop] = stop - start >= least
    return kept
