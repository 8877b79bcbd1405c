"""The values that may be tuned of a method and its training, and the cell that they make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.architectures.base import Architecture
from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.method import Method, Optimizer
from bench.records.cell import Cell, Component
from bench.registry import label_of, make_architecture, make_dataset, make_method
from bench.registry.making import fitted
from bench.registry.ranges import ends_of, types_of
from bench.study.budget import check_budget, updates_of

Value = float | int | str | bool
Values = dict[str, Value]
"""Of every parameter, by its name."""

LEARNING_RATE, BETA1, BETA2 = (f"training.{name}" for name in ("learning_rate", "beta1", "beta2"))
"""Parameters of training; all others are a method's own, by the names of its hyperparameters."""
LEARNING_RATES = 10**1.5
"""Factor either side of the study's own: three decades, as many as Lucic et al. search."""
BETAS = {BETA1: (0.0, 0.5, 0.9), BETA2: (0.9, 0.99, 0.999)}
UNSTATED = 10.0
"""Factor either side of a positive float for which the method states no range."""
DIGITS = 4
"""Significant digits of a value, so that a report shows exactly the value that was tried."""


@dataclass(frozen=True)
class Range:
    """Uniform between two ends, or in their logarithms; only integers if ``whole``."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.low:.4g} to {self.high:.4g}" + (", log-uniform" if self.log else "")


@dataclass(frozen=True)
class Choice:
    """One of these values, each with the same probability."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


Space = dict[str, Range | Choice]


def space_of(cell: Cell) -> Space:
    """Return the parameters to search for a cell's method and training, around its own values.

    Learning rate and betas come first. Left out are betas that the method's optimisers do not
    read, hyperparameters that the study sets for all methods, and choices for which the budget has
    no room.

    Raises:
        BenchError: the method's ``search`` is not valid.
    """
    method = make_method(cell.method.name, cell.method.hyperparameters)
    own = cell.training.base_optimizer
    low, high = (rounded(own.learning_rate * by) for by in (1 / LEARNING_RATES, LEARNING_RATES))
    space: Space = {LEARNING_RATE: Range(low, high, log=True)}
    for place, (name, betas) in enumerate(BETAS.items()):
        changed = [(beta, own.betas[1]) if place == 0 else (own.betas[0], beta) for beta in betas]
        effects = [_effect(method, replace(own, betas=each)) for each in changed]
        if any(effect != _effect(method, own) for effect in effects):
            space[name] = Choice(tuple(sorted({*betas, own.betas[place]})))
    unknown = sorted(method.search.keys() - method.hyperparameters().keys())
    if unknown:
        raise BenchError(
            f"method {method.name}: search names '{unknown[0]}', which is no hyperparameter"
        )
    for name, hint in types_of(method).items():
        if name.rpartition(".")[2] == "critic_steps" and cell.training.critic_steps is not None:
            continue
        match _searched(method, name, hint):
            case Range() as known:
                space[name] = known
            case Choice(values):
                own_value = method.hyperparameters()[name]
                values = tuple(v for v in values if v == own_value or _fits(cell, name, v))
                if len(values) > 1:
                    space[name] = Choice(values)
    return space


def own_values(cell: Cell, space: Space) -> Values:
    """Return the cell's own value of every parameter, from which tuning starts."""
    training, (beta1, beta2) = cell.training, cell.training.betas
    own = {LEARNING_RATE: training.learning_rate, BETA1: beta1, BETA2: beta2}
    return {name: {**cell.method.hyperparameters, **own}[name] for name in space}


def applied(cell: Cell, values: Values) -> Cell:
    """Return the cell with other values of some parameters.

    Raises:
        BenchError: the method does not accept them, or the budget has no room for them.
    """
    training, (beta1, beta2) = cell.training, cell.training.betas
    training = replace(
        training,
        learning_rate=float(values.get(LEARNING_RATE, training.learning_rate)),
        betas=(float(values.get(BETA1, beta1)), float(values.get(BETA2, beta2))),
    )
    rest = {k: v for k, v in values.items() if k not in (LEARNING_RATE, *BETAS)}
    method = make_method(cell.method.name, cell.method.hyperparameters | rest)
    updates = cell.updates
    if cell.budget:
        updates = updates_of(cell.budget, method, *_played_on(cell), training)
    check_budget(method, training, updates, cell.dataset.name)
    component = Component(method.name, method.hyperparameters(), label_of(method))
    return replace(cell, method=component, training=training, updates=updates)


def rounded(value: float) -> float:
    """Return the value with :data:`DIGITS` significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _played_on(cell: Cell) -> tuple[Dataset, Architecture]:
    data, pair = cell.dataset, cell.architecture
    return (
        make_dataset(data.name, data.hyperparameters),
        make_architecture(pair.name, pair.hyperparameters),
    )


def _effect(method: Method, base: Optimizer) -> list[tuple[Any, ...]]:
    """Return everything that the optimisers of both players read."""
    return [
        (each.kind, each.learning_rate, each.betas if each.kind.endswith("adam") else None)
        for each in method.optimizers(base)
    ]


def _fits(cell: Cell, name: str, value: Value) -> bool:
    try:
        tried = applied(cell, {name: value}).method
    except BenchError:
        return False
    method = make_method(tried.name, tried.hyperparameters)
    return method.not_applicable(*_played_on(cell)) is None


def _searched(method: Method, name: str, hint: Any) -> Range | Choice | None:
    """Return the values to search of a hyperparameter, by its ``search`` or by its type."""
    value, where = method.hyperparameters()[name], f"search of {method.name}.{name}"
    if name in method.search:
        found = _stated(where, method.search[name], value)
        for tried in found.values if isinstance(found, Choice) else (found.low, found.high):
            fitted(tried, hint, f"a value in {where}")
        return found
    if not isinstance(value, float) or value <= 0:
        return None
    low, high = ends_of(hint, DIGITS)
    low, high = rounded(max(value / UNSTATED, low)), rounded(min(value * UNSTATED, high))
    return Range(min(low, value), max(high, value), log=True)


def _stated(where: str, stated: Sequence[Any], own: Value) -> Range | Choice:
    """Return a method's statement, widened to hold the study's own value."""
    if isinstance(stated, list):
        return Choice(tuple(stated) if own in stated else (own, *stated))
    match stated:
        case (int() | float() as low, int() | float() as high, *scale) if (
            low < high and scale in ([], ["log"]) and not isinstance(own, str | bool)
        ):
            log, whole = scale == ["log"], isinstance(own, int)
            if whole:
                low, high = math.ceil(low), math.floor(high)
            if not log or min(low, own) > 0:
                return Range(min(low, own), max(high, own), log, whole)
    raise BenchError(
        f"{where} is {stated!r}: give choices as [1, 5], or a range as (0.7, 1.0) or "
        '(0.1, 100, "log"), whose ends are above 0 there'
    )
