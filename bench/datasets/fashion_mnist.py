"""Fashion-MNIST, downloaded on first use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.datasets.classified import Classified
from bench.datasets.downloaded import Downloaded


@dataclass(frozen=True)
class FashionMNIST(Downloaded, Classified):
    """Fashion-MNIST (Xiao et al. 2017): clothes in the format of MNIST; its own LeNet."""

    name: ClassVar[str] = "fashion_mnist"
    kind: ClassVar[str] = "FashionMNIST"
