"""Inception-v3 with the weights that alone give what is called FID."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.measuring.inception import (
    UNAVAILABLE,
    Inception,
    find_weights,
    load_inception,
    provide_weights,
    vouched,
)
from bench.metric import Extractor, Facts, Features, Unavailable


@dataclass(frozen=True)
class InceptionV3(Extractor):
    """pytorch-fid's network: 2,048 features, resized to 299 pixels without antialiasing."""

    label: ClassVar[str] = "Inception"
    has_classes: ClassVar[bool] = True
    kernel_digits: ClassVar[int] = 4
    antialias: ClassVar[bool] = False

    @property
    def prefix(self) -> str:
        return ""

    @property
    def distance(self) -> tuple[str, str]:
        return "fid", "FID"

    def not_applicable(self, dataset: Facts) -> str | None:
        if len(dataset.sample_shape) != 3 or dataset.sample_shape[0] not in (1, 3):
            return "Inception looks at images of 1 or 3 channels"
        return None

    def fetch(self) -> None:
        if provide_weights() is None:
            raise Unavailable(UNAVAILABLE)
        self.identity()

    def identity(self) -> str:
        return vouched(self._weights())[:16]

    def load(self, dataset: Any, cache: Path, device: torch.device | str) -> _Ready:
        network = load_inception(self._weights(), device, antialias=self.antialias)
        return _Ready(network, self.label)

    def _weights(self) -> Path:
        weights = find_weights()
        if weights is None:
            raise Unavailable(UNAVAILABLE)
        return weights


@dataclass(frozen=True, eq=False)
class _Ready:
    network: Inception
    label: str

    def __call__(self, samples: Tensor) -> Features:
        features = self.network.features(samples)
        # the original code's scores leave the bias out, too
        return Features(features, features @ self.network.classes.T)

    def describe(self) -> dict[str, Any]:
        described = self.network.describe()
        found: dict[str, Any] = {f"{self.label} {name}": told for name, told in described.items()}
        if described.get("weights", "published") != "published":
            found["cautions"] = [
                f"Inception's weights are not the published file ({described['weights']}): FID and "
                "the Inception scores compare with nothing outside this report"
            ]
        return found
