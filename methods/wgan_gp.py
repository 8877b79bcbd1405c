"""Wasserstein GAN with gradient penalty."""

from dataclasses import dataclass

from torch import Tensor

from bench.method import (
    ArchitectureFacts,
    Count,
    DatasetFacts,
    Discriminator,
    Method,
    Noise,
    NonNegative,
    no_single_samples,
)


@dataclass(frozen=True)
class WGANGP(Method):
    """Wasserstein GAN with gradient penalty.

    Paper: Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, equation 3.
    Objective: E[D(G(z))] − E[D(x)] + λ E[(‖∇D(x̂)‖₂ − 1)²], x̂ uniform on the segment between a
    real and a fake sample, the norm taken for every sample by itself.
    Changes: both losses, the penalty, and 5 critic updates per generator update. Learning rate
    and betas stay the study's (the paper: 1e-4 and (0, .9); its code: (.5, .9)).
    """

    penalty_weight: NonNegative = 10.0
    critic_steps: Count = 5

    # their script for points, gan_toy.py of igul222/improved_wgan_training
    published = {"points": {"penalty_weight": 0.1}}
    search = {"penalty_weight": (0.1, 100, "log"), "critic_steps": [1, 5]}

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits.mean(1) - real_logits.mean(1)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        return -fake_logits.mean(1)

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        slope = self.slope_between(discriminator, real, fake, noise)
        return self.penalty_weight * (slope - 1).square().mean(1)

    def slope_between(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        """‖∇D(x̂)‖₂ at a point between each real sample and a fake one: → (P, B)."""
        share = noise.uniform(real.shape[1], *[1] * (real.ndim - 2))
        between = real * share + fake * (1 - share)
        return discriminator.input_gradient(between).flatten(2).norm(dim=2)

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        return no_single_samples(architecture)
