"""Precision and recall, density and coverage, on any extractor's features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bench.measuring.neighbours import (
    DENSITY_NEIGHBOURS,
    PRECISION_NEIGHBOURS,
    Manifold,
    precision_recall_density_coverage,
)
from bench.measuring.reference import KEPT
from bench.metric import Evaluation, Facts, FeatureMetric, Quantity, Results, When


@dataclass(frozen=True)
class PrecisionRecall(FeatureMetric):
    """How good, and how varied, samples are (Kynkäänniemi et al. 2019; Naeem et al. 2020)."""

    measured: ClassVar[When] = "ends"
    extractors: ClassVar[tuple[str, ...]] = ("lenet",)

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        first, second = PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS
        meanings = {
            "precision": f"share of generated samples within the reference's manifold, k = {first}",
            "recall": f"share of reference samples within the generated manifold, k = {first}",
            "density": f"reference neighbourhoods that hold a generated sample, over k = {second}",
            "coverage": "share of reference neighbourhoods that hold a generated sample, "
            f"k = {second}",
        }
        return tuple(
            Quantity(f"{self.sees.prefix}{name}", f"{self.sees.label} {name}", meaning, True, 3,
                     group=self.group)
            for name, meaning in meanings.items()
        )  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        reference = seen.reference(self.sees)
        # making one says how many it needs
        manifold = reference.manifold or Manifold.of(reference.features)
        found = precision_recall_density_coverage(seen.features(self.sees).values[:KEPT], manifold)
        return {f"{self.sees.prefix}{name}": value for name, value in found.items()}

    def describe(self) -> dict[str, Any]:
        return {self.called: f"at most {KEPT:,} samples of each side"}
