"""One number against one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.architectures.base import Architecture
from bench.values import Count, Unbounded


class _Point(nn.Module):
    def __init__(self, start: float):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([start]))

    def forward(self, latents: Tensor) -> Tensor:
        return self.theta.expand(len(latents), 1)


class _Slope(nn.Module):
    def __init__(self, start: float):
        super().__init__()
        self.psi = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.psi.weight, start)

    def forward(self, samples: Tensor) -> Tensor:
        return self.psi(samples)[:, 0]


@dataclass(frozen=True)
class DiracPair(Architecture):
    """G(z) = θ and D(x) = ψx, both started at a given value (Mescheder et al. 2018)."""

    name: ClassVar[str] = "dirac"
    scalar_discriminator: ClassVar[bool] = True

    latent: Count = 1
    start: Unbounded = 1.0

    def generator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        return _Point(self.start)

    def discriminator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        return _Slope(self.start)

    def does_not_fit(self, dataset: str, sample_shape: tuple[int, ...]) -> str | None:
        return None if dataset == "dirac" else "it is made for the dataset dirac alone"
