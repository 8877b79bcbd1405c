"""LeCam regularisation: logits held near their moving averages."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu

from bench.method import Decay, Discriminator, Noise, NonNegative, Weights
from methods.hinge import Hinge


@dataclass(frozen=True)
class LeCam(Hinge):
    """LeCam regularisation with the hinge loss.

    Paper: Tseng et al., "Regularizing Generative Adversarial Networks under Limited Data",
    CVPR 2021; weight and averages of its CIFAR runs, whose loss is the hinge.
    Objective: the hinge loss, plus λ (E[(D(x) − a_F)²] + E[(D(G(z)) − a_R)²]), with a_R and a_F
    the moving averages of D(x) and D(G(z)). ``one_sided``, as in the authors' code, counts a
    difference only where D(x) is above a_F, or D(G(z)) below a_R.
    Changes: the penalty and, against the non-saturating baseline, both losses. The averages start
    at the first batch's and count from there on (the authors wait some 1,000 updates).
    """

    on_request = True

    penalty_weight: NonNegative = 0.3
    decay: Decay = 0.99
    one_sided: bool = True

    search = {"penalty_weight": (0.01, 10, "log"), "decay": [0.9, 0.99, 0.999]}

    def initial_state(self, discriminator: Weights, noise: Noise) -> Weights:
        weight = next(iter(discriminator.values()))
        return {part: weight.new_zeros(len(weight)) for part in ("real", "fake", "begun")}

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        real_logits, fake_logits, state = (
            discriminator(real),
            discriminator(fake),
            discriminator.state,
        )
        with torch.no_grad():
            decay = self.decay * state["begun"]
            state["real"] = decay * state["real"] + (1 - decay) * real_logits.mean(1)
            state["fake"] = decay * state["fake"] + (1 - decay) * fake_logits.mean(1)
            state["begun"] = torch.ones_like(decay)
        above = real_logits - state["fake"][:, None]
        below = state["real"][:, None] - fake_logits
        if self.one_sided:
            above, below = relu(above), relu(below)
        return self.penalty_weight * (above.square().mean(1) + below.square().mean(1))
