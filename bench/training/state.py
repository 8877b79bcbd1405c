"""The state of a population at one moment, and a round's inputs: trees of tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bench.method import Optimizer, Weights
from bench.training.optimizers import Moments, initial_moments
from bench.training.population import Network


class State(NamedTuple):
    """All that the next round depends on. Every tensor but the counts has a leading P.

    Weights lie flat, (P, N), so that an optimiser is a handful of operations; ``Network.shaped``
    gives them their names.
    """

    generator: Tensor
    discriminator: Tensor
    generator_buffers: Weights
    """Statistics of batch normalisation; empty where there is none."""
    discriminator_buffers: Weights
    generator_moments: Moments
    discriminator_moments: Moments
    method: Weights
    """What the method carries from update to update."""
    average: dict[str, Tensor]
    """``generator``: the moving average of its weights; empty where none is kept."""
    discriminator_updates: Tensor
    """Updates made, a double of no dimensions, as are the next two: annealing and bias corrections
    must be tensors, since a number would be fixed when a round is compiled."""
    generator_updates: Tensor
    averaged: Tensor
    """Generator updates that the average has taken in."""


class Inputs(NamedTuple):
    """What one round uses up, drawn outside of it."""

    real: Tensor
    """(n, P, B, …), one batch per gradient of the discriminator; one more where a round begins with
    a generator's loss that looks at real samples."""
    discriminator_latents: Tensor
    """(n, P, B, Z)."""
    generator_latents: Tensor
    """(m, P, B, Z)."""
    noise: tuple[Tensor, ...]
    """The method's random numbers, each (P, …), in the order in which it asks for them."""
    total: Tensor
    """Discriminator updates of the whole training, a double of no dimensions."""


def initial_state(
    generator: Network,
    discriminator: Network,
    optimizers: tuple[Optimizer, Optimizer],
    carried: Weights,
    averages: bool,
) -> State:
    """Return the state before the first update.

    Args:
        optimizers: the generator's and the discriminator's.
        carried: the method's own state.
        averages: whether the generator's weights are averaged.
    """

    def none_yet() -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=generator.flat.device)

    return State(
        generator.flat,
        discriminator.flat,
        generator.buffers,
        discriminator.buffers,
        initial_moments(optimizers[0], generator.flat),
        initial_moments(optimizers[1], discriminator.flat),
        {name: tensor.contiguous() for name, tensor in carried.items()},
        {"generator": generator.flat.clone()} if averages else {},
        none_yet(),
        none_yet(),
        none_yet(),
    )
