"""Optimisers over the flat weights of a population; all of them act on each entry by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.method import Optimizer

PLAIN = ("adam", "rmsprop", "sgd")
OPTIMISTIC = "optimistic_"
KINDS = (*PLAIN, *(OPTIMISTIC + kind for kind in PLAIN))


class Optimistic:
    """Steps of any optimiser, each made twice and the one before it taken back.

    With u_t for the step the optimiser would make, w ← w + 2 u_t − u_{t−1} (Daskalakis et al.
    2018, algorithm 1 for Adam). The optimiser works on a tensor of its own, which holds u_t.
    """

    def __init__(self, settings: Optimizer, weights: Tensor):
        self._weights = weights
        self._step = torch.zeros_like(weights)
        self._before = torch.zeros_like(weights)
        self._optimizer = make_optimizer(settings, self._step)

    def rehearsal(self, steps: int) -> OptimisticRehearsal:
        """The next steps as formulas; ``steps`` are made already."""
        return OptimisticRehearsal(Rehearsal(self._optimizer, self._step, steps), self._before)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self._optimizer.param_groups

    @torch.no_grad()
    def step(self) -> None:
        self._step.zero_()
        self._step.grad = self._weights.grad
        self._optimizer.step()
        self._weights.add_(2 * self._step - self._before)
        self._before.copy_(self._step)


def make_optimizer(settings: Optimizer, weights: Tensor) -> Any:
    """An optimiser by its kind, over flat weights whose ``grad`` is set before every step."""
    rate = settings.learning_rate
    if settings.kind == "adam":
        # fused on a CPU, an entry is rounded by where it lies in the stack of members
        fused = weights.is_cuda
        return torch.optim.Adam([weights], rate, settings.betas, fused=fused)
    if settings.kind == "rmsprop":
        return torch.optim.RMSprop([weights], rate)
    if settings.kind == "sgd":
        return torch.optim.SGD([weights], rate)
    if settings.kind in KINDS:
        plain = Optimizer(settings.kind.removeprefix(OPTIMISTIC), rate, settings.betas)
        return Optimistic(plain, weights)
    raise BenchError(f"unknown optimiser '{settings.kind}'; there are: {', '.join(KINDS)}")


def rehearsal(optimizer: Any, weights: Tensor, steps: int) -> Rehearsal | OptimisticRehearsal:
    """The next steps of an optimiser as formulas, differentiable; the optimiser stays as it is.

    Args:
        optimizer: whose state the steps go on from.
        weights: the flat weights it was made for.
        steps: how many it has made.
    """
    if isinstance(optimizer, Optimistic):
        return optimizer.rehearsal(steps)
    return Rehearsal(optimizer, weights, steps)


class Rehearsal:
    """Steps of a plain optimiser as formulas.

    Args:
        optimizer: whose state the steps go on from.
        weights: the flat weights it was made for.
        steps: how many it has made.
    """

    SMALLEST = 1e-30
    """Below it a squared gradient counts as this, since a root has no slope at 0."""

    def __init__(self, optimizer: Any, weights: Tensor, steps: int):
        self._optimizer, self._group = optimizer, optimizer.param_groups[0]
        state = optimizer.state.get(weights, {})
        none = torch.zeros_like(weights)
        self._steps = steps
        self._mean = state.get("exp_avg", none)
        self._square = state.get("exp_avg_sq", state.get("square_avg", none))

    def step(self, weights: Tensor, gradient: Tensor) -> Tensor:
        """The weights after one more step with this gradient."""
        rate, self._steps = self._group["lr"], self._steps + 1
        if isinstance(self._optimizer, torch.optim.SGD):
            return weights - rate * gradient
        if isinstance(self._optimizer, torch.optim.RMSprop):
            self._square = _mixed(self._square, gradient * gradient, self._group["alpha"])
            return weights - rate * gradient / (self._root(self._square) + self._group["eps"])
        first, second = self._group["betas"]
        self._mean = _mixed(self._mean, gradient, first)
        self._square = _mixed(self._square, gradient * gradient, second)
        mean = self._mean / (1 - first**self._steps)
        root = self._root(self._square / (1 - second**self._steps))
        return weights - rate * mean / (root + self._group["eps"])

    def _root(self, square: Tensor) -> Tensor:
        return square.clamp(min=self.SMALLEST).sqrt()


class OptimisticRehearsal:
    """Steps of an optimistic optimiser as formulas.

    Args:
        plain: the steps that it makes twice.
        before: the last of them.
    """

    def __init__(self, plain: Rehearsal, before: Tensor):
        self._plain, self._before = plain, before

    def step(self, weights: Tensor, gradient: Tensor) -> Tensor:
        """The weights after one more step with this gradient."""
        step = self._plain.step(torch.zeros_like(weights), gradient)
        ahead = weights + 2 * step - self._before
        self._before = step
        return ahead


def _mixed(old: Tensor, new: Tensor, decay: float) -> Tensor:
    return old * decay + new * (1 - decay)
