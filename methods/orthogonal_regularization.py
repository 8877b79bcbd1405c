"""Orthogonal regularisation of the discriminator's weights."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.method import ArchitectureFacts, DatasetFacts, Discriminator, Method, Noise, NonNegative


@dataclass(frozen=True)
class OrthogonalRegularization(Method):
    """Orthogonal regularisation with the non-saturating loss.

    Paper: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
    ICLR 2019, equation 3; after Brock et al., ICLR 2017.
    Objective: the non-saturating GAN's, plus β Σ ‖W Wᵀ ⊙ (1 − I)‖²_F over the weight matrices,
    whose rows are then orthogonal and of any length; convolutions count as matrices of
    (out, in · kernel).
    Changes: the penalty, on the discriminator's weights. The paper puts it on the generator's, to
    truncate latents; as a means of stabilisation Miyato et al. 2018 compare it on the
    discriminator's.
    """

    on_request = True

    penalty_weight: NonNegative = 1e-4

    search = {"penalty_weight": (1e-6, 1e-2, "log")}

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        matrices = [w.flatten(2) for w in discriminator.weights.values() if w.ndim >= 3]
        return self.penalty_weight * torch.stack([_overlap(w) for w in matrices]).sum(0)

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        if architecture.scalar_discriminator:
            return "the discriminator is a single number, which has nothing to be orthogonal to"
        return None


def _overlap(matrix: Tensor) -> Tensor:
    """Squared inner products of different rows, summed: (P, out, in) → (P,)."""
    products = matrix @ matrix.mT
    others = 1 - torch.eye(products.shape[1], dtype=products.dtype, device=products.device)
    return (products * others).square().sum((1, 2))
