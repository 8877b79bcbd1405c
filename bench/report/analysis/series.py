"""The series that a method's records hold, over the updates of the discriminator."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.metrics.gradients import Gradients
from bench.records.record import Arrays, Record
from bench.report.analysis.problems import Problem


def series_of(problem: Problem, method: str, notes: list[str]) -> Iterator[tuple[Record, Arrays]]:
    """Yield each record of a method with its series; ``notes`` take once what cannot be read."""
    for planned in problem.by_method[method]:
        if planned.record is None:
            continue
        try:
            series = planned.record.series()
        except BenchError as error:
            if str(error) not in notes:
                notes.append(str(error))
        else:
            yield planned.record, series


def in_discriminator_updates(
    record: Record, player: str, updates: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return when a player made these of its updates: the generator moves once in so many."""
    cost = record.cost
    return updates * (cost["discriminator_updates"] / max(cost[f"{player}_updates"], 1))


def thresholds(record: Record) -> Gradients:
    """Return the thresholds under which gradients were counted; those of today without any."""
    for each in record.measurements:
        if each.component["name"] == Gradients.name:
            return Gradients(**each.component["hyperparameters"])
    return Gradients()
