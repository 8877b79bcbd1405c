"""Least-squares GAN."""

from dataclasses import dataclass

from torch import Tensor

from bench.method import Method


@dataclass(frozen=True)
class LSGAN(Method):
    """Least-squares GAN.

    Paper: Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017, equation 9.
    Objective: ½ E[(D(x) − 1)²] + ½ E[D(G(z))²] for the discriminator, ½ E[(D(G(z)) − 1)²] for
    the generator, D without a sigmoid.
    Changes: both losses.
    """

    on_request = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ((real_logits - 1).square().mean(1) + fake_logits.square().mean(1)) / 2

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        return (fake_logits - 1).square().mean(1) / 2
