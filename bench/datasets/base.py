"""The contract of datasets: a source of real batches, and real samples to compare with."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from bench.values import CountFrom2

Draw = Callable[[int, int], Tensor]


def evaluation(default: Any) -> Any:
    """Declare a field on which only measuring depends: changing it triggers no training."""
    return field(default=default, metadata={"evaluation": True})


@dataclass(frozen=True)
class Dataset(ABC):
    """A dataset; its fields are its hyperparameters.

    ``fetch`` is called once by the command, before anything is trained; ``prepare`` once in
    every worker, before all that follows it here.
    """

    name: ClassVar[str]
    block: ClassVar[int] = 64
    """Updates for which real batches are drawn at once."""
    kept_samples: ClassVar[int] = 1000
    """Samples of an evaluation that are stored for pictures."""
    target: ClassVar[float | None] = None
    """Value of the primary quantity at which a method works here, where there is one to be stated
    beforehand: studies that vary their training count at how many variants it is reached."""
    ranked_by: ClassVar[tuple[str, ...]] = ()
    """Quantities that rank methods: the first that a study measures, or else its very first."""
    labelled: ClassVar[bool] = False
    """Whether :meth:`labelled_parts` gives images of digits that a classifier can learn from."""

    evaluation_samples: CountFrom2 = evaluation(2500)

    @property
    @abstractmethod
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""

    def hyperparameters(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def evaluation_hyperparameters(self) -> dict[str, Any]:
        """Return the fields on which only measuring depends."""
        return {f.name: getattr(self, f.name) for f in fields(self) if _of_evaluation(f)}

    @property
    def label(self) -> str | None:
        """Its name in tables, for datasets whose hyperparameters would read badly."""
        return None

    told_by_label: ClassVar[tuple[str, ...]] = ()
    """Hyperparameters that the label tells already."""

    def content(self) -> str | None:
        """Return a hash of data that hyperparameters do not determine, such as a user's files."""
        return None

    def fetch(self, cache: Path) -> None:  # noqa: B027 - optional
        """Bring what is not there yet into ``cache``.

        Raises:
            BenchError: the data can neither be found nor had.
        """

    def prepare(self, cache: Path, device: torch.device) -> None:  # noqa: B027 - optional
        """Load what sampling and evaluation need; slow things go into ``cache``, once."""

    def as_prepared(self) -> Self:
        """Return a copy in the state that ``prepare`` left, which shares what does not change.

        It is asked of a dataset that was prepared and not used: a worker keeps that one for the
        next job, and trains with the copy.
        """
        return copy.copy(self)

    def training_size(self) -> int | None:
        """Return the number of training samples, or None for unlimited data."""
        return None

    @abstractmethod
    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        """Return one member's source of real data: a function (steps, batch) → (steps, batch, …).

        Random numbers come from ``generator``, which is the CPU's, so that every device sees the
        same data; what is drawn may lie on the CPU or on ``device``.
        """

    def reference_samples(self) -> Tensor:
        """Return real samples that generated ones are compared with: (M, …), images also as bytes.

        Here the first ones of a source that no training uses.
        """
        return self._fresh(0)

    def held_out_samples(self) -> Tensor:
        """Return other real samples, (N, …), whose scores are the floor."""
        return self._fresh(1)

    def _fresh(self, place: int) -> Tensor:
        draw = self.source(floor_generator(), torch.device("cpu"))
        return [draw(1, self.evaluation_samples)[0] for _ in range(place + 1)][-1]

    def labelled_parts(self, cache: Path) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return bytes (N, 1, 28, 28) with labels (N,), of a training and a test part."""
        # only a dataset that says it is `labelled` is asked, and gives them
        raise NotImplementedError(f"dataset {self.name} has no labels")

    def pack(self, samples: Tensor) -> np.ndarray[Any, Any]:
        """Return samples as they are stored for pictures: (n, …) → half precision."""
        limit = float(np.finfo(np.float16).max)
        return samples.cpu().clamp(-limit, limit).numpy().astype(np.float16)

    def real(self, count: int) -> Tensor:
        """Return real samples for pictures: (count, …), always the same ones."""
        return self.source(floor_generator(), torch.device("cpu"))(1, count)[0]

    def protocol(self) -> dict[str, Any]:
        """Return counts, splits and extractor, which two scores must share to be comparable."""
        return {"evaluation_samples": self.evaluation_samples}


def _of_evaluation(field: Any) -> bool:
    return bool(field.metadata.get("evaluation"))


FLOOR_SEED = 20_140_610


def floor_generator() -> torch.Generator:
    """Return the generator of random numbers, with a fixed seed, for every floor."""
    return torch.Generator().manual_seed(FLOOR_SEED)


def epochs(generator: torch.Generator, size: int) -> Callable[[int], Tensor]:
    """Return indices 0 … size − 1 in random order, epoch after epoch: count → (count,).

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
