"""Private randomness for every member, equal for all methods (common random numbers).

A stream is a ``torch.Generator`` on the CPU, seeded from ``SeedSequence([seed, stream])`` and from
nothing else: at equal seed all methods start from the same weights and see the same data and
latents, so that differences between methods are paired. A GPU gets the CPU's numbers, since
its own generators draw other ones on every model.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

BLOCK = 64
"""Latents that are drawn at once: PyTorch's last numbers of a draw depend on its length."""


class Stream(IntEnum):
    """The purpose of a stream. The numbers are part of every result: never renumber."""

    GENERATOR_WEIGHTS = 0
    DISCRIMINATOR_WEIGHTS = 1
    DATA = 2
    DISCRIMINATOR_LATENTS = 3
    GENERATOR_LATENTS = 4
    METHOD_NOISE = 5
    EVALUATION = 6


def seed_of(seed: int, stream: Stream) -> int:
    """Return a 63-bit seed for one stream of one member."""
    state = np.random.SeedSequence([seed, int(stream)]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def generator(seed: int, stream: Stream) -> torch.Generator:
    """Return the random generator of one stream of one member."""
    return torch.Generator().manual_seed(seed_of(seed, stream))


def latents_of(seed: int, count: int, size: int) -> torch.Tensor:
    """Return a seed's latents for evaluation, (count, size), the same at every checkpoint.

    Drawn block by block: fewer of them are the first of more.
    """
    own = generator(seed, Stream.EVALUATION)
    blocks = [torch.randn((BLOCK, size), generator=own) for _ in range(-(-count // BLOCK))]
    return torch.cat(blocks)[:count] if blocks else torch.empty(0, size)


class MemberNoise:
    """A method's own randomness: every draw is made member by member, shape → (P, *shape)."""

    def __init__(self, seeds: list[int], device: torch.device | None = None):
        self.generators = [generator(seed, Stream.METHOD_NOISE) for seed in seeds]
        self._device = device

    def uniform(self, *shape: int) -> Tensor:
        return self._stacked(torch.rand, shape)

    def normal(self, *shape: int) -> Tensor:
        return self._stacked(torch.randn, shape)

    def _stacked(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        drawn = [draw(shape, generator=own) for own in self.generators]
        return torch.stack(drawn).to(self._device)


class Blocks:
    """Draws for many updates at once, handed out update by update.

    Args:
        draw: ``(member, steps) → (steps, …)``, on the CPU or on ``device``.
        members: how many members there are.
        steps: updates that are drawn at once.
        device: where the draws are wanted.
    """

    def __init__(
        self,
        draw: Callable[[int, int], Tensor],
        members: int,
        steps: int,
        device: torch.device | None = None,
    ):
        self._draw, self._members, self._steps, self._device = draw, members, steps, device
        self._block: Tensor | None = None
        self._used = steps

    def next(self) -> Tensor:
        """Return the next update's: (P, …)."""
        if self._used == self._steps or self._block is None:
            drawn = [self._draw(member, self._steps) for member in range(self._members)]
            self._block = on_device(torch.stack(drawn, dim=1), self._device)
            self._used = 0
        self._used += 1
        return self._block[self._used - 1]

    def skip(self, updates: int) -> None:
        """Begin after the draws of so many updates: what is drawn depends on all before it."""
        whole, rest = divmod(updates, self._steps)
        for _ in range(whole):
            for member in range(self._members):
                self._draw(member, self._steps)
        for _ in range(rest):
            self.next()

    def take(self, updates: int) -> Tensor:
        """Return those of the next updates: (updates, P, …)."""
        return torch.stack([self.next() for _ in range(updates)])


def on_device(block: Tensor, device: torch.device | None) -> Tensor:
    """Return the block on a device; towards a GPU the copy runs ahead of what waits for it."""
    if device is None or device.type != "cuda" or block.is_cuda:
        return block
    return block.pin_memory().to(device, non_blocking=True)
