"""One network of P members, their weights stacked along a leading axis."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from bench.method import Weights
from bench.training.streams import Stream, seed_of


class Network:
    """P copies of one architecture, called together: (P, B, …) → (P, B, …).

    It holds no weights but the initial ones, ``flat`` (P, N): every call is given weights and
    buffers. A population of one calls its module directly; a larger one goes through ``vmap``.

    Args:
        build: makes one member, reading torch's global random state for its initial weights.
        seeds: one per member.
        stream: which of a member's streams initialises this network.
        device: where the initial weights lie.
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
        self._shapes = {name: weight.shape[1:] for name, weight in weights.items()}
        self.flat = joined(weight.detach() for weight in weights.values()).to(device)
        self.buffers: Weights = {name: buffer.to(device) for name, buffer in buffers.items()}
        self._module = copy.deepcopy(members[0]).to("meta")
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=bfloat16)

    def shaped(self, flat: Tensor) -> Weights:
        """Return weights by name, as views of all weights laid out flat, (P, N)."""
        parts = flat.split([shape.numel() for shape in self._shapes.values()], 1)
        named = zip(self._shapes.items(), parts, strict=True)
        return {name: part.reshape(-1, *shape) for (name, shape), part in named}

    def __call__(self, inputs: Tensor, weights: Weights, buffers: Weights) -> Tensor:
        """Return all members' outputs in training mode; batch statistics go into ``buffers``."""
        with self._autocast:
            return self._call(inputs, weights, buffers).float()

    def _call(self, inputs: Tensor, weights: Weights, buffers: Weights) -> Tensor:
        if len(inputs) == 1:
            only = {name: value[0] for name, value in (weights | buffers).items()}
            return functional_call(self._module, only, (inputs[0],))[None]

        def one(weights: Weights, buffers: Weights, member_inputs: Tensor) -> Tensor:
            return functional_call(self._module, (weights, buffers), (member_inputs,))

        return torch.vmap(one, randomness="error")(weights, buffers, inputs)

    @torch.no_grad()
    def evaluate(self, inputs: Tensor, tensors: Weights) -> Tensor:
        """Return one member's outputs in evaluation mode: (B, …) → (B, …).

        ``tensors`` are its weights and buffers. Batch normalisation uses its averages.
        """
        self._module.eval()
        try:
            return functional_call(self._module, tensors, (inputs,))
        finally:
            self._module.train()


def joined(parts: Iterable[Tensor]) -> Tensor:
    """Return tensors with a leading P side by side: (P, …) each → (P, N)."""
    return torch.cat([part.reshape(len(part), -1) for part in parts], 1)


def member(weights: Weights, index: int) -> Weights:
    """Return a copy of one member's part, without the leading axis."""
    return {name: weight[index].detach().clone() for name, weight in weights.items()}
