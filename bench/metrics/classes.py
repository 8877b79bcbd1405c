"""How many classes, or combinations of classes, images hold, as a LeNet labels them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.measuring.histograms import balance
from bench.metric import Evaluation, Facts, FeatureMetric, Quantity, Results

CLASSES = 10


@dataclass(frozen=True)
class Classes(FeatureMetric):
    """Captured classes of digits; of C channels, labelled one by one, the 10^C combinations.

    Stacked MNIST's count (Metz et al. 2017; PacGAN, section 4.2) is that of three channels.
    """

    extractors: ClassVar[tuple[str, ...]] = ("lenet",)

    extractor: Any = "lenet"

    @property
    def called(self) -> str:
        return self.name

    def not_applicable(self, dataset: Facts) -> str | None:
        if self.sees.name not in self.extractors:
            return "it counts classes as a LeNet labels them"
        return super().not_applicable(dataset)

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        channels = dataset.sample_shape[0]
        if channels == 1:
            return (
                Quantity("classes_20", "classes (≥20)", "classes of ten with at least 20 samples, "
                         "labelled by the LeNet", True, 2, ceiling=CLASSES),
                Quantity("classes_1", "classes (≥1)", "classes of ten with at least one sample",
                         True, 2, ceiling=CLASSES),
                Quantity("reverse_kl", "reverse KL", "nats from the histogram over classes to the "
                         "uniform one", False, 3),
                Quantity("jsd", "JSD", "Jensen–Shannon divergence of the same histogram, nats",
                         False, 3),
            )  # fmt: skip
        modes = CLASSES**channels
        return (
            Quantity("modes_1", f"modes (≥1) of {modes}", "combinations of digits with at least "
                     "one sample, labelled by the LeNet channel by channel", True, 1,
                     ceiling=modes),
            Quantity("reverse_kl", "reverse KL", f"nats from the histogram over the {modes:,} "
                     "combinations to the uniform one", False, 3),
        )  # fmt: skip

    def measure(self, seen: Evaluation) -> Results:
        logits = seen.features(self.sees).logits
        assert logits is not None
        labels = logits.reshape(len(logits), -1, logits.shape[-1]).argmax(-1).numpy()
        places = CLASSES ** np.arange(labels.shape[1])
        counts = np.bincount(labels @ places, minlength=CLASSES * int(places[-1]))
        captured = float((counts >= 1).sum())
        if labels.shape[1] == 1:
            return {
                "classes_20": float((counts >= 20).sum()),
                "classes_1": captured,
                **balance(counts),
            }
        return {"modes_1": captured, "reverse_kl": balance(counts)["reverse_kl"]}
