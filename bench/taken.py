"""Metrics that are taken otherwise: of a stated iterate, or of samples that are drawn anew."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.metric import (
    Evaluation,
    Extractor,
    Facts,
    Iterate,
    Metric,
    Need,
    Quantity,
    Reason,
    Results,
    Values,
    When,
)

REDRAWN = "redrawn"
"""Suffix of the names of spreads over redrawn samples."""
REDRAWS = 5
"""Default number of draws of evaluation samples for a redrawn metric."""


@dataclass(frozen=True, kw_only=True)
class _Taken(Metric):
    """A variant of a metric; the names of its quantities end in the suffix."""

    taken: Metric

    @property
    @abstractmethod
    def ending(self) -> str:
        """Suffix of its own name and its quantities' names."""

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.taken.name

    @property
    def needs(self) -> Need:  # type: ignore[override]
        return self.taken.needs

    @property
    def times(self) -> When:
        return self.taken.times

    @property
    def called(self) -> str:
        return f"{self.taken.called}_{self.ending}"

    @property
    def sees(self) -> Extractor | None:
        return self.taken.sees

    @property
    def of(self) -> Iterate | None:
        return self.taken.of

    @property
    def plain(self) -> Metric:
        return self.taken.plain

    def not_applicable(self, dataset: Facts) -> str | None:
        return self.taken.not_applicable(dataset)

    def describe(self) -> dict[str, Any]:
        return self.taken.describe()

    def _renamed(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{name}_{self.ending}": value for name, value in found.items()}


@dataclass(frozen=True, kw_only=True)
class OfIterate(_Taken):
    """A metric of one iterate, whichever a study ranks by: ``{kid: {iterate: last}}``.

    The names of its quantities end in the iterate: ``kid_last``.
    """

    iterate: Iterate

    @property
    def ending(self) -> str:
        return self.iterate

    @property
    def of(self) -> Iterate:
        return self.iterate

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        what = "last iterate" if self.iterate == "last" else "averaged generator"
        return tuple(
            replace(
                each,
                name=f"{each.name}_{self.iterate}",
                label=f"{each.label}, {self.iterate}",
                meaning=f"the same of the {what}: {each.meaning}",
                group=", ".join(filter(None, [f"Of the {what}", each.group])),
            )
            for each in self.taken.quantities(dataset)
        )

    def measure(self, seen: Evaluation) -> Results:
        return self._renamed(self.taken.measure(seen))

    def floor(self, dataset: Any) -> Values | None:
        found = self.taken.floor(dataset)
        return None if found is None else self._renamed(found)

    def hyperparameters(self) -> dict[str, Any]:
        return {**self.taken.hyperparameters(), "iterate": self.iterate}


@dataclass(frozen=True, kw_only=True)
class Redrawn(_Taken):
    """The spread of a metric over evaluation samples drawn anew: ``{kid: {redraws: 5}}``.

    The networks and the real side stay the same. The names of its quantities end in ``redrawn``.
    """

    draws: int = REDRAWS

    @property
    def ending(self) -> str:
        return REDRAWN

    @property
    def times(self) -> When:
        return "last"

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        return tuple(
            replace(
                each,
                name=f"{each.name}_{REDRAWN}",
                label=f"{each.label}, redrawn",
                meaning=f"standard deviation over evaluation samples drawn anew, {self.draws} "
                f"times, of: {each.meaning}",
                higher_is_better=False,
                digits=each.digits + 1,
                ceiling=None,
                group=", ".join(filter(None, ["Samples drawn anew", each.group])),
            )
            for each in self.taken.quantities(dataset)
        )

    def measure(self, seen: Evaluation) -> Results:
        found = [self.taken.measure(again) for again in seen.redrawn(self.draws)]
        return self._renamed(
            {name: _deviation([each[name] for each in found]) for name in found[0]}
        )

    def floor(self, dataset: Any) -> Values:
        # real samples have no generator that could draw others
        return {}

    def hyperparameters(self) -> dict[str, Any]:
        return {**self.taken.hyperparameters(), "redraws": self.draws}


def _deviation(values: list[float | Reason]) -> float | Reason:
    numbers = [value for value in values if not isinstance(value, Reason)]
    missing = [value for value in values if isinstance(value, Reason)]
    return missing[0] if missing else float(np.std(numbers, ddof=1))
