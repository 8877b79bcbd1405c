"""How many directions the features of samples take (Roy & Vetterli 2007)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.metric import Evaluation, Facts, FeatureMetric, NotMeasured, Quantity, Results, TooFew


@dataclass(frozen=True)
class FeatureRank(FeatureMetric):
    """Effective rank of samples' features: exp of the entropy of their covariance's spectrum."""

    by_default: ClassVar[bool] = False
    extractors: ClassVar[tuple[str, ...]] = ("points", "lenet", "pixels")
    family: ClassVar[str] = "anatomy"

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        meaning = f"effective rank of the samples' {self.sees.label} features"
        return (Quantity(self.called, f"{self.sees.label} rank", meaning, True, 2,
                         group=self.group),)  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        return {self.called: effective_rank(seen.features(self.sees).values)}


def effective_rank(features: Tensor) -> float:
    """Return exp of the entropy of the covariance's eigenvalues, as shares: (N, D) → 1 to D.

    Raises:
        TooFew: there are less than two.
        NotMeasured: all are the same.
    """
    if len(features) < 2:
        raise TooFew.of(2, len(features))
    centred = features.double() - features.double().mean(0)
    variances = torch.linalg.svdvals(centred).square()
    total = variances.sum()
    if float(total) <= 1e-24 * float(features.double().square().sum()):
        raise NotMeasured("all samples have the same features")
    share = variances / total
    return float(torch.special.entr(share).sum().exp())
