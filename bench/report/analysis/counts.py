"""Counts of flagged gradients, as a record's measurement of them has found."""

from __future__ import annotations

from typing import Any

from bench.metrics.gradients import PLAYERS, Gradients, by_player
from bench.records.store import Record


def gradient_counts(record: Record) -> dict[str, dict[str, Any]]:
    """By player: ``updates``, ``median``, ``sensitivity``, and counts by kind; {} without any."""
    found = by_player(record.whole)
    return {
        player: {"updates": int(record.cost.get(f"{player}_updates", 0)), **found[player]}
        for player in PLAYERS
        if player in found
    }


def thresholds(record: Record) -> Gradients:
    """The thresholds under which a record's gradients were counted; those of today without any."""
    for each in record.measurements:
        if each.component["name"] == Gradients.name:
            return Gradients(**each.component["settings"])
    return Gradients()
