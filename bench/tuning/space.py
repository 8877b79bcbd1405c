"""What may be tuned of a method and its training, and the cell that values of it make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.errors import BenchError
from bench.method import Method, Optimizer
from bench.records.cell import Cell, Component
from bench.registry import label_of, make_architecture, make_dataset, make_method
from bench.registry.making import fitted
from bench.registry.ranges import ends_of, types_of
from bench.study.budget import check_budget, updates_of
from bench.training.configuration import TrainingConfiguration

Value = float | int | str | bool
Values = dict[str, Value]
"""Of every parameter, by its name."""

LEARNING_RATE, BETA1, BETA2 = (f"training.{name}" for name in ("learning_rate", "beta1", "beta2"))
"""Parameters of training; all others are a method's own, by the names of its hyperparameters."""
LEARNING_RATES = 10**1.5
"""Factor either side of the study's own: three decades, as many as Lucic et al. search."""
BETAS1, BETAS2 = (0.0, 0.5, 0.9), (0.9, 0.99, 0.999)
UNSTATED = 10.0
"""Factor either side of a positive float of which a method says nothing."""
DIGITS = 4
"""Significant digits of a value, so that what a report shows is what was tried."""


@dataclass(frozen=True)
class Range:
    """Uniform between two ends, or their logarithms; ``whole`` numbers alone where so said."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __str__(self) -> str:
        scale = ", log-uniform" if self.log else ""
        return f"{self.low:.4g} to {self.high:.4g}{scale}"


@dataclass(frozen=True)
class Choice:
    """Any of these, each as likely as the others."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


Space = dict[str, Range | Choice]


def space_of(cell: Cell) -> Space:
    """What is searched for a cell's method and its training, around the cell's own values.

    Learning rate and betas come first, so that a trial of the same number tries the same ones for
    every method. Betas are left out where the method's optimisers do not read them, hyperparameters
    of the method where the study's value takes their place, choices where the budget has no room
    for them.

    Raises:
        BenchError: what the method says of its hyperparameters cannot be understood.
    """
    method = make_method(cell.method.name, cell.method.hyperparameters)
    own = cell.training.base_optimizer
    space: Space = {
        LEARNING_RATE: Range(
            rounded(own.learning_rate / LEARNING_RATES),
            rounded(own.learning_rate * LEARNING_RATES),
            log=True,
        )
    }
    for place, (name, betas) in enumerate(((BETA1, BETAS1), (BETA2, BETAS2))):
        others = [_with_beta(own, place, beta) for beta in betas]
        if any(_effect(method, other) != _effect(method, own) for other in others):
            space[name] = Choice(tuple(sorted({*betas, own.betas[place]})))
    unknown = sorted(method.search.keys() - method.hyperparameters().keys())
    if unknown:
        raise BenchError(
            f"method {method.name}: search names '{unknown[0]}', which is no hyperparameter"
        )
    types = types_of(method)
    for name, value in method.hyperparameters().items():
        if _is_overruled(name, cell.training):
            continue
        if name in method.search:
            found = _stated(f"{method.name}.{name}", method.search[name], value)
            for tried in found.values if isinstance(found, Choice) else (found.low, found.high):
                fitted(tried, types[name], f"a value in search of {method.name}.{name}")
        elif isinstance(value, float) and value > 0:
            low, high = ends_of(types[name], DIGITS)
            ends = rounded(max(value / UNSTATED, low)), rounded(min(value * UNSTATED, high))
            found = Range(min(ends[0], value), max(ends[1], value), log=True)
        else:
            continue
        if isinstance(found, Choice):
            found = Choice(tuple(v for v in found.values if v == value or _fits(cell, name, v)))
            if len(found.values) < 2:
                continue
        space[name] = found
    return space


def own_values(cell: Cell, space: Space) -> Values:
    """The cell's own value of every parameter: where tuning starts."""
    training, (beta1, beta2) = cell.training, cell.training.betas
    own = {LEARNING_RATE: training.learning_rate, BETA1: beta1, BETA2: beta2}
    return {name: {**cell.method.hyperparameters, **own}[name] for name in space}


def applied(cell: Cell, values: Values) -> Cell:
    """The cell with other values of some parameters.

    Raises:
        BenchError: the method does not accept them, or the budget has no room for them.
    """
    training, (beta1, beta2) = cell.training, cell.training.betas
    training = replace(
        training,
        learning_rate=float(values.get(LEARNING_RATE, training.learning_rate)),
        betas=(float(values.get(BETA1, beta1)), float(values.get(BETA2, beta2))),
    )
    rest = {k: v for k, v in values.items() if k not in (LEARNING_RATE, BETA1, BETA2)}
    method = make_method(cell.method.name, cell.method.hyperparameters | rest)
    updates = cell.updates
    if cell.budget:
        data, pair = cell.dataset, cell.architecture
        updates = updates_of(
            cell.budget,
            method,
            make_dataset(data.name, data.hyperparameters),
            make_architecture(pair.name, pair.hyperparameters),
            training,
        )
    check_budget(method, training, updates, cell.dataset.name)
    component = Component(method.name, method.hyperparameters(), label_of(method))
    return replace(cell, method=component, training=training, updates=updates)


def rounded(value: float) -> float:
    """With :data:`DIGITS` significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _with_beta(optimizer: Optimizer, place: int, beta: float) -> Optimizer:
    betas = list(optimizer.betas)
    betas[place] = beta
    return replace(optimizer, betas=(betas[0], betas[1]))


def _effect(method: Method, base: Optimizer) -> list[tuple[Any, ...]]:
    """What both players' optimisers read."""
    return [
        (each.kind, each.learning_rate, each.betas if each.kind.endswith("adam") else None)
        for each in method.optimizers(base)
    ]


def _is_overruled(name: str, training: TrainingConfiguration) -> bool:
    """Whether the study gives one value for all methods."""
    plain = name.rpartition(".")[2]
    return plain == "critic_steps" and training.critic_steps is not None


def _fits(cell: Cell, name: str, value: Value) -> bool:
    try:
        tried = applied(cell, {name: value}).method
    except BenchError:
        return False
    data, pair = cell.dataset, cell.architecture
    unfit = make_method(tried.name, tried.hyperparameters).not_applicable(
        make_dataset(data.name, data.hyperparameters),
        make_architecture(pair.name, pair.hyperparameters),
    )
    return unfit is None


def _stated(where: str, said: Sequence[Any], own: Value) -> Range | Choice:
    """A method's statement, widened to hold the value that the study itself runs."""
    if isinstance(said, list):
        return Choice(tuple(said) if own in said else (own, *said))
    match said:
        case (int() | float() as low, int() | float() as high, *scale) if (
            low < high and scale in ([], ["log"]) and not isinstance(own, str | bool)
        ):
            log, whole = scale == ["log"], isinstance(own, int)
            if whole:
                low, high = math.ceil(low), math.floor(high)
            if not log or min(low, own) > 0:
                return Range(min(low, own), max(high, own), log, whole)
    raise BenchError(
        f"search of {where} is {said!r}: give choices as [1, 5], or a range as (0.7, 1.0) or "
        '(0.1, 100, "log"), whose ends are above 0 there'
    )
