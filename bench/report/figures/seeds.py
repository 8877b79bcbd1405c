"""The seed that stands for a method in pictures, and what its record holds of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Metric
from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.records.store import Arrays, Record
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import final
from bench.report.figures.style import named


@dataclass(frozen=True)
class Shown:
    """A method's record, and its ``samples.npz``."""

    record: Record
    arrays: Arrays

    @property
    def samples(self) -> NDArray[Any]:
        """(evaluations, n, …)."""
        return self.arrays["samples"]

    @property
    def is_image(self) -> bool:
        return self.samples.dtype == np.uint8

    def title(self, method: str, longest: int = 30) -> list[str]:
        """The method, its seed, and where that failed, when."""
        told = [named(method, longest), f"seed {self.record.cell.seed}"]
        if self.record.status != "ok":
            last = self.record.evaluations[-1]["update"]
            told.append(f"{self.record.status} after update {last:,}")
        return told


def chosen(problem: Problem, methods: list[str], notes: list[str]) -> dict[str, Shown]:
    """The median seed of each method that has samples; what cannot be read goes to ``notes``."""
    by, found = guide(problem), {}
    for method in methods:
        record = median_seed(problem.by_method[method], by)
        if record is None:
            continue
        try:
            arrays = record.samples()
        except BenchError as error:
            notes.append(str(error))
            continue
        if arrays.get("samples", np.empty(0)).size:
            found[method] = Shown(record, arrays)
    return found


def guide(problem: Problem) -> Metric:
    """The metric that median seeds are chosen by: the one that ranks, or the first with values."""
    for metric in problem.dataset.metrics:
        if any(final(planned, metric) is not None for planned in problem.planned):
            return metric
    return problem.primary


def median_seed(cells: list[Planned], by: Metric) -> Record | None:
    """The record in the middle by a metric, the better of two in the middle.

    Where no seed finished, the failed one that came furthest.
    """
    finished = [(value, c.cell.seed, c.record) for c in cells
                if (value := final(c, by)) is not None]  # fmt: skip
    if finished:
        sign = -1 if by.higher_is_better else 1
        finished.sort(key=lambda each: (sign * each[0], each[1]))
        return finished[(len(finished) - 1) // 2][2]
    tried = [c.record for c in cells if c.record is not None and c.record.evaluations]
    return max(tried, key=lambda record: record.evaluations[-1]["update"], default=None)
