"""Optimisers as formulas: weights, gradient and moments → weights and moments, differentiable.

All of them act on each entry by itself, over a network's weights laid out flat. The moments are
tensors by name, part of the state that a round maps to the next.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.method import Optimizer

PLAIN = ("adam", "rmsprop", "sgd")
OPTIMISTIC = "optimistic_"
KINDS = (*PLAIN, *(OPTIMISTIC + kind for kind in PLAIN))

Moments = dict[str, Tensor]
"""An optimiser's memory by its name, each of the weights' shape."""

EPSILON = 1e-8
RMSPROP_DECAY = 0.99
SMALLEST = 1e-30
"""Below it a squared gradient counts as this, since a root has no slope at 0."""

_MEMORY = {"adam": ("mean", "square"), "rmsprop": ("square",), "sgd": ()}


def initial_moments(optimizer: Optimizer, weights: Tensor) -> Moments:
    """Return the memory before the first step.

    Raises:
        BenchError: the kind of optimiser is unknown.
    """
    if optimizer.kind not in KINDS:
        raise BenchError(f"unknown optimiser '{optimizer.kind}'; there are: {', '.join(KINDS)}")
    names = list(_MEMORY[optimizer.kind.removeprefix(OPTIMISTIC)])
    if optimizer.kind.startswith(OPTIMISTIC):
        names.append("before")
    return {name: torch.zeros_like(weights) for name in names}


def step(
    optimizer: Optimizer,
    weights: Tensor,
    gradient: Tensor,
    moments: Moments,
    count: Any,
    factor: Any = 1.0,
) -> tuple[Tensor, Moments]:
    """Return weights and moments after one step.

    Adam as in Kingma & Ba 2015, algorithm 1; RMSProp with decay 0.99; an optimistic kind makes
    each step u_t twice and takes the one before it back, w ← w − 2 u_t + u_{t−1} (Daskalakis et al.
    2018, algorithm 1 for Adam).

    Args:
        optimizer: kind, learning rate, betas.
        count: the step's number, from 1, a number or a double of no dimensions.
        factor: multiplies the learning rate, likewise.
    """
    direction, kept = _direction(optimizer, gradient, moments, count)
    move = optimizer.learning_rate * factor * direction
    if "before" in moments:
        return weights - (2 * move - moments["before"]), {**kept, "before": move}
    return weights - move, kept


def _direction(
    optimizer: Optimizer, gradient: Tensor, moments: Moments, count: Any
) -> tuple[Tensor, Moments]:
    kind = optimizer.kind.removeprefix(OPTIMISTIC)
    if kind == "sgd":
        return gradient, {}
    first, second = optimizer.betas if kind == "adam" else (0.0, RMSPROP_DECAY)
    square = _mixed(moments["square"], gradient * gradient, second)
    if kind == "rmsprop":
        return gradient / (_root(square) + EPSILON), {"square": square}
    mean = _mixed(moments["mean"], gradient, first)
    # counts are doubles: 1 − β^t of the first steps is a small difference of near numbers
    direction = (mean / (1 - first**count)) / (_root(square / (1 - second**count)) + EPSILON)
    return direction, {"mean": mean, "square": square}


def _root(square: Tensor) -> Tensor:
    return square.clamp(min=SMALLEST).sqrt()


def _mixed(old: Tensor, new: Tensor, decay: float) -> Tensor:
    return old * decay + new * (1 - decay)
