"""Consensus optimisation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.method import Game, Gradients, Method, NonNegative


@dataclass(frozen=True)
class ConsensusOptimization(Method):
    """Consensus optimisation with the non-saturating loss.

    Paper: Mescheder et al., "The Numerics of GANs", NeurIPS 2017, algorithm 2.
    Objective: each player's own loss, plus γ/2 ‖v‖², v the gradients of both players together.
    Changes: both players' gradients. They move from the same point, whatever the study says.
    """

    on_request = True

    gamma: NonNegative = 10.0

    def update(self, game: Game) -> None:
        for _ in range(game.critic_steps - 1):
            game.step_discriminator(game.discriminator_gradients())
        discriminator, generator = game.joint_gradients(self._energy)
        game.step_discriminator(discriminator)
        game.step_generator(generator)

    def _energy(self, discriminator: Gradients, generator: Gradients) -> Tensor:
        squares = [g.flatten(1).square().sum(1) for g in (*discriminator, *generator)]
        return self.gamma / 2 * torch.stack(squares).sum(0)
