"""Gives the game of a stored checkpoint: both players' vector field, on one fixed batch.

The field is what :class:`bench.training.game.Game` computes with the method's hooks. A checkpoint
holds weights and buffers. Moments of the optimisers are not kept and not needed: the field is that
of the losses. What a method carries from update to update (singular vectors, averages of logits)
is not kept either; it is let come to rest at the checkpoint's weights on the same batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from bench.measuring.evaluation import Subject
from bench.method import Gradients, Method, Point, Weights
from bench.metric import NotFinite, NotMeasured
from bench.networks import Checkpoint, Tensors
from bench.records.cell import Cell
from bench.training.game import Game, Player, Rules
from bench.training.population import Network, joined
from bench.training.state import State, initial_state
from bench.training.streams import Stream, generator, latents_of
from bench.training.views import flat_of, packed, packed_shape

PLAYERS: tuple[Player, Player] = ("discriminator", "generator")
WEIGHTS_REST, GRADIENT_RESTS, MOST_ROUNDS = 1e-4, 1e-2, 100
"""Relative change in a round at which a method's state is at rest, and the most rounds."""


class _SameBatch:
    """Hands out the same real samples and latents at every request, and the same noise from the
    first one on."""

    def __init__(self, real: Tensor, latents: Tensor, total: Tensor):
        self._real, self._latents, self.total = real, latents, total
        self._noise = torch.Generator().manual_seed(0)

    def next(self, kind: str) -> Tensor:
        return self._real if kind == "real" else self._latents

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand((1, *shape), generator=self._noise).to(self._real.device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn((1, *shape), generator=self._noise).to(self._real.device)


class _Still(Game):
    """A game without steps, whose gradients stay functions of both players' weights."""

    def __init__(self, rules: Rules, state: State, feed: Any):
        super().__init__(rules, state, feed)
        self.simultaneous, self.critic_steps = True, 1
        self.given: dict[Player, Tensor] = {}
        """The gradients that the optimisers would be given."""

    def step_discriminator(self, gradients: Gradients) -> None:
        self.given["discriminator"] = flat_of(gradients)

    def step_generator(self, gradients: Gradients) -> None:
        self.given["generator"] = flat_of(gradients)

    def extrapolate(self, discriminator: Gradients, generator: Gradients) -> Point:
        return []

    def return_to(self, point: Point) -> None:
        pass

    def _ahead(self, fake: Tensor, steps: int) -> Any:
        if self._moments["discriminator"]:
            raise NotMeasured(
                "its generator's loss looks ahead through the optimiser's moments, which no "
                "checkpoint keeps; with plain gradient steps (optimizer: sgd) it can be measured"
            )
        return super()._ahead(fake, steps)

    def _apart(self, tensor: Tensor) -> Tensor:
        return tensor

    def _differentiated(self, loss: Tensor, *weights: Tensor, **options: Any) -> list[Tensor]:
        return super()._differentiated(loss, *weights, **{**options, "create_graph": True})


@dataclass
class Direction:
    """The field v at one point, and products with its Jacobian v′ there.

    Args:
        parts: the discriminator's and the generator's, each (N,) and a function of ``weights``.
        weights: both players', likewise.
    """

    parts: tuple[Tensor, Tensor]
    weights: tuple[Tensor, Tensor]

    @property
    def value(self) -> Tensor:
        """v, (N,), the discriminator's first."""
        return torch.cat([part.detach() for part in self.parts])

    def pulled(self, vector: Tensor) -> Tensor:
        """Return v′ᵀ u of a vector u: (N,) → (N,). v′ᵀ has the eigenvalues of v′."""
        split = vector.split([len(part) for part in self.parts])
        # a player's rows that are weighted by 0 cost nothing
        used = [
            (part, own)
            for part, own in zip(self.parts, split, strict=True)
            if part.requires_grad and bool(own.any())
        ]
        if not used:
            return torch.zeros_like(vector)
        outputs, weights = zip(*used, strict=True)
        pulls = torch.autograd.grad(
            outputs, self.weights, weights, retain_graph=True, materialize_grads=True
        )
        return torch.cat(pulls)

    def own_pulled(self, player: int, vector: Tensor) -> Tensor:
        """Return the product with a player's own block, symmetric: (Nᵢ,) → (Nᵢ,)."""
        part, weights = self.parts[player], self.weights[player]
        if not part.requires_grad:
            return torch.zeros_like(vector)
        (pull,) = torch.autograd.grad(
            part, weights, vector, retain_graph=True, materialize_grads=True
        )
        return pull


@dataclass
class Field:
    """Both players' descent directions, as a function of their weights.

    Args:
        rules: method, networks and configuration.
        start: the checkpoint as a state of training, with moments and the method's own state as at
            the start.
        feed: makes the batch anew, the same every time.
    """

    rules: Rules
    start: State
    feed: Callable[[], _SameBatch]

    @cached_property
    def state(self) -> State:
        """The checkpoint, what the method carries at rest."""
        return _at_rest(self.rules, self.start, self.feed)

    @cached_property
    def weights(self) -> Tensor:
        """Both players' at the checkpoint, (N,), the discriminator's first."""
        return torch.cat([self.start.discriminator[0], self.start.generator[0]])

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of the discriminator's and of the generator's weights."""
        return self.start.discriminator.shape[1], self.start.generator.shape[1]

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of the next step, likewise."""
        factor = float(_Still(self.rules, self.start, self.feed())._factor())
        first, second = (self.rules.optimizers[player].learning_rate for player in PLAYERS)
        return first * factor, second * factor

    @property
    def critic_steps(self) -> int:
        return self.rules.critic_steps

    def at(self, weights: Tensor) -> Direction:
        """Return the field at a point, (N,)."""
        own = [part.clone().requires_grad_() for part in weights.split(self.sizes)]
        state = self.state._replace(discriminator=own[0][None], generator=own[1][None])
        with torch.enable_grad():
            game = _Still(self.rules, state, self.feed())
            self.rules.method.update(game)
            parts = tuple(-game.given[player][0] for player in PLAYERS)
        if not all(bool(part.isfinite().all()) for part in parts):
            raise NotFinite("a gradient is not finite")
        return Direction(parts, tuple(own))  # type: ignore[arg-type]

    @property
    def real(self) -> Tensor:
        """The batch's training samples: (B, …)."""
        return self.feed().next("real")[0]

    @property
    def latents(self) -> Tensor:
        """The batch's latents: (B, Z)."""
        return self.feed().next("latents")[0]

    @cached_property
    def generated(self) -> Tensor:
        """Samples of the generator's last weights from these latents, as in training: (B, …)."""
        with torch.no_grad():
            game = _Still(self.rules, self.start, self.feed())
            return game._generated("latents", self.start.generator)[0]

    @cached_property
    def discriminator_weights(self) -> Weights:
        """The discriminator's at the checkpoint by name, as its method has it called."""
        own = self.rules.discriminator.shaped(self.state.discriminator)
        used = self.rules.method.discriminator_weights(own, dict(self.state.method), False)
        return {name: weight[0].detach() for name, weight in used.items()}

    @property
    def packing(self) -> int:
        """Samples that the discriminator is shown at once."""
        return self.rules.method.packing

    def logits(self, samples: Tensor) -> Tensor:
        """Return what the discriminator says of samples, packed and without noise or augmentation.

        (N, …) → (N // packing,), differentiable in the samples. Batch normalisation takes its
        statistics from these samples, as it does in training.
        """
        shown = packed(samples[None].to(self.weights.device), self.rules.method.packing)
        weights = {name: weight[None] for name, weight in self.discriminator_weights.items()}
        buffers = {name: each.clone() for name, each in self.state.discriminator_buffers.items()}
        return self.rules.discriminator(shown, weights, buffers)[0]


def field_of(
    cell: Cell,
    method: Method,
    architecture: Any,
    subject: Subject,
    checkpoint: Checkpoint,
    batch: int,
) -> Field:
    """Return the game of a checkpoint on ``batch`` real training samples and as many latents.

    Latents are the seed's first for evaluation; real samples are the first that the seed trains
    on, since a training set may be drawn anew for every seed. A method that joins several batches
    gets as many times more.
    """
    dataset, device = subject.dataset, subject.device
    shape, count = dataset.sample_shape, batch * method.batches
    networks = (
        Network(lambda: architecture.generator(shape), [0], Stream.GENERATOR_WEIGHTS, device),
        Network(
            lambda: architecture.discriminator(packed_shape(shape, method.packing)),
            [0],
            Stream.DISCRIMINATOR_WEIGHTS,
            device,
        ),
    )
    rules = Rules(method, *networks, cell.training)
    real = dataset.source(generator(cell.seed, Stream.DATA), device)(1, count).to(device)
    latents = latents_of(cell.seed, count, architecture.latent).to(device)[None]
    total = torch.tensor(float(cell.updates), dtype=torch.float64, device=device)

    def feed() -> _SameBatch:
        return _SameBatch(real, latents, total)

    players = checkpoint.players
    optimizers = rules.optimizers["generator"], rules.optimizers["discriminator"]
    state = initial_state(*networks, optimizers, {}, averages=False)._replace(
        generator=_flat(networks[0], players["generator"], device),
        discriminator=_flat(networks[1], players["discriminator"], device),
        generator_buffers=_buffers(networks[0], players["generator"], device),
        discriminator_buffers=_buffers(networks[1], players["discriminator"], device),
        discriminator_updates=torch.full_like(total, checkpoint.update),
        generator_updates=torch.full_like(total, checkpoint.generator_update),
    )
    own = networks[1].shaped(state.discriminator)
    state = state._replace(method=method.initial_state(own, feed()))
    return Field(rules, state, feed)


def _flat(network: Network, tensors: Tensors, device: torch.device) -> Tensor:
    return joined(tensors[name][None] for name in network.shaped(network.flat)).to(device)


def _buffers(network: Network, tensors: Tensors, device: torch.device) -> Weights:
    return {name: tensors[name][None].to(device) for name in network.buffers}


@torch.enable_grad()
def _at_rest(rules: Rules, state: State, feed: Callable[[], _SameBatch]) -> State:
    """Return the state with what the method carries as many updates at these weights leave it.

    It is at rest when what it acts on is: the weights that the discriminator is called with, and
    its gradient.
    """

    @torch.no_grad()
    def weights(state: State) -> tuple[Weights, Tensor]:
        own, carried = rules.discriminator.shaped(state.discriminator), dict(state.method)
        return carried, joined(rules.method.discriminator_weights(own, carried, True).values())

    def gradient(state: State) -> tuple[Weights, Tensor]:
        game = Game(rules, state, feed())  # type: ignore[arg-type]
        found = flat_of(game.discriminator_gradients())
        return game.state().method, found

    # the first suffices for most of them, and costs next to nothing
    for once_more, rest in ((weights, WEIGHTS_REST), (gradient, GRADIENT_RESTS)):
        before: Tensor | None = None
        for _ in range(MOST_ROUNDS if state.method else 0):
            carried, now = once_more(state)
            state = state._replace(method=carried)
            if before is not None and bool((now - before).norm() <= rest * now.norm()):
                break
            before = now
    return state
