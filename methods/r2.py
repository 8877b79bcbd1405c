"""R2: small slopes at fake samples."""

from dataclasses import dataclass

from torch import Tensor

from bench.method import Discriminator, Noise
from methods.r1 import R1, squared_slope


@dataclass(frozen=True)
class R2(R1):
    """R2 regularisation with the non-saturating loss.

    Paper: Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018,
    equation 10.
    Objective: the non-saturating GAN's, plus γ/2 · E[‖∇D(G(z))‖²] over fake samples.
    Changes: the penalty alone.
    """

    on_request = True

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        return self.gamma / 2 * squared_slope(discriminator, fake)
