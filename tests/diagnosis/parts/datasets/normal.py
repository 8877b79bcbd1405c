"""A standard normal distribution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from bench.datasets.base import Dataset, Draw, epochs
from bench.values import Count


@dataclass(frozen=True)
class Normal(Dataset):
    """N(0, I). On the line it is the data of the quadratic game, G = a·z and D = b·x²."""

    name: ClassVar[str] = "normal"
    ranked_by: ClassVar[tuple[str, ...]] = ("data_fd",)
    # on the line (|a| − 1)², so that a is within 0.1 of its equilibrium
    target: ClassVar[float | None] = 0.01

    size: Count = 1
    training_points: Count | None = None
    """Points of a training set, drawn anew for every seed; None: drawn without end."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (self.size,)

    def training_size(self) -> int | None:
        return self.training_points

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        if self.training_points is None:
            return lambda steps, batch: torch.randn((steps, batch, self.size), generator=generator)
        points = torch.randn((self.training_points, self.size), generator=generator)
        order = epochs(generator, len(points))
        return lambda steps, batch: points[order(steps * batch)].view(steps, batch, self.size)

    def _fresh(self, place: int) -> torch.Tensor:
        # samples are held against the distribution, not against one seed's points
        return super(Normal, replace(self, training_points=None))._fresh(place)
