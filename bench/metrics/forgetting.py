"""Whether the last discriminator still knows the generators that it has met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.measuring.separation import as_trained, separation, spread
from bench.metric import Evaluation, Facts, Metric, Need, NotMeasured, Quantity, Results, When
from bench.values import Count


@dataclass(frozen=True)
class Forgetting(Metric):
    """How well the last discriminator tells earlier generators' samples from training samples."""

    needs: ClassVar[Need] = "game"
    by_default: ClassVar[bool] = False
    measured: ClassVar[When] = "last"
    family: ClassVar[str] = "anatomy"

    batch: Count = 256

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        told = (
            ("d_earlier_mean", "D on earlier G", "chance that a training sample's logit exceeds "
             "that of an earlier generator's sample, mean over checkpoints after the start", True),
            ("d_earlier_least", "D on earlier G, least", "the same of the checkpoint that is told "
             "apart the worst: below ½ its samples look more real than data", True),
            ("d_forgotten", "D forgets", "share of those checkpoints below ½", False),
        )  # fmt: skip
        return tuple(Quantity(*each, digits=3, group="Modes over time") for each in told)

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def measure(self, seen: Evaluation) -> Results:
        if len(seen.earlier) < 2:
            raise NotMeasured("there is no trained generator before this one")
        field = seen.game(self.batch)
        with torch.no_grad():
            real = field.logits(field.real)
            told = [
                separation(real, field.logits(as_trained(spread(each.samples, len(field.real)))))
                for each in seen.earlier[1:]
            ]
        return {
            "d_earlier_mean": sum(told) / len(told),
            "d_earlier_least": min(told),
            "d_forgotten": sum(each < 0.5 for each in told) / len(told),
        }
