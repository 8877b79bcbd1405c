"""Hinge loss."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu

from bench.method import Method


@dataclass(frozen=True)
class Hinge(Method):
    """Hinge loss.

    Paper: Lim & Ye, "Geometric GAN", 2017; Tran et al., NeurIPS 2017; usual since Miyato et al.
    2018, equations 16 and 17.
    Objective: E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))] for the discriminator, −E[D(G(z))] for
    the generator.
    Changes: both losses; a sample that is on its side by more than 1 teaches the discriminator
    nothing more.
    """

    on_request = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return relu(1 - real_logits).mean(1) + relu(1 + fake_logits).mean(1)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        return -fake_logits.mean(1)
