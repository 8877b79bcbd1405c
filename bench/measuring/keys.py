"""The ingredients of a measurement, and the key that is their hash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.measuring.evaluation import judging
from bench.metric import Iterate, Metric, Quantity, Unavailable
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
from bench.records.sources import sources_that_measure
from bench.registry import make_metric


@dataclass(frozen=True)
class Wanted:
    """A measurement that a study asks of one of its cells."""

    metric: Metric
    component: Component
    ingredients: dict[str, Any]
    judge: tuple[str, Quantity] | None = None
    """Selects the best checkpoint: key of a measurement of all checkpoints, and its quantity."""
    names: tuple[str, ...] = ()
    """Of its quantities."""
    unavailable: str = ""
    """Why it cannot be measured on this machine."""

    @property
    def iterate(self) -> Iterate:
        """The generator that it is taken of."""
        iterate: Iterate = self.ingredients.get("iterate", "last")
        return iterate

    @property
    def part(self) -> dict[str, Any]:
        """The metric as a measurement names it."""
        return {"name": self.component.name, "hyperparameters": self.component.hyperparameters}

    @property
    def key(self) -> str:
        return digest(self.ingredients)


class Keys:
    """Finds what cells are to be measured by, with each metric made and hashed once."""

    def __init__(self) -> None:
        self._known: dict[str, Wanted] = {}

    def wanted(self, cell: Cell, dataset: Dataset) -> list[Wanted]:
        """Return the measurements of a cell, in the order of the tables.

        Those taken at the best checkpoint depend on the measurement that tells which it is: the
        first that is taken at every one.
        """
        found: list[Wanted] = []
        judge: tuple[str, Quantity] | None = None
        evaluation = {f"evaluation {k}": v for k, v in dataset.evaluation_hyperparameters().items()}
        for component in (*cell.metrics, *cell.also):
            made = self._made(component)
            ingredients = {"run": cell.key, **made.ingredients}
            if made.metric.needs != "series":
                ingredients |= {**evaluation, "iterate": made.metric.of or cell.iterate}
            own = judge if made.metric.times == "ends" else None
            if own is not None:
                ingredients["best checkpoint by"] = own[0]
            names = tuple(quantity.name for quantity in made.metric.quantities(dataset))
            wanted = replace(
                made, component=component, ingredients=ingredients, judge=own, names=names
            )
            usable = made.metric.times == "every" and not made.unavailable
            if judge is None and usable:
                judge = wanted.key, judging(made.metric, dataset)
            found.append(wanted)
        return found

    def _made(self, component: Component) -> Wanted:
        named = digest([component.name, component.hyperparameters])
        if named not in self._known:
            metric = make_metric(component.name, component.hyperparameters)
            extractor = metric.sees
            ingredients: dict[str, Any] = {
                "metric": component.name,
                **{f"metric {name}": value for name, value in component.hyperparameters.items()},
            }
            unavailable = ""
            if extractor is not None:
                try:
                    ingredients["extractor weights"] = extractor.identity()
                except (Unavailable, BenchError) as error:
                    unavailable = str(error)
            parts = [metric.plain, metric, *([] if extractor is None else [extractor])]
            sources = sources_that_measure(*parts)
            ingredients |= {f"source {file}": value for file, value in sources.items()}
            self._known[named] = Wanted(metric, component, ingredients, unavailable=unavailable)
        return self._known[named]
