"""The Dirac-GAN: the smallest GAN there is, with known dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.datasets.base import Dataset, Draw, evaluation
from bench.values import Count


@dataclass(frozen=True)
class Dirac(Dataset):
    """All data at the point 0 (Mescheder, Geiger & Nowozin, ICML 2018, section 2).

    Made for the ``dirac`` architecture, G(z) = θ and D(x) = ψx, whose equilibrium is (0, 0).
    """

    name: ClassVar[str] = "dirac"
    kept_samples: ClassVar[int] = 1
    ranked_by: ClassVar[tuple[str, ...]] = ("radius",)

    evaluation_samples: Count = evaluation(1)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (1,)

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        return lambda steps, batch: torch.zeros((steps, batch, 1), device=device)
