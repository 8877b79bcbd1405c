"""Points as their own features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from bench.metric import Extractor, Facts, Features


@dataclass(frozen=True)
class Points(Extractor):
    """Coordinates themselves, for data that are vectors."""

    label: ClassVar[str] = "data"
    distance_digits: ClassVar[int] = 4
    kernel_digits: ClassVar[int] = 4

    @property
    def prefix(self) -> str:
        return ""

    @property
    def distance(self) -> tuple[str, str]:
        return "data_fd", "data FD"

    def not_applicable(self, dataset: Facts) -> str | None:
        return (
            None if len(dataset.sample_shape) == 1 else "it compares points, and these are images"
        )

    def load(self, dataset: Any, cache: Any, device: Any) -> _Coordinates:
        return _Coordinates()


class _Coordinates:
    def __call__(self, samples: Tensor) -> Features:
        return Features(samples.detach().cpu().double())

    def describe(self) -> dict[str, Any]:
        return {}
