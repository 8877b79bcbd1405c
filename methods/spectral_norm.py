"""Spectral normalisation of the discriminator."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from bench.method import ArchitectureFacts, Count, DatasetFacts, Method, Noise, Weights


@dataclass(frozen=True)
class SpectralNorm(Method):
    """Spectrally normalised GAN with the non-saturating loss.

    Paper: Miyato et al., "Spectral Normalization for Generative Adversarial Networks",
    ICLR 2018, equation 8 and algorithm 1.
    Objective: the non-saturating GAN with every weight matrix W of the discriminator divided by
    its largest singular value, estimated by power iteration; convolutions count as matrices
    of (out, in · kernel).
    Changes: the discriminator's weights only. Critic steps stay 1 (the paper uses 5 with Adam
    betas (0, .9) for its tables), so that the normalisation is the one thing compared.
    """

    power_iterations: Count = 1

    def initial_state(self, discriminator: Weights, noise: Noise) -> Weights:
        return {
            name: normalize(noise.normal(weight.shape[1]), dim=1)
            for name, weight in discriminator.items()
            if _is_matrix(weight)
        }

    def discriminator_weights(self, weights: Weights, state: Weights, advance: bool) -> Weights:
        return {
            name: weight / self._largest_singular_value(name, weight, state, advance)
            if name in state
            else weight
            for name, weight in weights.items()
        }

    def _largest_singular_value(
        self, name: str, weight: Tensor, state: Weights, advance: bool
    ) -> Tensor:
        matrix = weight.flatten(2)
        with torch.no_grad():
            left = state[name]
            for _ in range(self.power_iterations if advance else 0):
                right = normalize(torch.einsum("po,poi->pi", left, matrix), dim=1)
                left = normalize(torch.einsum("pi,poi->po", right, matrix), dim=1)
            state[name] = left
            right = normalize(torch.einsum("po,poi->pi", left, matrix), dim=1)
        sigma = torch.einsum("po,poi,pi->p", left, matrix, right)
        return sigma.view(-1, *[1] * (weight.ndim - 1))

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        if architecture.scalar_discriminator:
            return (
                "the discriminator is a single number; divided by its own norm it could only "
                "be 1 or −1 and would never learn"
            )
        return None


def _is_matrix(weight: Tensor) -> bool:
    """Linear and convolution weights, not biases and normalisation scales, behind the P axis."""
    return weight.ndim >= 3
