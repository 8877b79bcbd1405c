"""Private randomness for every member, equal for all methods (common random numbers).

A stream is a ``torch.Generator`` seeded from ``SeedSequence([seed, stream])`` and from nothing
else: at equal seed all methods start from the same weights and see the same data and latents,
so that differences between methods are paired.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Stream(IntEnum):
    """What a stream is for. The numbers are part of every result: never renumber."""

    GENERATOR_WEIGHTS = 0
    DISCRIMINATOR_WEIGHTS = 1
    DATA = 2
    DISCRIMINATOR_LATENTS = 3
    GENERATOR_LATENTS = 4
    METHOD_NOISE = 5
    EVALUATION = 6


def seed_of(seed: int, stream: Stream) -> int:
    """A 63-bit seed for one stream of one member."""
    state = np.random.SeedSequence([seed, int(stream)]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def generator(seed: int, stream: Stream, device: torch.device) -> torch.Generator:
    """The random generator of one stream of one member."""
    return torch.Generator(device).manual_seed(seed_of(seed, stream))


class MemberNoise:
    """A method's own randomness: every draw is made member by member, shape → (P, *shape)."""

    def __init__(self, seeds: list[int], device: torch.device):
        self._generators = [generator(seed, Stream.METHOD_NOISE, device) for seed in seeds]
        self._device = device

    def uniform(self, *shape: int) -> Tensor:
        return torch.stack(
            [torch.rand(shape, generator=g, device=self._device) for g in self._generators]
        )

    def normal(self, *shape: int) -> Tensor:
        return torch.stack(
            [torch.randn(shape, generator=g, device=self._device) for g in self._generators]
        )


class Blocks:
    """Draws for many updates at once, handed out one update at a time.

    ``draw(member, steps)`` returns (steps, …) for one member; ``next`` returns (P, …).
    """

    def __init__(self, draw, members: int, steps: int):
        self._draw, self._members, self._steps = draw, members, steps
        self._block: Tensor | None = None
        self._used = steps

    def next(self) -> Tensor:
        if self._used == self._steps or self._block is None:
            drawn = [self._draw(member, self._steps) for member in range(self._members)]
            self._block = torch.stack(drawn, dim=1)
            self._used = 0
        self._used += 1
        return self._block[self._used - 1]
