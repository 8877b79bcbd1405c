"""One number of a metric: its name, its digits, and which values of it are better.

Nothing here measures: it is no part of a measurement's key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """One number of a metric, as it is named in every table."""

    name: str
    label: str
    meaning: str
    higher_is_better: bool
    digits: int = 3
    percent: bool = False
    ceiling: float | None = None
    """The value at which nothing is left to gain, if there is one."""
    group: str = ""
    """Quantities of a group share a table of their own in the report; without one, the main one."""
    descriptive: bool = False
    """Whether neither more nor less of it is better."""
    only_drawn: bool = False
    """Whether it is there for a figure, and no table or list of quantities shows it."""

    @property
    def better(self) -> str:
        """Which values are better, in words; empty where none are."""
        return "" if self.descriptive else f"{self.comparative} is better"

    @property
    def comparative(self) -> str:
        """``more`` or ``less``: what is better."""
        return "more" if self.higher_is_better else "less"

    @property
    def arrow(self) -> str:
        """``↑`` where more is better, ``↓`` where less is."""
        return "↑" if self.higher_is_better else "↓"

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is: ``sign * value`` grows as values get better."""
        return 1 if self.higher_is_better else -1

    @property
    def worst(self) -> float:
        """The value that a failed run counts as: −∞ where more is better, ∞ where less is."""
        return -self.sign * math.inf

    def best(self, values: Iterable[float]) -> float:
        """Return the best of some values; ValueError for none."""
        return max(values, key=lambda value: self.sign * value)

    def is_better(self, value: float, other: float) -> bool:
        """Return whether a value is strictly better than another."""
        return self.sign * value > self.sign * other

    @property
    def factor(self) -> int:
        """What an axis multiplies values by: 100 where they are shown as percentages."""
        return 100 if self.percent else 1

    @property
    def titled(self) -> str:
        """The label of an axis, with its unit."""
        return f"{self.label} (%)" if self.percent else self.label

    @property
    def places(self) -> int:
        """Decimals of a value that tables show, of a percentage as a share."""
        return self.digits + (2 if self.percent else 0)

    def shown(self, value: float) -> float:
        """Return the value rounded as tables show it; infinity stays."""
        return round(value, self.places) if math.isfinite(value) else value

    def badness(self, value: float) -> float:
        """Return a sort key that puts the best value first, of values as tables show them."""
        return -self.sign * self.shown(value)

    def reaches(self, value: float, target: float) -> bool:
        """Return whether a value, as it is shown, is as good as a target; a failure never is."""
        return math.isfinite(value) and not self.is_better(target, self.shown(value))
