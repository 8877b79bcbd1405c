"""R1: small slopes at real samples."""

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


def squared_slope(discriminator: Discriminator, samples: Tensor) -> Tensor:
    """E[‖∇D(x)‖²] over a batch, the norm taken for every sample by itself: (P, B, …) → (P,)."""
    return discriminator.input_gradient(samples).flatten(2).square().sum(2).mean(1)


@dataclass(frozen=True)
class R1(Method):
    """R1 regularisation with the non-saturating loss.

    Paper: Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018,
    equation 9.
    Objective: the non-saturating GAN's, plus γ/2 · E[‖∇D(x)‖²] over real samples. The authors'
    code leaves out the ½: its 10 is a γ of 20 here.
    Changes: the penalty alone.
    """

    on_request = True

    gamma: NonNegative = 10.0

    search = {"gamma": (0.1, 100, "log")}

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        return self.gamma / 2 * squared_slope(discriminator, real)

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        return no_single_samples(architecture)
