"""Losses and gradient norms of a method's seeds, reduced to what figures show of them.

The series of a large study fill gigabytes, so one method's are read at a time, once, and let go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.metrics.gradients import HEADLINE, PLAYERS, Gradients, detect, growth, too_short, watched
from bench.records.record import Arrays, Record
from bench.report.analysis.problems import Problem

NORM_BINS, LOSS_BINS, GROWTH_POINTS = 250, 100, 200
"""Points of a drawn series; of norms and losses each stands for the updates of its bin."""
MARKED = (f"spikes_{HEADLINE}", "vanishing")

Points = NDArray[np.float64]
Line = tuple[Points, Points]


@dataclass(frozen=True)
class Band:
    """Bins that hold a value: their middles, and least, median and greatest in each, (≤ B,)."""

    middle: Points
    low: Points
    median: Points
    high: Points


@dataclass(frozen=True)
class Series:
    """What one player shows over all seeds of a method, along discriminator updates."""

    norms: Band
    flagged: dict[str, Line]
    """By kind of flag, updates and norms of flagged updates; of those that would hide each other
    one is kept."""
    losses: Band
    growth: Points | None
    """(GROWTH_POINTS,) from no update to the problem's last: the median over seeds of the smoothed
    norm as a multiple of its run's median. None where no series is long enough."""


@dataclass
class Read:
    """The series of one method."""

    players: dict[str, Series] = field(default_factory=dict)
    """Empty where nothing is stored."""
    errors: list[str] = field(default_factory=list)
    """What could not be read."""


def read(problem: Problem, method: str, notes: list[str]) -> dict[str, Series]:
    """Return each player's series, {} where none are stored; ``notes`` take what is damaged."""
    if method not in problem.series:
        problem.series[method] = _read(problem, method)
    found: Read = problem.series[method]
    notes += [error for error in found.errors if error not in notes]
    return found.players


def _read(problem: Problem, method: str) -> Read:
    found, seeds = Read(), list[tuple[Record, Arrays]]()
    for planned in problem.by_method[method]:
        if planned.record is None:
            continue
        try:
            arrays = planned.record.series()
        except BenchError as error:
            found.errors.append(str(error))
            continue
        if arrays.get("discriminator_norm", np.empty(0)).size:
            seeds.append((planned.record, arrays))
    if seeds:
        found.players = {player: _player(seeds, player, problem.updates) for player in PLAYERS}
    return found


def _player(seeds: list[tuple[Record, Arrays]], player: str, updates: int) -> Series:
    norms, losses, grown = list[Line](), list[Line](), list[Points]()
    flagged: dict[str, list[Line]] = {}
    for record, arrays in seeds:
        own = arrays.get(f"{player}_norm", np.empty(0))
        loss = arrays.get(f"{player}_loss", own)
        # the generator moves once in so many updates of the discriminator
        pace = record.cost["discriminator_updates"] / max(record.cost[f"{player}_updates"], 1)
        at = np.arange(1, max(own.size, loss.size) + 1) * pace
        norms.append((at[: own.size], own))
        losses.append((at[: loss.size], loss if f"{player}_loss" in arrays else loss[:0]))
        for name, places in _flags(record, player, own, loss):
            if places.size:
                flagged.setdefault(name, []).append((at[places], own[places].astype(float)))
        level = growth(watched(arrays, player), thresholds(record))
        if level.updates.size and not too_short(own.size, thresholds(record)):
            grown.append(np.interp(np.linspace(0, updates, GROWTH_POINTS), level.updates * pace,
                                   level.ratios["whole"], left=np.nan, right=np.nan))  # fmt: skip
    x, y = _joined(norms)
    last = x.max(initial=1.0)
    # a logarithmic axis cannot show zeros
    y = np.where(y > 0, y, np.nan)
    band = binned(x, y, np.linspace(0, last, min(NORM_BINS, int(last)) + 1))
    decades = np.log10(band.high.max(initial=1.0) / band.low.min(initial=1.0)) or 1.0
    return Series(
        band,
        {name: _apart(*_joined(lines), updates, decades) for name, lines in flagged.items()},
        _losses(*_joined(losses)),
        _middle(np.array(grown)) if grown else None,
    )


def _flags(record: Record, player: str, norms: Any, losses: Any) -> Iterator[tuple[str, Any]]:
    """Yield each kind of flag and the places of its updates."""
    # without a measurement of the gradients nothing is flagged
    if any(record.whole.get(f"{player}_{name}") for name in MARKED):
        flags = detect(norms, player == "generator", thresholds(record))
        yield "spike", np.flatnonzero(flags.spike())
        yield "vanishing", np.flatnonzero(flags.vanishing)
    yield "not finite", np.flatnonzero(~np.isfinite(norms) | ~np.isfinite(losses))


def _joined(lines: list[Line]) -> Line:
    return np.concatenate([x for x, _ in lines]), np.concatenate([y for _, y in lines])


def _apart(x: Points, y: Points, updates: int, decades: float) -> Line:
    """Keep one of the points that lie within an 80th of the updates and a 40th of the decades."""
    with np.errstate(divide="ignore", invalid="ignore"):
        height = np.where(np.isfinite(y), np.round(40 * np.log10(y) / decades), np.inf)
    places = np.stack([np.round(80 * x / updates), height])
    _, kept = np.unique(places, axis=1, return_index=True)
    return x[kept], y[kept]


def _losses(updates: Points, losses: Points) -> Band:
    kept = np.isfinite(losses)
    updates, losses = updates[kept], losses[kept]
    edges = np.linspace(0, updates.max(initial=1.0), min(LOSS_BINS, max(len(updates), 1)) + 1)
    return binned(updates, losses, edges)


def _middle(seeds: Points) -> Points:
    """Return the median over seeds, (S, N) → (N,); nan where none has a value."""
    some = np.isfinite(seeds).any(axis=0)
    middle = np.full(seeds.shape[1], np.nan)
    middle[some] = np.nanmedian(seeds[:, some], axis=0)
    return middle


def binned(updates: Points, values: Points, edges: Points) -> Band:
    """Return least, median and greatest finite value in every bin that holds one.

    (N,), (N,), (B + 1,) → (≤ B,) each. Bins are open below and closed above.
    """
    kept = np.isfinite(values)
    place = np.searchsorted(edges, updates[kept], side="left").astype(np.int16)
    order = np.argsort(place, kind="stable")
    bins, counts = np.unique(place[order], return_counts=True)
    # a row for each bin: short rows are sorted in a third of the time that all at once take
    rows = np.full((len(bins), counts.max(initial=1)), np.inf, values.dtype)
    rows[np.arange(rows.shape[1]) < counts[:, None]] = values[kept][order]
    rows.sort(axis=1)
    places = np.stack([0 * counts, (counts - 1) // 2, counts // 2, counts - 1], axis=1)
    low, *middle, high = np.take_along_axis(rows, places, axis=1).T.astype(float)
    return Band((edges[bins - 1] + edges[bins]) / 2, low, sum(middle) / 2, high)


def thresholds(record: Record) -> Gradients:
    """Return the thresholds under which gradients were counted; those of today without any."""
    for each in record.measurements:
        if each.component["name"] == Gradients.name:
            return Gradients(**each.component["hyperparameters"])
    return Gradients()
