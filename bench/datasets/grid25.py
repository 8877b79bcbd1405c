"""25 Gaussians on a grid, as PacGAN defines them (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.datasets.mixtures import Mixture
from bench.values import Positive


@dataclass(frozen=True)
class Grid25(Mixture):
    """A 5 × 5 grid of modes at {−4, −2, 0, 2, 4}², σ = 0.05."""

    name: ClassVar[str] = "grid25"
    # as for ring8: the plain GAN's 17.3 ± 0.8 modes, and 23.6
    target: ClassVar[float | None] = 23.5

    sigma: Positive = 0.05
    spacing: Positive = 2.0

    def centres(self) -> torch.Tensor:
        line = self.spacing * torch.arange(-2.0, 3.0)
        return torch.cartesian_prod(line, line)
