"""One network of P members, their weights stacked along a leading axis."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from bench.method import Weights
from bench.training.streams import Stream, seed_of


class Network:
    """P copies of one architecture, called together: (P, B, …) → (P, B, …).

    Weights are leaf tensors with a leading P. A population of one calls its module directly;
    a larger one goes through ``vmap``.

    Args:
        build: makes one member, reading torch's global random state for its initial weights.
        seeds: one per member.
        stream: which of a member's streams initialises this network.
        device: where the weights live.
        bfloat16: whether matrix products and convolutions of training are in bfloat16
            (``torch.autocast``); weights, losses and evaluations stay in float32.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        seeds: list[int],
        stream: Stream,
        device: torch.device,
        bfloat16: bool = False,
    ):
        members = []
        for seed in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed_of(seed, stream))
                members.append(build())
        self.has_batch_norm = any(
            isinstance(part, nn.modules.batchnorm._BatchNorm) for part in members[0].modules()
        )
        weights, buffers = stack_module_state(members)
        # the leaves share one piece of memory, so that an optimiser steps over it at once
        self.flat = torch.cat([weight.detach().flatten() for weight in weights.values()]).to(device)
        parts = self.flat.split([weight.numel() for weight in weights.values()])
        self.weights: Weights = {
            name: part.view(weight.shape).requires_grad_()
            for (name, weight), part in zip(weights.items(), parts, strict=True)
        }
        self._buffers = {name: buffer.to(device) for name, buffer in buffers.items()}
        self._module = copy.deepcopy(members[0]).to("meta")
        self._members = len(seeds)
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=bfloat16)

    @property
    def parameters(self) -> list[Tensor]:
        return list(self.weights.values())

    def __call__(self, inputs: Tensor, weights: Weights | None = None) -> Tensor:
        """Outputs of all members under ``weights`` (their own by default), in training mode."""
        with self._autocast:
            return self._call(inputs, self.weights if weights is None else weights).float()

    def _call(self, inputs: Tensor, state: Weights) -> Tensor:
        if self._members == 1:
            only = {name: value[0] for name, value in (state | self._buffers).items()}
            return functional_call(self._module, only, (inputs[0],))[None]

        def one(weights: Weights, buffers: Weights, member_inputs: Tensor) -> Tensor:
            return functional_call(self._module, (weights, buffers), (member_inputs,))

        return torch.vmap(one, randomness="error")(state, self._buffers, inputs)

    @torch.no_grad()
    def evaluate(
        self, inputs: Tensor, batch: int | None = None, weights: Weights | None = None
    ) -> Tensor:
        """Outputs without gradients, in evaluation mode (batch normalisation by its averages).

        ``batch`` bounds how many inputs of a member are in the network at once.
        """
        state = self.weights if weights is None else weights
        self._module.eval()
        try:
            parts = [self._call(part, state) for part in inputs.split(batch or inputs.shape[1], 1)]
        finally:
            self._module.train()
        return torch.cat(parts, 1)

    def shaped(self, flat: Tensor) -> Weights:
        """Weights by name that lie one after another in ``flat``, as they do in ``self.flat``."""
        parts = flat.split([weight.numel() for weight in self.weights.values()])
        named = zip(self.weights.items(), parts, strict=True)
        return {name: part.view(weight.shape) for (name, weight), part in named}

    def member(self, index: int, weights: Weights | None = None) -> Weights:
        """A copy of one member's weights (or of its part of others), without the leading axis."""
        state = self.weights if weights is None else weights
        return {name: weight[index].detach().clone() for name, weight in state.items()}

    @torch.no_grad()
    def finite(self) -> Tensor:
        """Whether every weight of a member is finite: → (P,) bool."""
        return torch.stack([w.isfinite().flatten(1).all(1) for w in self.parameters]).all(0)
