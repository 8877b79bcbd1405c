"""Fréchet distance between features: FID with Inception's, and named after the extractor else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.measuring.frechet import distance, fit
from bench.metric import Evaluation, Facts, FeatureMetric, Quantity, Results, When


@dataclass(frozen=True)
class FrechetDistance(FeatureMetric):
    """Fréchet distance of Gaussians fitted to generated and reference features.

    Heusel et al. 2017, equation 6; exact where a covariance is singular (docs/metrics.md).
    """

    extractors: ClassVar[tuple[str, ...]] = ("points", "lenet", "pixels")

    @property
    def called(self) -> str:
        return self.sees.distance[0]

    def not_applicable(self, dataset: Facts) -> str | None:
        if dataset.evaluation_samples < 2:
            return "a covariance needs two samples"
        return super().not_applicable(dataset)

    @property
    def times(self) -> When:
        # extracting Inception's features takes longer than training between two checkpoints
        return self.when or ("every" if self.sees.name in self.extractors else "ends")

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        name, label = self.sees.distance
        only = "" if name == "fid" else "; not FID"
        meaning = f"Fréchet distance between {self.sees.label} features of generated and reference "
        return (Quantity(name, label, f"{meaning}samples{only}", False, self.sees.distance_digits),)

    def measure(self, seen: Evaluation) -> Results:
        gaussian = fit(seen.features(self.sees).values)
        return {self.called: distance(gaussian, seen.reference(self.sees).gaussian)}
