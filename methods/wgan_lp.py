"""Wasserstein GAN with a one-sided gradient penalty."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu

from bench.method import Discriminator, Noise
from methods.wgan_gp import WGANGP


@dataclass(frozen=True)
class WGANLP(WGANGP):
    """Wasserstein GAN with Lipschitz penalty.

    Paper: Petzka et al., "On the regularization of Wasserstein GANs", ICLR 2018.
    Objective: E[D(G(z))] − E[D(x)] + λ E[max(0, ‖∇D(x̂)‖₂ − 1)²], x̂ as for ``wgan_gp``.
    Changes: what ``wgan_gp`` changes, but slopes below 1 are not punished. λ stays the same, so
    that the two differ in the penalty's form alone.
    """

    on_request = True

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        slope = self.slope_between(discriminator, real, fake, noise)
        return self.penalty_weight * relu(slope - 1).square().mean(1)
