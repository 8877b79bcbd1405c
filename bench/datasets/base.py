"""What a dataset is to the harness: a source of real batches and an evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.method import Weights

Values = dict[str, float | None]
"""Metric values; None where a metric is not defined for these samples."""


@dataclass(frozen=True)
class Metric:
    """One number of an evaluation, as it is named in every table."""

    name: str
    label: str
    meaning: str
    higher_is_better: bool
    digits: int = 3
    percent: bool = False
    ceiling: float | None = None
    """The value at which nothing is left to gain, if there is one."""


@dataclass(frozen=True)
class Snapshot:
    """One member at one moment: its samples (N, …) and, unless real data, both its weights."""

    samples: Tensor
    generator: Weights | None = None
    discriminator: Weights | None = None


Draw = Callable[[int, int], Tensor]


@dataclass(frozen=True)
class Dataset(ABC):
    """A dataset; its fields are its settings. ``prepare`` is called once in every worker."""

    name: ClassVar[str]
    sample_shape: ClassVar[tuple[int, ...]]
    metrics: ClassVar[tuple[Metric, ...]]
    """The first is the one that ranks methods."""
    block: ClassVar[int] = 64
    """Updates for which real batches are drawn at once."""
    kept_samples: ClassVar[int] = 1000
    """Samples of an evaluation that are stored for pictures."""

    evaluation_samples: int = 2500

    def settings(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def prepare(self, cache: Path, device: torch.device) -> None:  # noqa: B027 - optional
        """Load what sampling and evaluation need; slow things go into ``cache``, once."""

    def training_size(self) -> int | None:
        """Samples in the training part, or None where data are drawn without end."""
        return None

    @abstractmethod
    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        """One member's real data: a function (steps, batch) → (steps, batch, …)."""

    @abstractmethod
    def evaluate(self, snapshot: Snapshot) -> Values:
        """Every metric of one snapshot."""

    def pack(self, samples: Tensor) -> np.ndarray[Any, Any]:
        """Samples as they are stored for pictures: (n, …) → half precision."""
        limit = float(np.finfo(np.float16).max)
        return samples.cpu().clamp(-limit, limit).numpy().astype(np.float16)

    @abstractmethod
    def floor(self) -> Values:
        """The same metrics for fresh real data: what a perfect generator would get."""

    def protocol(self) -> dict[str, Any]:
        """What a score needs beside its number to be compared: counts, splits, extractor."""
        return {"evaluation_samples": self.evaluation_samples}

    @property
    def primary(self) -> Metric:
        return self.metrics[0]


FLOOR_SEED = 20_140_610


def floor_generator() -> torch.Generator:
    """The fixed randomness of every real-against-real floor."""
    return torch.Generator().manual_seed(FLOOR_SEED)


def to_numpy(samples: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    return samples.detach().cpu().double().numpy()
