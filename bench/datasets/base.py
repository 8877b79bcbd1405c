"""What a dataset is to the harness: a source of real batches and an evaluation."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from bench.method import Weights

Values = dict[str, float | None]
"""Metric values; None where a metric is not defined for these samples."""
Reasons = dict[str, str]
"""Why a metric has no value, by its name."""


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
    group: str = ""
    """Metrics of a group share a table of their own in the report; without one, the main table."""


@dataclass(frozen=True)
class Snapshot:
    """One member at one moment: its samples (N, …) and, unless real data, both its weights."""

    samples: Tensor
    generator: Weights | None = None
    discriminator: Weights | None = None


Draw = Callable[[int, int], Tensor]


@dataclass(frozen=True)
class Dataset(ABC):
    """A dataset; its fields are its settings.

    ``fetch`` is called once by the command, before anything is trained; ``prepare`` once in
    every worker, before all that follows it here.
    """

    name: ClassVar[str]
    block: ClassVar[int] = 64
    """Updates for which real batches are drawn at once."""
    kept_samples: ClassVar[int] = 1000
    """Samples of an evaluation that are stored for pictures."""
    target: ClassVar[float | None] = None
    """Value of the primary metric at which a method works here, where there is one to be stated
    beforehand: studies that vary their settings count at how many of them it is reached."""

    evaluation_samples: int = 2500

    @property
    @abstractmethod
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric of an evaluation; the first is the one that ranks methods."""

    def settings(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @property
    def label(self) -> str | None:
        """What tables call it, where the name and the settings would read badly."""
        return None

    told_by_label: ClassVar[tuple[str, ...]] = ()
    """Settings that the label tells already."""

    def content(self) -> str | None:
        """A hash of data that are not named by the settings alone, such as a user's files."""
        return None

    def fetch(self, cache: Path) -> Reasons:
        """Bring what is not there yet into ``cache``.

        Returns why metrics cannot be computed on this machine, by their names.

        Raises:
            BenchError: the data can neither be found nor had.
        """
        return {}

    def prepare(self, cache: Path, device: torch.device) -> None:  # noqa: B027 - optional
        """Load what sampling and evaluation need; slow things go into ``cache``, once."""

    def as_prepared(self) -> Self:
        """Return a copy in the state that ``prepare`` left, which shares what does not change.

        It is asked of a dataset that was prepared and not used: a worker keeps that one for the
        next job, and trains with the copy.
        """
        return copy.copy(self)

    def training_size(self) -> int | None:
        """Samples in the training part, or None where data are drawn without end."""
        return None

    @abstractmethod
    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        """One member's real data: a function (steps, batch) → (steps, batch, …).

        Random numbers come from ``generator``, which is the CPU's, so that every device sees the
        same data; what is drawn may lie on the CPU or on ``device``.
        """

    @abstractmethod
    def evaluate(self, snapshot: Snapshot) -> Values:
        """The metrics that are measured at every evaluation."""

    def condensed(self, samples: Tensor) -> Tensor:
        """Samples as a later evaluation needs them, as small as that can be."""
        return samples

    @property
    def looks_closer(self) -> bool:
        """Whether there are metrics too slow for every evaluation."""
        return False

    def look_closer(self, snapshot: Snapshot) -> Values:
        """The slow metrics, measured at the best and at the last evaluation of a member."""
        return {}

    def not_computed(self) -> Reasons:
        """Why some metrics have had no value so far."""
        return {}

    def pack(self, samples: Tensor) -> np.ndarray[Any, Any]:
        """Samples as they are stored for pictures: (n, …) → half precision."""
        limit = float(np.finfo(np.float16).max)
        return samples.cpu().clamp(-limit, limit).numpy().astype(np.float16)

    def real(self, count: int) -> Tensor:
        """Real samples for pictures: (count, …), always the same ones."""
        return self.source(floor_generator(), torch.device("cpu"))(1, count)[0]

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


def epochs(generator: torch.Generator, size: int) -> Callable[[int], Tensor]:
    """Indices 0 … size − 1 in random order, epoch after epoch: count → (count,).

    Every epoch is without replacement; a batch may straddle two of them.
    """
    left = torch.empty(0, dtype=torch.long)

    def take(count: int) -> Tensor:
        nonlocal left
        while len(left) < count:
            left = torch.cat([left, torch.randperm(size, generator=generator)])
        taken, left = left[:count], left[count:]
        return taken

    return take
