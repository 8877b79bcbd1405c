"""Sets of images with ten classes: what measures them, and how they are split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.datasets.base import Metric
from bench.datasets.images import ImageDataset, Parts
from bench.datasets.instruments import (
    CLASSES,
    LENET_FD,
    LENET_FEATURES,
    Instrument,
    LabelFeatures,
    Labels,
    as_floats,
    look_at,
)
from bench.metrics.features import Extractor, lenet

SPLIT_SEED = 5000


class Classified(ImageDataset):
    """Images of one channel and ten classes, 28 × 28, which a LeNet learns to tell apart."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (1, 28, 28)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (LENET_FD, *CLASSES, *self.fid, *LENET_FEATURES, *self.inception_metrics)

    def instruments(
        self, parts: Parts, cache: Path, device: torch.device
    ) -> tuple[list[Instrument], list[Instrument]]:
        return by_lenet(self, parts, lenet_of(parts, cache, device), cache)


def by_lenet(
    dataset: ImageDataset, parts: Parts, extractor: Extractor, cache: Path
) -> tuple[list[Instrument], list[Instrument]]:
    """What a LeNet measures at every evaluation, and what at the best and the last one."""
    reference = dataset.reference_of(
        parts,
        cache,
        f"lenet-{extractor.weights_sha256[:16]}",
        lambda images: look_at(extractor, images)[0],
    )
    return [Labels(extractor, reference)], [LabelFeatures(extractor, reference)]


def lenet_of(parts: Parts, cache: Path, device: torch.device) -> Extractor:
    """The LeNet of a labelled set, trained on its training part."""
    assert parts.train_labels is not None
    assert parts.test_labels is not None
    return lenet(
        cache,
        (as_floats(parts.train), parts.train_labels),
        (as_floats(parts.test), parts.test_labels),
    ).to(device)


def split(digits: Tensor, held_out: Callable[[int], int]) -> tuple[Tensor, Tensor]:
    """Indices of a training and a test part; of each class, ``held_out`` says how many."""
    shuffled = torch.randperm(len(digits), generator=torch.Generator().manual_seed(SPLIT_SEED))
    of_class = [shuffled[digits[shuffled] == digit] for digit in range(10)]
    return (
        torch.cat([members[held_out(len(members)) :] for members in of_class]),
        torch.cat([members[: held_out(len(members))] for members in of_class]),
    )
