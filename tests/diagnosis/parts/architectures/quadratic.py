"""G = a·z, D = b·x²."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from bench.architectures.base import Architecture
from bench.values import Count, Unbounded


class _Scale(nn.Module):
    def __init__(self, start: float):
        super().__init__()
        self.a = nn.Parameter(torch.tensor([start]))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.a * latents


class _Square(nn.Module):
    def __init__(self, start: float):
        super().__init__()
        self.b = nn.Parameter(torch.tensor([start]))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return (self.b * samples.square())[:, 0]


@dataclass(frozen=True)
class Quadratic(Architecture):
    """G(z) = a·z and D(x) = b·x², started at a = ``start`` and b = 0."""

    name: ClassVar[str] = "quadratic"

    latent: Count = 1
    start: Unbounded = 2.0

    def generator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        return _Scale(self.start)

    def discriminator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        return _Square(0.0)

    def does_not_fit(self, dataset: str, sample_shape: tuple[int, ...]) -> str | None:
        return None if sample_shape == (1,) else "it is made for numbers"
