"""Mixtures of Gaussians in the plane, as PacGAN defines them (section 4.1)."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch

from bench.datasets.base import Dataset, Draw, epochs, floor_generator
from bench.values import Count, NonNegative, Positive


@dataclass(frozen=True)
class Mixture(Dataset):
    """Equally weighted isotropic Gaussians of one σ."""

    ranked_by: ClassVar[tuple[str, ...]] = ("modes_20",)

    sigma: Positive = 0.01
    training_points: Count | None = None
    """Points of a fixed training set, drawn anew for every seed; None: drawn without end."""
    noise: NonNegative = 0.0
    """Standard deviation of normal noise on every training point; what is measured against the
    mixture is the mixture without it."""

    def __post_init__(self) -> None:
        if self.sigma <= 0:
            raise ValueError("sigma must be positive")
        if not 0 <= self.noise < math.inf:
            raise ValueError("noise must be at least 0")
        if self.evaluation_samples < 2:
            raise ValueError("evaluation_samples must be at least 2")
        if self.training_points is not None and self.training_points < 1:
            raise ValueError("training_points must be at least 1")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (2,)

    def training_size(self) -> int | None:
        return self.training_points

    @abstractmethod
    def centres(self) -> torch.Tensor:
        """Return (K, 2) mode centres."""

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        centres = self.centres()

        def draw(steps: int, batch: int) -> torch.Tensor:
            modes = torch.randint(len(centres), (steps, batch), generator=generator)
            points = centres[modes] + self.sigma * torch.randn(
                (steps, batch, 2), generator=generator
            )
            if self.noise:
                points += self.noise * torch.randn((steps, batch, 2), generator=generator)
            return points

        if self.training_points is None:
            return draw
        points = draw(1, self.training_points)[0]
        order = epochs(generator, len(points))
        return lambda steps, batch: points[order(steps * batch)].view(steps, batch, 2)

    def real(self, count: int) -> torch.Tensor:
        """Return points of the distribution, not of one seed's training set, and without noise."""
        return self._clean.source(floor_generator(), torch.device("cpu"))(1, count)[0]

    def protocol(self) -> dict[str, Any]:
        told = []
        if self.training_points is not None:
            told.append(f"{self.training_points} points, drawn anew for every seed")
        if self.noise:
            told.append(f"with noise of standard deviation {self.noise:g}")
        return {**super().protocol(), **({"training": ", ".join(told)} if told else {})}

    def _fresh(self, place: int) -> torch.Tensor:
        return super(Mixture, self._clean)._fresh(place)

    @property
    def _clean(self) -> Mixture:
        """The mixture itself, which samples are held against."""
        return replace(self, training_points=None, noise=0.0)
