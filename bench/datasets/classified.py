"""Sets of digits or the like with ten classes, and how they are split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from bench.datasets.images import ImageDataset, Parts

SPLIT_SEED = 5000


Labelled = tuple[Tensor, Tensor]


class Classified(ImageDataset):
    """Images of one channel and ten classes, 28 × 28, which a LeNet learns to classify."""

    ranked_by: ClassVar[tuple[str, ...]] = ("lenet_fd",)
    labelled: ClassVar[bool] = True

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (1, 28, 28)

    def labelled_parts(self, cache: Path) -> tuple[Labelled, Labelled]:
        return labels_of(self.parts(cache))


def labels_of(parts: Parts) -> tuple[Labelled, Labelled]:
    """Return images and labels of both parts of a labelled set."""
    assert parts.train_labels is not None
    assert parts.test_labels is not None
    return (parts.train, parts.train_labels), (parts.test, parts.test_labels)


def split(digits: Tensor, held_out: Callable[[int], int]) -> tuple[Tensor, Tensor]:
    """Return indices of a training and a test part; of each class, ``held_out`` says how many."""
    shuffled = torch.randperm(len(digits), generator=torch.Generator().manual_seed(SPLIT_SEED))
    of_class = [shuffled[digits[shuffled] == digit] for digit in range(10)]
    return (
        torch.cat([members[held_out(len(members)) :] for members in of_class]),
        torch.cat([members[: held_out(len(members))] for members in of_class]),
    )
