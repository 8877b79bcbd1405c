"""Relativistic pairing GAN."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from bench.method import Method


@dataclass(frozen=True)
class Relativistic(Method):
    """Relativistic pairing GAN: is a real sample more real than a fake one?

    Paper: Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from
    standard GAN", ICLR 2019 (arXiv 2018), there called RSGAN; RpGAN in later papers.
    Objective: −E[log σ(D(x) − D(G(z)))] for the discriminator, −E[log σ(D(G(z)) − D(x))] for the
    generator, each real sample paired with one fake sample, not with the average of all.
    Changes: both losses.
    """

    on_request = True

    generator_sees_real: ClassVar[bool] = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(fake_logits - real_logits).mean(1)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        if real_logits is None:
            raise ValueError("the relativistic loss compares fake logits with real ones")
        return softplus(real_logits - fake_logits).mean(1)
