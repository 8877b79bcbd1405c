"""Discriminators given as formulas, and small games in double precision."""

from dataclasses import dataclass, field

import torch

from bench.architectures.mlp import MLP
from bench.method import Method, Optimizer
from bench.training.configuration import TrainingConfiguration
from bench.training.game import Game, Player, Rules
from bench.training.population import Network
from bench.training.state import initial_state
from bench.training.streams import MemberNoise, Stream
from bench.training.views import packed_shape

P, B = 3, 16
CPU = torch.device("cpu")


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fresh_noise(members: int = P) -> MemberNoise:
    return MemberNoise(list(range(members)))


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


class SameBatches:
    """Feeds a game the same batches at every request."""

    def __init__(self, noise, total: float = 100.0, **batches: torch.Tensor):
        self.total, self.batches = torch.tensor(total, dtype=torch.float64), batches
        self.noise = noise

    def next(self, kind: str) -> torch.Tensor:
        return self.batches[kind]

    def uniform(self, *shape: int) -> torch.Tensor:
        return self.noise.uniform(*shape)

    def normal(self, *shape: int) -> torch.Tensor:
        return self.noise.normal(*shape)


class Exact(Network):
    """Logits in the precision of the weights, for finite differences."""

    def __call__(self, inputs, weights, buffers):
        return self._call(inputs, weights, buffers)


def begin(rules: Rules, feed: SameBatches, seeds: list[int]) -> Game:
    """The game before the first update."""
    optimizers = rules.optimizers
    return Game(
        rules,
        initial_state(
            rules.generator,
            rules.discriminator,
            (optimizers["generator"], optimizers["discriminator"]),
            rules.method.initial_state(
                rules.discriminator.shaped(rules.discriminator.flat), MemberNoise(seeds)
            ),
            averages=rules.average_decay is not None,
        ),
        feed,
    )


def small_game(
    method: Method, base: Optimizer, batch: int = 8, updates: int = 100, **options
) -> Game:
    """Two members with smooth networks on one batch, in torch's default precision."""
    pair = MLP(
        latent=3,
        generator_widths=(4,),
        discriminator_widths=(4,),
        generator_activation="tanh",
        discriminator_activation="tanh",
    )
    seeds, packs = [0, 1], packed_shape((2,), method.packing)
    rules = Rules(
        method,
        Exact(lambda: pair.generator((2,)), seeds, Stream.GENERATOR_WEIGHTS, CPU),
        Exact(lambda: pair.discriminator(packs), seeds, Stream.DISCRIMINATOR_WEIGHTS, CPU),
        TrainingConfiguration(
            optimizer=base.kind,
            learning_rate=base.learning_rate,
            betas=base.betas,
            **options,
        ),
    )
    dtype = torch.get_default_dtype()
    feed = SameBatches(
        MemberNoise(seeds),
        updates,
        real=randn(2, batch, 2, seed=1).to(dtype),
        discriminator_latents=randn(2, batch, 3, seed=2).to(dtype),
        generator_latents=randn(2, batch, 3, seed=3).to(dtype),
    )
    return begin(rules, feed, seeds)


def weights(game: Game, player: Player) -> torch.Tensor:
    """A player's weights laid out flat: (P, N)."""
    return game._weights[player].detach().clone()


def place(game: Game, player: Player, flat: torch.Tensor) -> None:
    game._weights[player] = flat.detach()


def call(game: Game, player: Player, flat: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """A player under flat weights."""
    network = getattr(game._rules, player)
    return network(inputs, network.shaped(flat), game._buffers[player])


def differences(function, flat: torch.Tensor, step: float = 1e-5) -> torch.Tensor:
    """The gradient of a scalar function by central differences, of the shape of its argument."""
    gradient = torch.zeros_like(flat)
    for place in range(flat.numel()):
        nudge = torch.zeros_like(flat)
        nudge.view(-1)[place] = step
        gradient.view(-1)[place] = (function(flat + nudge) - function(flat - nudge)) / (2 * step)
    return gradient
