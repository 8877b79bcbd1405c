"""What a rule reads of a record: numbers by checkpoint, levels of the series, and the goal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Dataset
from bench.measuring.choice import shown_of
from bench.metric import Quantity
from bench.records.record import Arrays, Record

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

Known = tuple[list[Quantity], Dataset]

STRETCHES = 100
"""Parts that a series is cut into; their medians are its levels, which no single batch moves."""
HELD = 3
"""Checkpoints at the end on which something must hold, where there are as many: a last iterate
that oscillates is right by chance at one of them."""
LATE = 2
"""As :data:`HELD`, where the metric improved up to there: no oscillation brought it there."""
OF_FLOOR, OF_START = 2.0, 0.01
"""Where no target is stated: twice what real samples get, or 1 % of the start where they get 0."""
SPAN = 0.3
"""Share of the run, at its end, over which a metric is asked whether it still improves."""
OF_GAP, OF_WAY = 0.1, 0.05
"""Improvement over this span that counts, as shares of what is left to the goal, and of all there
is between start and goal; either is enough."""


@dataclass(frozen=True)
class Run:
    """A record, the quantity that ranks it, and the value at which it works."""

    record: Record
    quantity: Quantity
    goal: float | None
    goal_is: str
    """What the goal is: "the target"."""
    others: tuple[Quantity, ...] = ()
    """Other quantities of the samples that are shares, which no few samples move by much."""

    @classmethod
    def of(cls, record: Record, known: Known | None = None) -> Run:
        """A record with the goal of its study, of its dataset, or of real samples.

        All that is stored counts, whatever a study asks for.

        Args:
            record: of a run.
            known: its quantities, that which ranks first, and its dataset; None: they are made.

        Raises:
            BenchError: the dataset is gone, or has no metric.
        """
        record = replace(record, shown=None, absent={})
        quantities, dataset = known or shown_of([record.cell])
        quantity, variation = quantities[0], record.cell.variation
        others = tuple(q for q in quantities[1:] if q.percent and not (q.group or q.descriptive))
        stated = dataset.target if variation is None else variation.target
        floor = record.floor.get(quantity.name)
        start = record.evaluations[0].get(quantity.name) if record.evaluations else None
        goal: tuple[float | None, str] = (floor, "what real samples get")
        if stated is not None and dataset.ranked_by[:1] in ((), (quantity.name,)):
            goal = stated, "the target"
        elif quantity.ceiling is not None:
            goal = quantity.ceiling, "all there are"
        elif not quantity.higher_is_better and floor:
            goal = OF_FLOOR * floor, "twice what real samples get"
        elif not quantity.higher_is_better and floor == 0 and start is not None:
            goal = OF_START * start, "1 % of the start"
        return cls(record, quantity, *goal, others)

    @cached_property
    def updates(self) -> NDArray[np.int64]:
        """Discriminator updates of every checkpoint, the start first."""
        return np.array([each["update"] for each in self.record.checkpoints], dtype=np.int64)

    @cached_property
    def series(self) -> Arrays:
        return self.record.series()

    @property
    def end(self) -> int:
        """Discriminator updates that were made."""
        return int(self.series.get("discriminator_norm", np.empty(0)).size)

    def named(self, name: str) -> str | None:
        """The measured quantity of this name, or of this name behind an extractor's; or None."""
        for evaluation in self.record.evaluations[::-1]:
            for known, value in evaluation.items():
                if value is not None and (known == name or known.endswith(f"_{name}")):
                    return known
        return None

    def at(self, name: str) -> Floats:
        """A quantity at every checkpoint, NaN where it is missing."""
        known = self.named(name)
        values = [each.get(known) if known else None for each in self.record.evaluations]
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)

    def last(self, name: str) -> float:
        """A quantity at the last checkpoint; NaN where it is missing."""
        values = self.at(name)
        return float(values[-1]) if values.size else float("nan")

    def floor(self, name: str) -> float | None:
        known = self.named(name)
        return self.record.floor.get(known) if known else None

    def loss(self, player: str) -> Floats:
        return np.asarray(self.series.get(f"{player}_loss", ()), dtype=np.float64)

    def levels(self, name: str) -> tuple[NDArray[np.int64], Floats]:
        """First discriminator update, and median, of each of up to 100 stretches of a series.

        A value that is not finite counts as infinite. What no stretch has room for is the start.
        """
        values = np.asarray(self.series.get(name, ()), dtype=np.float64)
        width = max(1, -(-values.size // STRETCHES))
        left = values.size % width
        whole = np.where(np.isfinite(values), values, np.inf)[left:].reshape(-1, width)
        begins = (left + width * np.arange(len(whole))) * self.end / max(values.size, 1)
        return np.rint(begins).astype(np.int64), np.median(whole, axis=1)

    @cached_property
    def scores(self) -> Floats:
        """The quantity that ranks at every checkpoint, signed such that more is better."""
        sign = 1.0 if self.quantity.higher_is_better else -1.0
        return sign * self.at(self.quantity.name)

    @cached_property
    def works(self) -> Mask:
        """Whether the goal is reached, at every checkpoint."""
        if self.goal is None:
            return np.zeros(self.scores.size, dtype=bool)
        return self.scores >= (self.goal if self.quantity.higher_is_better else -self.goal)

    @cached_property
    def best(self) -> int | None:
        """The first checkpoint with the best value; None without any."""
        return None if np.isnan(self.scores).all() else int(np.nanargmax(self.scores))

    @cached_property
    def improving(self) -> Quantity | None:
        """What still improves at the end: the quantity that ranks, or another one of the samples
        where that one has not left its start, as modes that are counted from 20 samples on."""
        if self._improves(self.quantity):
            return self.quantity
        if np.nanmax(self._way(self.quantity), initial=0.0) >= OF_WAY:
            return None
        return next((each for each in self.others if self._improves(each)), None)

    def _way(self, quantity: Quantity) -> Floats:
        """Share of the way from the start to the goal, by checkpoint; NaN where there is no goal.

        That of another quantity than the one that ranks is what real samples get.
        """
        values = self.at(quantity.name)
        goal = self.goal if quantity is self.quantity else self.floor(quantity.name)
        if goal is None or not values.size or goal == values[0]:
            return np.full(values.size, np.nan)
        return np.asarray((values - values[0]) / (goal - values[0]))

    def _improves(self, quantity: Quantity) -> bool:
        """Compares means of a fifth of the checkpoints, at the end and before the last ``SPAN``."""
        way = self._way(quantity)[1:]
        few = max(1, way.size // 5)
        since = way.size - few - round(SPAN * way.size)
        if since < 0 or np.isnan(way).any():
            return False
        before, late = way[since : since + few].mean(), way[-few:].mean()
        # back where it was before is a swing, not progress
        is_new = late > max(0.0, way[: since + few].max())
        return bool(is_new and late - before >= min(OF_WAY, OF_GAP * max(1 - before, 0.0)))


def held(mask: Mask, least: int = HELD) -> int | None:
    """The first place from which a condition holds to the end, for ``least`` places or more.

    Where there are fewer places, all of them count.
    """
    broken = np.flatnonzero(~mask)
    first = int(broken[-1]) + 1 if broken.size else 0
    return first if mask.size and mask.size - first >= min(least, mask.size) else None


def shown(value: Any) -> str:
    """A number for a sentence."""
    return f"{value:,.0f}" if abs(value) >= 1000 and np.isfinite(value) else f"{value:.3g}"
