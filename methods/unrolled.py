"""Unrolled GAN."""

from dataclasses import dataclass

from bench.method import CountFrom0, Game, Method


@dataclass(frozen=True)
class Unrolled(Method):
    """Unrolled GAN with the non-saturating loss.

    Paper: Metz et al., "Unrolled Generative Adversarial Networks", ICLR 2017, section 2.
    Objective: the non-saturating GAN's; the generator's against the discriminator as ``steps``
    (the paper's K) more updates would make it, through which it is differentiated.
    Changes: the generator's gradient. The steps are those of the discriminator's own optimiser, on
    the generator's batch and the latest real one; then they are forgotten.
    """

    on_request = True

    steps: CountFrom0 = 5

    search = {"steps": [1, 5, 10]}

    def update(self, game: Game) -> None:
        for _ in range(game.critic_steps - 1):
            game.step_discriminator(game.discriminator_gradients())
        discriminator = game.discriminator_gradients()
        if game.simultaneous:
            generator = game.generator_gradients(self.steps)
            game.step_discriminator(discriminator)
        else:
            game.step_discriminator(discriminator)
            generator = game.generator_gradients(self.steps)
        game.step_generator(generator)
