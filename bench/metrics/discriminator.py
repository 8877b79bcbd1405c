"""What the discriminator has come to: overfitted, saturated, steep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.measuring.separation import as_trained, separation, spread
from bench.metric import Evaluation, Facts, Field, Metric, Need, NotMeasured, Quantity, Results
from bench.values import Count

PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where on a segment from a real to a generated sample the slope is taken."""


@dataclass(frozen=True)
class Discriminator(Metric):
    """Accuracy and gap of logits on training, held-out and generated samples; slopes and norms."""

    needs: ClassVar[Need] = "game"
    by_default: ClassVar[bool] = False
    family: ClassVar[str] = "anatomy"

    batch: Count = 256

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        told = (
            ("d_accuracy_train", "D accuracy, training", "share of training samples with a logit "
             "above 0", True),
            ("d_accuracy_held_out", "D accuracy, held out", "the same of samples held out from "
             "training", True),
            ("d_accuracy_generated", "D accuracy, generated", "share of generated samples with a "
             "logit below 0", True),
            ("d_separation", "D separation", "chance that a training sample's logit exceeds a "
             "generated one's: 1 perfect, ½ none", True),
            ("d_gap", "logit gap", "mean logit of training samples less that of generated ones",
             False),
            ("d_overfitting", "D overfitting", "mean logit of training samples less that of "
             "held-out ones, over the logit gap", False),
            ("d_saturation", "D saturation", "share of training and generated samples whose logit "
             "is right by more than 5: σ(−5) = 0.7 % of the gradient is left", False),
            ("d_slope", "D slope", "largest norm of the input gradient at training and generated "
             "samples and on segments between them: at most the Lipschitz constant", False),
            ("d_spectral_largest", "D spectral norm", "largest spectral norm of a layer's weights",
             False),
            ("d_spectral_product", "D Lipschitz bound", "product of the spectral norms of all "
             "layers", False),
            ("d_spectral_first", "D spectral norm, first", "spectral norm of the first layer",
             False),
            ("d_spectral_last", "D spectral norm, last", "spectral norm of the last layer", False),
        )  # fmt: skip
        return tuple(
            Quantity(*each, digits=3, group="The discriminator", descriptive=True) for each in told
        )

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def measure(self, seen: Evaluation) -> Results:
        field = seen.game(self.batch)
        with torch.no_grad():
            train, held_out, generated = (
                field.logits(samples)
                for samples in (field.real, _held_out(seen, len(field.real)), field.generated)
            )
        gap = float(train.mean() - generated.mean())
        beyond = float(train.mean() - held_out.mean())
        norms = spectral_norms(field.discriminator_weights)
        return {
            "d_accuracy_train": float((train > 0).double().mean()),
            "d_accuracy_held_out": float((held_out > 0).double().mean()),
            "d_accuracy_generated": float((generated < 0).double().mean()),
            "d_separation": separation(train, generated),
            "d_gap": gap,
            "d_overfitting": beyond / gap if gap else NotMeasured("the logit gap is 0").reason,
            "d_saturation": float(torch.cat([train > 5, generated < -5]).double().mean()),
            "d_slope": largest_slope(field, field.real, field.generated),
            "d_spectral_largest": max(norms),
            "d_spectral_product": float(torch.tensor(norms).double().prod()),
            "d_spectral_first": norms[0],
            "d_spectral_last": norms[-1],
        }


def _held_out(seen: Evaluation, count: int) -> Tensor:
    """Return samples that no training has seen, of the part that is not its own."""
    dataset = seen.dataset
    on_train = getattr(dataset, "reference", "test") == "train"
    own = dataset.held_out_samples() if on_train else seen.real
    return as_trained(spread(own, count))


def largest_slope(field: Field, real: Tensor, generated: Tensor) -> float:
    """Return the largest ‖∇ₓD(x)‖ at samples, (B, …) each, and between their pairs.

    Of a discriminator that sees packs, by a pack.
    """
    slopes = []
    for place in PLACES:
        points = (real + place * (generated - real)).detach().requires_grad_()
        with torch.enable_grad():
            logits = field.logits(points)
        (gradient,) = torch.autograd.grad(logits.sum(), points)
        packs = gradient[: field.packing * len(logits)]
        slopes.append(packs.reshape(len(logits), -1).norm(dim=1).max())
    return float(torch.stack(slopes).max())


def spectral_norms(weights: Mapping[str, Tensor]) -> list[float]:
    """Return each layer's largest singular value, a convolution as a matrix (out, in · kernel).

    Raises:
        NotMeasured: no layer has a matrix.
    """
    matrices = [weight.detach().flatten(1) for weight in weights.values() if weight.ndim >= 2]
    if not matrices:
        raise NotMeasured("the discriminator has no layer of weights")
    return [float(torch.linalg.matrix_norm(matrix.double(), 2)) for matrix in matrices]
