"""A search: one method on one problem, and the cells of its trials."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from bench.errors import BenchError
from bench.measuring.choice import components_of, metrics_of, shown_of
from bench.measuring.keys import Keys, Wanted
from bench.metric import Quantity
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
from bench.registry import make_dataset
from bench.tuning.space import (
    Choice,
    Range,
    Space,
    Value,
    Values,
    applied,
    own_values,
    rounded,
    space_of,
)

FIRST_SEED = 1000
"""Of the seeds on which trials are judged; a study's own seeds must be others."""


@dataclass(frozen=True)
class Trial:
    """One try of a search: its values, and what became of them."""

    number: int
    values: Values
    state: Literal["open", "ok", "failed"] = "open"
    """``open`` until every seed has come to an end that another run would come to again."""
    score: float | None = None
    """Mean over the tuning seeds of the primary metric at the last evaluation; None where a seed
    failed, which is worse than any score."""
    scores: dict[int, float | None] = field(default_factory=dict)
    """By tuning seed; None where that failed or the metric is not defined."""
    reason: str = ""
    """Why there is no score."""
    seconds: float = 0.0
    """Of training, all seeds together."""


@dataclass(frozen=True)
class Search:
    """One method on one problem; ``cells`` are the study's own, one for each of its seeds."""

    cells: list[Cell]
    space: Space
    seeds: tuple[int, ...]
    """On which trials are judged."""
    metric: Quantity
    """By which they are."""
    judge: Wanted
    """The measurement that gives it."""

    @property
    def cell(self) -> Cell:
        return self.cells[0]

    @property
    def method(self) -> str:
        return self.cell.method.label

    @cached_property
    def start(self) -> Values:
        """The study's own values, which the first trial tries."""
        return own_values(self.cell, self.space)

    def values(self, number: int) -> Values:
        """Return the values of a trial, which depend on its number, parameters' names and ranges.

        Equal numbers thus try equal learning rates for every method.
        """
        if number == 0:
            return self.start
        return {name: _drawn(known, number, name) for name, known in self.space.items()}

    def trial(self, number: int) -> tuple[Trial, list[Cell]]:
        """Return a trial and its cells; without any where the method refuses its values."""
        values = self.values(number)
        try:
            made = applied(self.cell, values)
        except BenchError as error:  # the method should state its range as `search`
            return Trial(number, values, "failed", reason=str(error)), []
        # a trial is only judged: nothing else is measured of it
        made = replace(made, metrics=self._judging)
        return Trial(number, values), [replace(made, seed=seed) for seed in self.seeds]

    @cached_property
    def _judging(self) -> tuple[Component, ...]:
        """What judges, and what tells the best checkpoint if it looks at that."""
        needed = {self.judge.key, *(self.judge.judge or ())[:1]}
        part = self.cell.dataset
        dataset = make_dataset(part.name, part.hyperparameters)
        keys = Keys().wanted(self.cell, dataset)
        return tuple(each.component for each in keys if each.key in needed)

    def fresh_cells(self, values: Values) -> list[Cell]:
        """The same values on the study's own seeds, which no trial has seen."""
        made = applied(self.cell, values)
        return [replace(made, seed=cell.seed) for cell in self.cells]

    def best(self, trials: list[Trial]) -> Trial | None:
        """The one with the best score, of equals the earliest; None where all failed."""
        sign = -1 if self.metric.higher_is_better else 1
        scored = [(sign * t.score, t.number, t) for t in trials if t.score is not None]
        return min(scored)[2] if scored else None


def searches_of(cells: list[Cell], seeds: int) -> list[Search]:
    """A search for each method and problem of a study, in its order, judged on so many seeds.

    Raises:
        BenchError: the study has variants, its seeds are among those of the trials,
            or a method's statement of what may be searched cannot be understood.
    """
    judged = tuple(range(FIRST_SEED, FIRST_SEED + seeds))
    common = sorted({cell.seed for cell in cells} & set(judged))
    if common:
        raise BenchError(
            f"seed {common[0]} is one that trials are judged on ({judged[0]} to {judged[-1]}): the "
            "winner must run on seeds that no trial has seen; give the study others with --seeds"
        )
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.variation is not None:
            raise BenchError(
                "the study has variants, and tuning would vary the same: give "
                "`bench tune` a study without vary"
            )
        if not cell.not_applicable:
            groups[cell.group].append(cell)
    found = []
    for group in groups.values():
        quantities, dataset = shown_of(group[:1])
        metric = quantities[0]
        own = replace(group[0], metrics=group[0].metrics or components_of(metrics_of(dataset)))
        judge = next(w for w in Keys().wanted(own, dataset) if metric.name in w.names)
        found.append(Search(group, space_of(group[0]), judged, metric, judge))
    if not found:
        raise BenchError("no method of the study applies to any of its datasets: nothing to tune")
    return found


def _drawn(known: Range | Choice, number: int, name: str) -> Value:
    """Draw a parameter's value for a trial, from a seed of its own."""
    random = np.random.default_rng(int(digest([number, name]), 16))
    if isinstance(known, Choice):
        return known.values[random.integers(len(known.values))]
    # the ends of a range of whole numbers are as likely as those between
    margin = 0.5 if known.whole else 0.0
    low, high = known.low - margin, known.high + margin
    if known.log:
        drawn = math.exp(random.uniform(math.log(low), math.log(high)))
    else:
        drawn = random.uniform(low, high)
    drawn = min(max(rounded(drawn), known.low), known.high)
    return round(drawn) if known.whole else drawn
