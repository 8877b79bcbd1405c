"""MNIST, downloaded on first use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.datasets.classified import Classified
from bench.datasets.downloaded import Downloaded


@dataclass(frozen=True)
class MNIST(Downloaded, Classified):
    """MNIST (LeCun et al. 1998): 60,000 digits to train on and 10,000 to compare with, 28 × 28."""

    name: ClassVar[str] = "mnist"
    kind: ClassVar[str] = "MNIST"
