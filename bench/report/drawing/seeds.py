"""The seeds that stand for a method in pictures, and what their records hold of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.records.record import Arrays, Record
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import final
from bench.report.drawing.style import named


@dataclass(frozen=True)
class Shown:
    """A method's record, and its ``samples.npz``."""

    record: Record
    arrays: Arrays
    places: tuple[str, ...] = ("median",)
    """Which of the method's seeds it is: best, median, worst, or several of these."""

    @property
    def samples(self) -> NDArray[Any]:
        """(evaluations, n, …)."""
        return self.arrays["samples"]

    @property
    def is_image(self) -> bool:
        return self.samples.dtype == np.uint8

    @property
    def failure(self) -> str:
        """``diverged at 1,234``, counted in discriminator updates; nothing for a finished seed."""
        if self.record.status == "ok":
            return ""
        cost = self.record.cost
        last = cost.get("discriminator_updates", self.record.evaluations[-1]["update"])
        return f"{self.record.status.replace('_', ' ')} at {last:,}"

    def title(self, method: str, longest: int = 30) -> list[str]:
        """Return the method, its seed, and where that failed, when."""
        told = [named(method, longest), f"seed {self.record.cell.seed}"]
        return [*told, self.failure] if self.failure else told


def can_be_seen(problem: Problem) -> bool:
    """Return whether samples are images or points of the plane."""
    shape = problem.dataset.sample_shape
    return len(shape) == 3 or shape == (2,)


def chosen(problem: Problem, methods: list[str], notes: list[str]) -> dict[str, Shown]:
    """Return the median seed of each method with samples; unreadable ones go to ``notes``."""
    by, found = guide(problem), {}
    for method in methods:
        record = median_seed(problem.by_method[method], by)
        if record is not None and (one := _shown(record, ("median",), notes)):
            found[method] = one
    return found


def trios(problem: Problem, methods: list[str], notes: list[str]) -> dict[str, list[Shown]]:
    """Return the best, the median and the worst seed of each method that has samples.

    Fewer where a method has fewer seeds, or where one is two of these.
    """
    by, found = guide(problem), {}
    for method in methods:
        cells = problem.by_method[method]
        order = ordered(cells, by)
        if not order:
            continue
        median = median_seed(cells, by)
        places = {"best": order[0], "median": median, "worst": order[-1]}
        if len(order) == 1:
            places = {"only": order[0]}
        told: dict[str, list[str]] = {}
        for place, record in places.items():
            if record is not None:
                told.setdefault(record.key, []).append(place)
        records = {record.key: record for record in order}
        seen = [_shown(records[key], tuple(names), notes) for key, names in told.items()]
        if some := [one for one in seen if one is not None]:
            found[method] = some
    return found


def _shown(record: Record, places: tuple[str, ...], notes: list[str]) -> Shown | None:
    try:
        arrays = record.samples()
    except BenchError as error:
        if str(error) not in notes:
            notes.append(str(error))
        return None
    return Shown(record, arrays, places) if arrays.get("samples", np.empty(0)).size else None


def guide(problem: Problem) -> Quantity:
    """Return the metric that seeds are chosen by: the one that ranks, or the first with values."""
    for metric in problem.quantities:
        if any(final(planned, metric) is not None for planned in problem.planned):
            return metric
    return problem.primary


def ordered(cells: list[Planned], by: Quantity) -> list[Record]:
    """Return a method's records, best first: finished ones by a metric, then failed ones.

    Of failed ones that with evaluations alone have anything to show; the one that came furthest is
    the best of them.
    """
    failed = [c.record for c in cells if c.record is not None and c.record.evaluations
              and final(c, by) is None]  # fmt: skip
    failed.sort(key=lambda record: (-record.evaluations[-1]["update"], record.cell.seed))
    return _finished(cells, by) + failed


def median_seed(cells: list[Planned], by: Quantity) -> Record | None:
    """Return the middle one of the finished records by a metric, of two the better.

    Where no seed finished, the failed one that came furthest.
    """
    finished = _finished(cells, by)
    if finished:
        return finished[(len(finished) - 1) // 2]
    return next(iter(ordered(cells, by)), None)


def _finished(cells: list[Planned], by: Quantity) -> list[Record]:
    found = [(value, c.cell.seed, c.record) for c in cells
             if (value := final(c, by)) is not None and c.record is not None]  # fmt: skip
    found.sort(key=lambda each: (-by.sign * each[0], each[1]))
    return [record for *_, record in found]
