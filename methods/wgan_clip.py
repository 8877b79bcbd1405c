"""Wasserstein GAN with clipped weights."""

from dataclasses import dataclass, replace

from torch import Tensor

from bench.method import Count, Method, Optimizer, Positive, Weights


@dataclass(frozen=True)
class WGANClip(Method):
    """Wasserstein GAN with weight clipping.

    Paper: Arjovsky et al., "Wasserstein Generative Adversarial Networks", ICML 2017, algorithm 1.
    Objective: E[D(G(z))] − E[D(x)], every parameter of D kept within ±c.
    Changes: both losses, clipping after every step of the discriminator, 5 critic updates per
    generator update, and RMSProp where the study says Adam, as the paper found momentum to harm.
    The learning rate stays the study's (the paper: 5e-5).
    """

    on_request = True

    clip: Positive = 0.01
    critic_steps: Count = 5
    rmsprop: bool = True

    search = {"clip": (0.001, 0.1, "log"), "critic_steps": [1, 5]}

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits.mean(1) - real_logits.mean(1)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        return -fake_logits.mean(1)

    def kept_weights(self, weights: Weights) -> Weights:
        return {name: weight.clamp(-self.clip, self.clip) for name, weight in weights.items()}

    def optimizers(self, base: Optimizer) -> tuple[Optimizer, Optimizer]:
        if self.rmsprop and base.kind == "adam":
            base = replace(base, kind="rmsprop")
        return base, base
