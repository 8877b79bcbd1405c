"""A search: one method on one problem, and the cells of its trials."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from bench.errors import BenchError
from bench.measuring.choice import components_of, metrics_of, shown_of
from bench.measuring.keys import Keys, Wanted
from bench.metric import Quantity
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
from bench.registry import make_dataset
from bench.tuning.space import Space, Values, applied, own_values, space_of

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

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that a trial's score depends on beside its values, one entry for each thing."""
        rest = {k: v for k, v in self.cell.ingredients().items() if k != "seed"}
        searched = {f"search of {name}": str(known) for name, known in self.space.items()}
        measured = {k: v for k, v in self.judge.ingredients.items() if k != "run"}
        judged = {"tuning seeds": list(self.seeds), "judged by": self.metric.name}
        return {**rest, **searched, **measured, **judged}

    @cached_property
    def name(self) -> str:
        """Under which its trials are stored: another one where an ingredient is another."""
        told = f"{self.method} on {self.cell.dataset.label}"
        return f"{told[:200]} · {digest(self.ingredients)}"

    def trial_cells(self, values: Values) -> list[Cell]:
        # a trial is only judged: nothing else is measured of it
        made = replace(applied(self.cell, values), metrics=self._judging)
        return [replace(made, seed=seed) for seed in self.seeds]

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
