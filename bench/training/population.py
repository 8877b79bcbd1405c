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

    It holds no weights but the initial ones: every call is given weights and buffers. A population
    of one calls its module directly; a larger one goes through ``vmap``.

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
        self.weights: Weights = {
            name: weight.detach().clone().to(device) for name, weight in weights.items()
        }
        self.buffers: Weights = {name: buffer.to(device) for name, buffer in buffers.items()}
        self._module = copy.deepcopy(members[0]).to("meta")
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=bfloat16)

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
    def evaluate(
        self, inputs: Tensor, weights: Weights, buffers: Weights, batch: int | None = None
    ) -> Tensor:
        """Return outputs in evaluation mode (batch normalisation by its averages).

        ``batch`` bounds how many inputs of a member are in the network at once.
        """
        self._module.eval()
        try:
            parts = [
                self._call(part, weights, buffers)
                for part in inputs.split(batch or inputs.shape[1], 1)
            ]
        finally:
            self._module.train()
        return torch.cat(parts, 1)


def member(weights: Weights, index: int) -> Weights:
    """Return a copy of one member's part, without the leading axis."""
    return {name: weight[index].detach().clone() for name, weight in weights.items()}


@torch.no_grad()
def finite(*networks: Weights) -> Tensor:
    """Return whether every weight of a member is finite: → (P,) bool."""
    weights = [weight for network in networks for weight in network.values()]
    return torch.stack([w.isfinite().flatten(1).all(1) for w in weights]).all(0)
