"""A search: one method on one problem, and the cells of its trials."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from bench.errors import BenchError
from bench.measuring.choice import components_of, metrics_of, shown_of
from bench.measuring.keys import Keys
from bench.metric import Quantity
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
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
"""First of the seeds on which trials are judged; a study's own seeds must be others."""


@dataclass(frozen=True)
class Trial:
    """One trial of a search: its values and its result."""

    number: int
    values: Values
    state: Literal["open", "ok", "failed"] = "open"
    """``open``: the next call tries it again, since the machine or the code ended it."""
    score: float | None = None
    """Mean over the tuning seeds of the primary metric at the last evaluation; None where a seed
    failed, which is worse than any score."""
    scores: dict[int, float | None] = field(default_factory=dict)
    """By tuning seed; None where that seed failed or the metric is not defined."""
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
    """By which they are judged."""
    judging: tuple[Component, ...]
    """The metrics that a trial needs: the one that judges, and the one that selects the best
    checkpoint if the former looks at that."""

    @property
    def cell(self) -> Cell:
        return self.cells[0]

    @property
    def method(self) -> str:
        return self.cell.method.label

    @property
    def start(self) -> Values:
        """The study's own values, which the first trial tries."""
        return own_values(self.cell, self.space)

    def values(self, number: int) -> Values:
        """Return the values of a trial, which depend on its number, parameters' names and ranges.

        Trials of equal number thus try equal learning rates for every method.
        """
        if number == 0:
            return self.start
        return {name: _drawn(known, number, name) for name, known in self.space.items()}

    def trial(self, number: int) -> tuple[Trial, list[Cell]]:
        """Return a trial and its cells; no cells if the method refuses its values."""
        values = self.values(number)
        try:
            made = replace(applied(self.cell, values), metrics=self.judging)
        except BenchError as error:  # the method should state its range as `search`
            return Trial(number, values, "failed", reason=str(error)), []
        return Trial(number, values), [replace(made, seed=seed) for seed in self.seeds]

    def fresh_cells(self, values: Values) -> list[Cell]:
        """Return cells with these values on the study's own seeds, which no trial has seen."""
        made = applied(self.cell, values)
        return [replace(made, seed=cell.seed) for cell in self.cells]

    def best(self, trials: list[Trial]) -> Trial | None:
        """Return the trial with the best score, the earliest of equals; None if all failed."""
        sign = -1 if self.metric.higher_is_better else 1
        scored = [(sign * t.score, t.number, t) for t in trials if t.score is not None]
        return min(scored)[2] if scored else None


def searches_of(cells: list[Cell], seeds: int) -> list[Search]:
    """Return a search for each method and problem of a study, judged on so many seeds.

    Raises:
        BenchError: the study has variants, its seeds are among those of the trials,
            or a method's ``search`` is not valid.
    """
    judged = tuple(range(FIRST_SEED, FIRST_SEED + seeds))
    common = sorted({cell.seed for cell in cells} & set(judged))
    if common:
        raise BenchError(
            f"seed {common[0]} is one that trials are judged on ({judged[0]} to {judged[-1]}): the "
            "winner must run on seeds that no trial has seen; give the study others with --seeds"
        )
    if any(cell.variation for cell in cells):
        raise BenchError(
            "the study has variants, and tuning would vary the same: give "
            "`bench tune` a study without vary"
        )
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if not cell.not_applicable:
            groups[cell.group].append(cell)
    if not groups:
        raise BenchError("no method of the study applies to any of its datasets: nothing to tune")
    return [_search(group, judged) for group in groups.values()]


def _search(group: list[Cell], seeds: tuple[int, ...]) -> Search:
    cell = group[0]
    (metric, *_), dataset = shown_of([cell])
    measured = replace(cell, metrics=cell.metrics or components_of(metrics_of(dataset)))
    wanted = Keys().wanted(measured, dataset)
    judge = next(each for each in wanted if metric.name in each.names)
    needed = {judge.key, *(judge.judge or ())[:1]}
    judging = tuple(each.component for each in wanted if each.key in needed)
    return Search(group, space_of(cell), seeds, metric, judging)


def _drawn(known: Range | Choice, number: int, name: str) -> Value:
    """Draw a parameter's value for a trial, from a generator seeded by number and name."""
    random = np.random.default_rng(int(digest([number, name]), 16))
    if isinstance(known, Choice):
        return known.values[random.integers(len(known.values))]
    # the ends of a range of integers are as likely as those between
    margin = 0.5 if known.whole else 0.0
    low, high = known.low - margin, known.high + margin
    if known.log:
        drawn = math.exp(random.uniform(math.log(low), math.log(high)))
    else:
        drawn = random.uniform(low, high)
    drawn = min(max(rounded(drawn), known.low), known.high)
    return round(drawn) if known.whole else drawn
