"""CIFAR-10, downloaded on first use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from bench.datasets.base import Metric
from bench.datasets.downloaded import Downloaded
from bench.datasets.images import Parts
from bench.datasets.instruments import PIXEL_FD, Instrument, by_pixels


@dataclass(frozen=True)
class CIFAR10(Downloaded):
    """CIFAR-10 (Krizhevsky 2009): 50,000 photographs to train on, 10,000 to compare with, 32 × 32.

    Ranked by FID, where Inception's weights are at hand.
    """

    name: ClassVar[str] = "cifar10"
    kind: ClassVar[str] = "CIFAR10"
    training_images: ClassVar[int] = 50_000

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (3, 32, 32)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (*self.fid, PIXEL_FD, *self.inception_metrics)

    def instruments(
        self, parts: Parts, cache: Path, device: torch.device
    ) -> tuple[list[Instrument], list[Instrument]]:
        return by_pixels(self.compared_with(parts))
