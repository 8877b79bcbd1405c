"""The Dirac-GAN: the smallest GAN there is, with known dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.datasets.base import Dataset, Draw, Metric, Snapshot, Values

_METRICS = (
    Metric("radius", "radius", "√(θ² + ψ²), distance from the equilibrium (0, 0)", False, 4),
    Metric("distance", "|θ|", "distance of the generated point from the data", False, 4),
    Metric("theta", "θ", "the generated point, with its sign", False, 4),
    Metric("psi", "ψ", "the discriminator's slope, with its sign", False, 4),
    Metric("data_fd", "data FD", "Fréchet distance of the points themselves: θ²", False, 4),
)  # fmt: skip


@dataclass(frozen=True)
class Dirac(Dataset):
    """All data at the point 0 (Mescheder, Geiger & Nowozin, ICML 2018, section 2).

    Made for the ``dirac`` architecture, G(z) = θ and D(x) = ψx, whose equilibrium is (0, 0).
    """

    name: ClassVar[str] = "dirac"
    kept_samples: ClassVar[int] = 1

    evaluation_samples: int = 1

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (1,)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return _METRICS

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        return lambda steps, batch: torch.zeros((steps, batch, 1), device=device)

    def evaluate(self, snapshot: Snapshot) -> Values:
        if snapshot.generator is None or snapshot.discriminator is None:
            raise ValueError("the Dirac-GAN is evaluated by its two weights")
        if snapshot.discriminator.keys() != {"psi.weight"}:
            raise ValueError("dataset dirac needs the architecture dirac")
        theta = float(snapshot.generator["theta"])
        psi = float(snapshot.discriminator["psi.weight"])
        return {
            "radius": float((theta**2 + psi**2) ** 0.5),
            "distance": abs(theta),
            "theta": theta,
            "psi": psi,
            "data_fd": theta**2,
        }

    def floor(self) -> Values:
        return dict.fromkeys((metric.name for metric in _METRICS), 0.0)
