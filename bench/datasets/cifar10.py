"""CIFAR-10, downloaded on first use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.datasets.downloaded import Downloaded


@dataclass(frozen=True)
class CIFAR10(Downloaded):
    """CIFAR-10 (Krizhevsky 2009): 50,000 photographs to train on, 10,000 to compare with, 32 × 32.

    Ranked by FID, where a study asks for it.
    """

    name: ClassVar[str] = "cifar10"
    ranked_by: ClassVar[tuple[str, ...]] = ("fid", "pixel_fd")
    kind: ClassVar[str] = "CIFAR10"
    training_images: ClassVar[int] = 50_000

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (3, 32, 32)
