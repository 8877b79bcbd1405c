"""Gradients clipped by their norm."""

from dataclasses import dataclass

import torch

from bench.method import Gradients, Method, Positive


@dataclass(frozen=True)
class GradientClipping(Method):
    """Gradient clipping by norm, with the non-saturating loss.

    Paper: Pascanu et al., "On the difficulty of training recurrent neural networks", ICML 2013,
    algorithm 1; there is no usual bound for GANs.
    Objective: the non-saturating GAN's.
    Changes: a player's gradient whose norm over all its weights is above ``max_norm`` is scaled
    down to it. The norms in a record are those before.
    """

    on_request = True

    max_norm: Positive = 1.0

    def applied_gradients(self, gradients: Gradients) -> Gradients:
        squares = torch.stack([g.flatten(1).square().sum(1) for g in gradients])
        # where the norm is 0 the quotient is infinite, and 1 after the clamp
        scale = (self.max_norm / squares.sum(0).sqrt()).clamp(max=1)
        return [g * scale.view(-1, *[1] * (g.ndim - 1)) for g in gradients]
