"""DRAGAN: slopes of 1 around the data."""

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


@dataclass(frozen=True)
class DRAGAN(Method):
    """Gradient penalty around the data, with the non-saturating loss.

    Paper: Kodali et al., "On Convergence and Stability of GANs", 2017.
    Objective: the non-saturating GAN's, plus λ E[(‖∇D(x̂)‖₂ − 1)²] with x̂ = x + α δ, α from
    U[0, 1) for each sample, δ = spread · std(x) · U[0, 1) for each coordinate, std over the whole
    batch: the authors' code. The paper's text has Gaussian δ.
    Changes: the penalty alone.
    """

    on_request = True

    penalty_weight: NonNegative = 10.0
    spread: NonNegative = 0.5

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        deviation = real.flatten(1).std(1, unbiased=False).view(-1, *[1] * (real.ndim - 1))
        shift = self.spread * deviation * noise.uniform(*real.shape[1:])
        around = real + noise.uniform(real.shape[1], *[1] * (real.ndim - 2)) * shift
        slope = discriminator.input_gradient(around).flatten(2).norm(dim=2)
        return self.penalty_weight * (slope - 1).square().mean(1)

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        return no_single_samples(architecture)
