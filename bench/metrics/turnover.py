"""Modes that are lost, and found again, along a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from bench.measuring.histograms import captured
from bench.metric import Evaluation, Facts, Metric, Need, NotMeasured, Quantity, Results, When
from bench.values import Count


@dataclass(frozen=True)
class Turnover(Metric):
    """Modes lost and found again between checkpoints, all of the run in one number each."""

    needs: ClassVar[Need] = "networks"
    by_default: ClassVar[bool] = False
    measured: ClassVar[When] = "last"
    family: ClassVar[str] = "anatomy"

    least: Count = 20

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        told = (
            ("modes_lost", "modes lost", "times that a mode was held at one checkpoint and not at "
             "the next", False),
            ("modes_found_again", "modes found again", "times that a mode came back after it had "
             "been lost", False),
            ("modes_forgotten", "modes forgotten", "modes held at some checkpoint and not at the "
             "last", False),
            ("mode_turnover", "mode turnover", "modes held at just one of two neighbouring "
             "checkpoints over those held at either, mean: 0 none changes, 1 all do", False),
        )  # fmt: skip
        return tuple(Quantity(*each, digits=2, group="Modes over time") for each in told)

    def not_applicable(self, dataset: Facts) -> str | None:
        return None if hasattr(dataset, "centres") else "it counts the modes of a mixture"

    def measure(self, seen: Evaluation) -> Results:
        if not seen.earlier:
            raise NotMeasured("there is no checkpoint before the first one")
        return changes([self._held(each) for each in (*seen.earlier, seen)])

    def _held(self, seen: Evaluation) -> frozenset[int]:
        mixture = seen.dataset
        points = seen.samples.detach().cpu().double().numpy()
        counts, _ = captured(points, mixture.centres().double().numpy(), mixture.sigma)
        return frozenset(mode for mode, count in enumerate(counts) if count >= self.least)


def changes(held: Sequence[frozenset[int]]) -> Results:
    """Count what changes in sets of modes held at one checkpoint after the other, two or more."""
    lost = again = 0
    turnovers = []
    ever = held[0]
    for before, now in pairwise(held):
        lost += len(before - now)
        again += len((now - before) & ever)
        ever |= now
        if before | now:
            turnovers.append(len(before ^ now) / len(before | now))
    return {
        "modes_lost": float(lost),
        "modes_found_again": float(again),
        "modes_forgotten": float(len(ever - held[-1])),
        "mode_turnover": sum(turnovers) / len(turnovers)
        if turnovers
        else NotMeasured("no mode was ever held").reason,
    }
