"""Extragradient."""

from dataclasses import dataclass

from bench.method import Game, Method


@dataclass(frozen=True)
class Extragradient(Method):
    """Extragradient (ExtraAdam where the study says Adam) with the non-saturating loss.

    Paper: Gidel et al., "A Variational Inequality Perspective on Generative Adversarial Networks",
    ICLR 2019, algorithms 2 and 4.
    Objective: the non-saturating GAN's.
    Changes: both players step ahead together, take their gradients there on a fresh batch, and
    step with these from where they were. Adam's moments see both gradients, as in the paper. The
    step ahead costs what an update costs, and is counted as one.
    """

    on_request = True

    def update(self, game: Game) -> None:
        for _ in range(game.critic_steps - 1):
            game.step_discriminator(game.discriminator_gradients())
        start = game.extrapolate(game.discriminator_gradients(), game.generator_gradients())
        discriminator, generator = game.discriminator_gradients(), game.generator_gradients()
        game.return_to(start)
        game.step_discriminator(discriminator)
        game.step_generator(generator)

    def round_length(self, critic_steps: int) -> int:
        return critic_steps + 1
