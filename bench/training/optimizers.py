"""Optimisers as formulas: weights, gradients and moments → weights and moments, differentiable.

All of them act on each entry by itself. The moments are trees of tensors, so that they are part of
the state that a round maps to the next.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.method import Gradients, Optimizer, Weights

PLAIN = ("adam", "rmsprop", "sgd")
OPTIMISTIC = "optimistic_"
KINDS = (*PLAIN, *(OPTIMISTIC + kind for kind in PLAIN))

Moments = dict[str, list[Tensor]]
"""An optimiser's memory by its name, one tensor a weight."""

EPSILON = 1e-8
RMSPROP_DECAY = 0.99
SMALLEST = 1e-30
"""Below it a squared gradient counts as this, since a root has no slope at 0."""

_MEMORY = {"adam": ("mean", "square"), "rmsprop": ("square",), "sgd": ()}


def initial_moments(settings: Optimizer, weights: Weights) -> Moments:
    """Return the memory before the first step.

    Raises:
        BenchError: the kind of optimiser is unknown.
    """
    if settings.kind not in KINDS:
        raise BenchError(f"unknown optimiser '{settings.kind}'; there are: {', '.join(KINDS)}")
    names = list(_MEMORY[settings.kind.removeprefix(OPTIMISTIC)])
    if settings.kind.startswith(OPTIMISTIC):
        names.append("before")
    return {name: [torch.zeros_like(weight) for weight in weights.values()] for name in names}


def step(
    settings: Optimizer,
    weights: Weights,
    gradients: Gradients,
    moments: Moments,
    count: Any,
    factor: Any = 1.0,
) -> tuple[Weights, Moments]:
    """Return weights and moments after one step.

    Adam as in Kingma & Ba 2015, algorithm 1; RMSProp with decay 0.99; an optimistic kind makes
    each step u_t twice and takes the one before it back, w ← w − 2 u_t + u_{t−1} (Daskalakis et al.
    2018, algorithm 1 for Adam).

    Args:
        settings: kind, learning rate, betas.
        count: the step's number, from 1, a number or a double of no dimensions.
        factor: multiplies the learning rate, likewise.
    """
    direction = _direction(settings, gradients, moments, count)
    kept = dict(direction[1])
    rate = settings.learning_rate * factor
    moves = [rate * part for part in direction[0]]
    if "before" in moments:
        kept["before"] = moves
        moves = [2 * u - b for u, b in zip(moves, moments["before"], strict=True)]
    moved = zip(weights.items(), moves, strict=True)
    return {name: weight - move for (name, weight), move in moved}, kept


def _direction(
    settings: Optimizer, gradients: Gradients, moments: Moments, count: Any
) -> tuple[list[Tensor], Moments]:
    kind = settings.kind.removeprefix(OPTIMISTIC)
    if kind == "sgd":
        return gradients, {}
    first, second = settings.betas if kind == "adam" else (0.0, RMSPROP_DECAY)
    squares = _mixed(moments["square"], [g * g for g in gradients], second)
    if kind == "rmsprop":
        directions = [g / (_root(s) + EPSILON) for g, s in zip(gradients, squares, strict=True)]
        return directions, {"square": squares}
    means = _mixed(moments["mean"], gradients, first)
    # in double precision: 1 − β^t of the first steps is a small difference of near numbers
    for_mean, for_square = 1 - first**count, 1 - second**count
    directions = [
        (m / for_mean) / (_root(s / for_square) + EPSILON)
        for m, s in zip(means, squares, strict=True)
    ]
    return directions, {"mean": means, "square": squares}


def _root(square: Tensor) -> Tensor:
    return square.clamp(min=SMALLEST).sqrt()


def _mixed(old: list[Tensor], new: list[Tensor], decay: float) -> list[Tensor]:
    return [o * decay + n * (1 - decay) for o, n in zip(old, new, strict=True)]
