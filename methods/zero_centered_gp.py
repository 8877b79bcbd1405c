"""Zero-centred gradient penalty between real and fake samples."""

from dataclasses import dataclass

from torch import Tensor

from bench.method import (
    ArchitectureFacts,
    DatasetFacts,
    Discriminator,
    Method,
    Noise,
    NonNegative,
    no_single_samples,
)
from methods.r1 import squared_slope


@dataclass(frozen=True)
class ZeroCenteredGP(Method):
    """Zero-centred gradient penalty (0-GP) with the non-saturating loss.

    Paper: Thanh-Tung et al., "Improving Generalization and Stability of Generative Adversarial
    Networks", ICLR 2019.
    Objective: the non-saturating GAN's, plus λ E[‖∇D(x̂)‖²], x̂ uniform on the segment between a
    real and a fake sample.
    Changes: the penalty alone. λ = 10 is ours, as of the other penalties: the authors' code takes
    the slope of a probability, where that of a logit is meant here, and so other weights.
    """

    on_request = True

    penalty_weight: NonNegative = 10.0

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        share = noise.uniform(real.shape[1], *[1] * (real.ndim - 2))
        between = real * share + fake * (1 - share)
        return self.penalty_weight * squared_slope(discriminator, between)

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        return no_single_samples(architecture)
