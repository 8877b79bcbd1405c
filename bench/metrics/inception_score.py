"""Inception Score (Salimans et al. 2016, section 4), of any extractor with classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.metric import (
    Evaluation,
    Facts,
    FeatureMetric,
    NotMeasured,
    Quantity,
    Results,
    TooFew,
    When,
)
from bench.values import Count


@dataclass(frozen=True)
class InceptionScore(FeatureMetric):
    """exp of the mean KL divergence of single images' classes from those of all images.

    Averaged over ``splits`` parts, as published. It never looks at real images.
    """

    measured: ClassVar[When] = "ends"

    splits: Count = 10

    @property
    def called(self) -> str:
        return "inception_score" if self.sees.name == "inception" else f"{self.sees.prefix}score"

    def not_applicable(self, dataset: Facts) -> str | None:
        if not self.sees.has_classes:
            return f"{self.sees.label} features have no classes"
        return super().not_applicable(dataset)

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        return (
            Quantity(self.called, f"{self.sees.label} Score", "how sure classes of single images "
                     "are and how evenly all classes come: exp of their mutual information, mean "
                     f"over {self.splits} parts", True, 2, group=self.group),
        )  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        logits = seen.features(self.sees).logits
        if logits is None:
            raise NotMeasured(f"the extractor {self.sees.name} knows no classes")
        return {self.called: class_score(logits.flatten(1).double().numpy(), self.splits)}

    def describe(self) -> dict[str, Any]:
        return {self.called: f"mean over {self.splits} parts of the samples, in their order"}


def class_score(logits: NDArray[np.float64], splits: int = 10) -> float:
    """Return the score of (N, C) class logits.

    Raises :class:`TooFew` for fewer samples than parts.
    """
    if len(logits) < splits:
        raise TooFew.of(splits, len(logits))
    logs = logits - logits.max(1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(1, keepdims=True))
    scores = []
    for part in np.array_split(logs, splits):
        shares = np.exp(part)
        mean = shares.mean(0)
        # classes that no image has contribute 0 · log 0 = 0
        whole = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
        scores.append(np.exp((shares * (part - whole)).sum(1).mean()))
    return float(np.mean(scores))
