"""The GAN as first written down: a zero-sum game."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from bench.method import Method


@dataclass(frozen=True)
class Vanilla(Method):
    """Minimax (saturating) GAN.

    Paper: Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, equation 1.
    Objective: min_G max_D E[log D(x)] + E[log(1 − D(G(z)))].
    Changes: the generator minimises log(1 − D(G(z))), whose gradient vanishes where the
    discriminator is sure of itself.
    """

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        return -softplus(fake_logits).mean(1)
