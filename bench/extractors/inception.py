"""Inception-v3 with the weights that alone give what is called FID."""

from __future__ import annotations

from contextlib import suppress
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
from bench.metric import Extractor, Facts, Features, NotMeasured, Unavailable


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
        sides = {"samples": dataset.evaluation_samples}
        with suppress(NotMeasured):  # of statistics nobody knows how many they were
            sides["real images"] = len(dataset.reference_samples())
        return _Ready(network, self.label, self.distance[1], sides)

    def _weights(self) -> Path:
        weights = find_weights()
        if weights is None:
            raise Unavailable(UNAVAILABLE)
        return weights


@dataclass(frozen=True, eq=False)
class _Ready:
    network: Inception
    label: str
    distance: str
    sides: dict[str, int]
    """How many images are on either side."""

    def __call__(self, samples: Tensor) -> Features:
        features = self.network.features(samples)
        # the original code's scores leave the bias out, too
        return Features(features, features @ self.network.classes.T)

    def describe(self) -> dict[str, Any]:
        described = self.network.describe()
        found: dict[str, Any] = {f"{self.label} {name}": told for name, told in described.items()}
        cautions = []
        if described.get("weights", "published") != "published":
            cautions.append(
                f"Inception's weights are not the published file ({described['weights']}): FID and "
                "the Inception scores compare with nothing outside this report"
            )
        dims = self.network.dims
        if few := [f"{n:,} {side}" for side, n in self.sides.items() if n < dims]:
            cautions.append(
                f"{self.distance} fits {dims:,} features to only {' and '.join(few)}: its bias is "
                "large and grows as they get fewer; read it beside its floor, or KID in its place"
            )
        return {**found, **({"cautions": cautions} if cautions else {})}
