"""Stacked MNIST: a thousand modes of three digits (Metz et al. 2017; PacGAN, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch

from bench.datasets.base import evaluation
from bench.datasets.classified import Labelled, labels_of
from bench.datasets.downloaded import downloaded
from bench.datasets.images import ImageDataset, Parts, packed
from bench.datasets.mnist5k import mnist5k_parts
from bench.values import CountFrom2

TRIPLES_SEED = 1000


@dataclass(frozen=True)
class StackedMNIST(ImageDataset):
    """Three random digits as the channels of one image, 28 × 28: 1,000 modes.

    128,000 triples to train on and 26,000 to compare with, as in VEEGAN and PacGAN, drawn once
    with a fixed seed. ``digits`` names where they come from: ``mnist5k``, which needs no
    download, or ``mnist``, as published.
    """

    name: ClassVar[str] = "stacked_mnist"
    ranked_by: ClassVar[tuple[str, ...]] = ("modes_1",)
    labelled: ClassVar[bool] = True

    evaluation_samples: CountFrom2 = evaluation(26_000)
    digits: Literal["mnist5k", "mnist"] = "mnist5k"
    training_triples: CountFrom2 = 128_000
    test_triples: CountFrom2 = 26_000

    def __post_init__(self) -> None:
        super().__post_init__()
        # a covariance needs two
        if min(self.training_triples, self.test_triples) < 2:
            raise ValueError("training_triples and test_triples must be at least 2")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (3, 28, 28)

    def training_size(self) -> int:
        return self.training_triples

    def parts(self, cache: Path) -> Parts:
        single = self._single(cache)
        content = f"{single.content}-{self.training_triples}-{self.test_triples}-{TRIPLES_SEED}"
        generator = torch.Generator().manual_seed(TRIPLES_SEED)
        train = torch.randint(len(single.train), (self.training_triples, 3), generator=generator)
        test = torch.randint(len(single.test), (self.test_triples, 3), generator=generator)
        folder = cache / "data"
        return Parts(
            packed(folder / f"stacked-{content}-train.npy", lambda: single.train[train, 0].numpy()),
            packed(folder / f"stacked-{content}-test.npy", lambda: single.test[test, 0].numpy()),
            content,
        )

    def labelled_parts(self, cache: Path) -> tuple[Labelled, Labelled]:
        return labels_of(self._single(cache))

    def _single(self, cache: Path) -> Parts:
        return mnist5k_parts(100, cache) if self.digits == "mnist5k" else downloaded("MNIST", cache)
