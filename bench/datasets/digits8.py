"""Small real digits that the package scikit-learn ships."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from bench.datasets.base import evaluation
from bench.datasets.classified import split
from bench.datasets.images import ImageDataset, Parts, hash_of
from bench.values import CountFrom2


@dataclass(frozen=True)
class Digits8(ImageDataset):
    """1,797 digits of 8 × 8 pixels from the package scikit-learn: small enough for tests.

    A fifth of every class, chosen with a fixed seed, is the test part.
    """

    name: ClassVar[str] = "digits8"
    ranked_by: ClassVar[tuple[str, ...]] = ("pixel_fd",)

    evaluation_samples: CountFrom2 = evaluation(360)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (1, 8, 8)

    def training_size(self) -> int:
        return 1438

    def parts(self, cache: Path) -> Parts:
        return digits8_parts()


@lru_cache(maxsize=1)
def digits8_parts() -> Parts:
    """Return scikit-learn's digits, 0 … 16 stretched to bytes."""
    from sklearn.datasets import load_digits

    table = load_digits()
    images = torch.from_numpy(np.round(table.images * (255 / 16)).astype(np.uint8))[:, None]
    # not by place: the table goes through the classes in turn
    parts = split(torch.from_numpy(table.target), lambda count: round(count / 5))
    train, test = (images[part] for part in parts)
    return Parts(train, test, hash_of(train, test))
