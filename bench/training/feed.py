"""Batches and random numbers of one round: recorded once, then drawn ahead and handed out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.training.state import Inputs
from bench.training.streams import MemberNoise, on_device

ROUNDS_AT_ONCE = 64
NOISE_BYTES = 2**24
"""Bound on a member's random numbers that are drawn at once."""

Request = tuple[str, tuple[int, ...]]
"""``uniform`` or ``normal``, and a shape without the leading P."""


@dataclass
class Needs:
    """What one round asks for: the same in every round."""

    real: int = 0
    discriminator_latents: int = 0
    generator_latents: int = 0
    noise: list[Request] = field(default_factory=list)


class Feed:
    """Hands a round's inputs out one by one, and refuses more or others than were recorded."""

    def __init__(self, inputs: Inputs, needs: Needs, method: str):
        self._batches = {
            "real": iter(inputs.real.unbind()),
            "discriminator_latents": iter(inputs.discriminator_latents.unbind()),
            "generator_latents": iter(inputs.generator_latents.unbind()),
        }
        self._noise: Iterator[tuple[Request, Tensor]] = zip(needs.noise, inputs.noise, strict=True)
        self.total, self._method = inputs.total, method

    def next(self, kind: str) -> Tensor:
        """Return the next ``real``, ``discriminator_latents`` or ``generator_latents``: (P, …)."""
        batch = next(self._batches[kind], None)
        if batch is None:
            raise self._unforeseen(f"more {kind.replace('_', ' ')}")
        return batch

    def uniform(self, *shape: int) -> Tensor:
        return self._numbers("uniform", shape)

    def normal(self, *shape: int) -> Tensor:
        return self._numbers("normal", shape)

    def _numbers(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        request, numbers = next(self._noise, (None, None))
        if numbers is None or request != (kind, tuple(shape)):
            raise self._unforeseen(f"{kind} noise of shape {tuple(shape)}")
        return numbers

    def _unforeseen(self, what: str) -> BenchError:
        return BenchError(
            f"method {self._method}: a round asks for {what} that its first round did not ask for; "
            "every round must draw the same batches and random numbers"
        )


class Recorder:
    """Answers every request of a trial round with numbers of its own, and writes it down.

    Args:
        real, latents: shapes of one batch, (P, B, …) and (P, B, Z).
        total: discriminator updates of the whole training.
    """

    def __init__(
        self,
        real: tuple[int, ...],
        latents: tuple[int, ...],
        total: Tensor,
    ):
        self.needs, self.total = Needs(), total
        self._shapes = {
            "real": real, "discriminator_latents": latents, "generator_latents": latents,
        }  # fmt: skip
        self._members, self._generator = real[0], torch.Generator().manual_seed(0)

    def next(self, kind: str) -> Tensor:
        setattr(self.needs, kind, getattr(self.needs, kind) + 1)
        return self._drawn(torch.randn, self._shapes[kind])

    def uniform(self, *shape: int) -> Tensor:
        self.needs.noise.append(("uniform", tuple(shape)))
        return self._drawn(torch.rand, (self._members, *shape))

    def normal(self, *shape: int) -> Tensor:
        self.needs.noise.append(("normal", tuple(shape)))
        return self._drawn(torch.randn, (self._members, *shape))

    def _drawn(self, draw, shape: tuple[int, ...]) -> Tensor:
        return draw(shape, generator=self._generator).to(self.total.device)


class NoiseAhead:
    """The method's random numbers, drawn for many rounds at once from each member's own stream."""

    def __init__(self, noise: MemberNoise, requests: list[Request], device: torch.device):
        self._generators, self._requests, self._device = noise.generators, requests, device
        numbers = sum(math.prod(shape) for _, shape in requests)
        self._rounds = max(1, min(ROUNDS_AT_ONCE, NOISE_BYTES // (4 * max(numbers, 1))))
        self._block: list[Tensor] = []
        self._used = self._rounds

    def skip(self, rounds: int) -> None:
        """Begin after the numbers of so many rounds."""
        whole, rest = divmod(rounds, self._rounds)
        for _ in range(whole):
            for each in self._requests:
                self._drawn(*each)
        for _ in range(rest):
            self.next()

    def next(self) -> tuple[Tensor, ...]:
        """Return one round's: a (P, *shape) for every request."""
        if self._used == self._rounds:
            self._block, self._used = [self._drawn(*each) for each in self._requests], 0
        self._used += 1
        return tuple(block[self._used - 1] for block in self._block)

    def _drawn(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        draw = torch.rand if kind == "uniform" else torch.randn
        members = [draw((self._rounds, *shape), generator=own) for own in self._generators]
        return on_device(torch.stack(members, 1), self._device)
