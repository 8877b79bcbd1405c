"""Mine."""

from dataclasses import dataclass

from torch import Tensor

from bench.method import Method


@dataclass(frozen=True)
class Mine(Method):
    """Mine: say in a line what it is.

    Paper: where it comes from, as in "Karras et al., ICLR 2018, appendix A.1" for what stands here.
    Objective: the non-saturating GAN's, plus strength · E[D(x)²] over real samples, as an example.
    Changes: the discriminator's loss.
    """

    # A field is a hyperparameter: recorded, part of every result's key, and set from a study
    # file or with --set mine.strength=0.5
    strength: float = 0.001

    # Logits are (P, B), a row for each seed that trains in the same population: average over the
    # batch alone, with .mean(1), so that a loss is (P,).
    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        plain = super().discriminator_loss(real_logits, fake_logits)
        return plain + self.strength * real_logits.square().mean(1)

    # What else a method may change, each with its shapes in docs/adding-a-method.md:
    # generator_loss, penalty, discriminator_input, discriminator_weights, kept_weights,
    # applied_gradients, optimizers, critic_steps, ema, packing, update, not_applicable
