"""Discriminators given as formulas, and small games in double precision."""

from dataclasses import dataclass, field

import torch

from bench.architectures.mlp import MLP
from bench.method import Method, Optimizer
from bench.training.game import Game
from bench.training.population import Network
from bench.training.streams import Blocks, MemberNoise, Stream
from bench.training.views import packed_shape

P, B = 3, 16
CPU = torch.device("cpu")


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fresh_noise(members: int = P) -> MemberNoise:
    return MemberNoise(list(range(members)), CPU)


@dataclass
class Formula:
    """A discriminator given as a formula: (P, B, …) → (P, B)."""

    function: object
    weights: dict = field(default_factory=dict)
    state: dict = field(default_factory=dict)

    def __call__(self, samples):
        return self.function(samples)

    def input_gradient(self, samples):
        samples = samples.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self(samples).sum(), samples, create_graph=True)
        return gradient


def same_batch(*shape: int, seed: int) -> Blocks:
    """The same batch of both members at every update."""
    batch = randn(2, *shape, seed=seed).to(torch.get_default_dtype())
    return Blocks(lambda member, steps: batch[member].expand(steps, *shape), 2, 4)


class Exact(Network):
    """Logits in the precision of the weights, for finite differences."""

    def __call__(self, inputs, weights=None):
        return self._call(inputs, self.weights if weights is None else weights)


def small_game(method: Method, base: Optimizer, batch: int = 8, **options) -> Game:
    """Two members with smooth networks on one batch, in torch's default precision."""
    pair = MLP(
        latent=3,
        generator_widths=(4,),
        discriminator_widths=(4,),
        generator_activation="tanh",
        discriminator_activation="tanh",
    )
    seeds, packs = [0, 1], packed_shape((2,), method.packing)
    return Game(
        method,
        Exact(lambda: pair.generator((2,)), seeds, Stream.GENERATOR_WEIGHTS, CPU),
        Exact(lambda: pair.discriminator(packs), seeds, Stream.DISCRIMINATOR_WEIGHTS, CPU),
        base,
        real=same_batch(batch, 2, seed=1),
        discriminator_latents=same_batch(batch, 3, seed=2),
        generator_latents=same_batch(batch, 3, seed=3),
        noise=MemberNoise(seeds, CPU),
        **{"updates": 100, **options},
    )
