"""What a method is shown: the discriminator, gradients and packs of samples."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.method import Gradients, Weights
from bench.training.population import Network, joined


class View:
    """The discriminator as a penalty sees it.

    Args:
        network: maps samples and weights to logits.
        weights: the discriminator's, transformed by the method.
        state: what the method carries from update to update.
        count: called for every input gradient.
    """

    def __init__(self, network, weights: Weights, state: Weights, count):
        self.weights, self.state = weights, state
        self._network, self._count = network, count
        self._known: list[tuple[Tensor, Tensor]] = []

    def __call__(self, samples: Tensor) -> Tensor:
        for seen, logits in self._known:
            if seen is samples:
                return logits
        return self._network(samples, self.weights)

    def remember(self, samples: Tensor, logits: Tensor) -> None:
        """Remember known logits: asked for these very samples, nothing is computed."""
        self._known.append((samples, logits))

    def input_gradient(self, samples: Tensor) -> Tensor:
        self._count()
        # those of a differentiable generator stay part of its graph; a clone, so that nothing
        # else that was made of them is differentiated
        kept = samples.requires_grad
        samples = samples.clone() if kept else samples.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self(samples).sum(), samples, create_graph=True)
        return gradient


class Gradient(list[Tensor]):
    """A gradient weight by weight, as methods see it, and the flat one that it consists of."""

    def __init__(self, network: Network, flat: Tensor):
        super().__init__(network.shaped(flat).values())
        self.flat, self._parts = flat, tuple(self)

    def untouched(self) -> bool:
        """Tell whether no part was replaced."""
        return all(one is other for one, other in zip(self, self._parts, strict=True))


def flat_of(gradients: Gradients) -> Tensor:
    """Return gradients as one, (P, N): the flat one itself where a method has left it alone."""
    if isinstance(gradients, Gradient) and gradients.untouched():
        return gradients.flat
    return joined(gradients)


def packed_shape(sample_shape: tuple[int, ...], packing: int) -> tuple[int, ...]:
    """Return the shape of ``packing`` samples as one: their channels, or coordinates, in a row."""
    return (packing * sample_shape[0], *sample_shape[1:])


def packed(samples: Tensor, packing: int) -> Tensor:
    """Join neighbours in the batch: (P, B, C, …) → (P, B // packing, packing · C, …).

    What fills no pack at the end of the batch is left out.
    """
    if packing == 1:
        return samples
    packs = samples.shape[1] // packing
    if packs == 0:
        raise BenchError(f"a batch of {samples.shape[1]} holds no pack of {packing} samples")
    return samples[:, : packs * packing].unflatten(1, (packs, packing)).flatten(2, 3)
