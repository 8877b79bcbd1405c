"""Pixels averaged to 8 × 8: coarse colours and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from bench.metric import Extractor, Facts, Features

GRID, BATCH = 8, 1000


@dataclass(frozen=True)
class Pixels(Extractor):
    """Pixels in [−1, 1], averaged to 8 × 8 in each channel."""

    label: ClassVar[str] = "pixel"

    @property
    def prefix(self) -> str:
        return "pixel_"

    def not_applicable(self, dataset: Facts) -> str | None:
        return None if len(dataset.sample_shape) == 3 else "it compares images"

    def load(self, dataset: Any, cache: Any, device: Any) -> _Averages:
        return _Averages()


class _Averages:
    def __call__(self, samples: Tensor) -> Features:
        parts = [
            adaptive_avg_pool2d(part.float() / 127.5 - 1, GRID).flatten(1)
            for part in samples.split(BATCH)
        ]
        return Features(torch.cat(parts).cpu().double())

    def describe(self) -> dict[str, Any]:
        return {"pixel features": f"pixels averaged to {GRID} × {GRID} in each channel"}
