"""One round of the game between two players, as a pure function of tensors.

A method's ``update`` drives a :class:`Game` that begins at a state and ends at the next one.
Nothing outlives the round: it changes entries of its own dictionaries, never the tensors it was
given. The same code is called plainly, or traced once and compiled (``engines.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.method import (
    Gradients,
    Method,
    Optimizer,
    Point,
    Progress,
    Regulariser,
    Weights,
)
from bench.training.configuration import TrainingConfiguration
from bench.training.feed import Feed, Needs, Recorder
from bench.training.optimizers import step
from bench.training.population import Network, joined
from bench.training.state import Inputs, State
from bench.training.views import Gradient, View, flat_of, packed

Player = Literal["discriminator", "generator"]


@dataclass(frozen=True)
class Rules:
    """What stays the same in every round.

    Args:
        method: the hooks.
        generator, discriminator: the networks.
        configuration: how they are trained; the method's own choices hold where it has None.
    """

    method: Method
    generator: Network
    discriminator: Network
    configuration: TrainingConfiguration

    @cached_property
    def optimizers(self) -> dict[Player, Optimizer]:
        for_generator, for_discriminator = self.method.optimizers(self.configuration.base_optimizer)
        return {"discriminator": for_discriminator, "generator": for_generator}

    @property
    def average_decay(self) -> float | None:
        """Decay of the generator's average, or None where none is kept."""
        return self.method.ema if self.method.ema > 0 else self.configuration.ema

    @property
    def critic_steps(self) -> int:
        return self.configuration.critic_steps or self.method.critic_steps

    @property
    def round_length(self) -> int:
        return self.method.round_length(self.critic_steps)


Observed = dict[str, Tensor]
"""A round's series by name, (updates of that player in the round, P) each."""

Round = Callable[[State, Inputs], tuple[State, Observed]]


def round_of(rules: Rules, needs: Needs) -> Round:
    """Return the pure function that plays one round: state, inputs → state, observed."""

    def play(state: State, inputs: Inputs) -> tuple[State, Observed]:
        game = Game(rules, state, Feed(inputs, needs, rules.method.name))
        rules.method.update(game)
        return game.state(), game.observed()

    return play


@dataclass
class Survey:
    """What a round asks for and what it costs, found by playing one."""

    needs: Needs
    discriminator_updates: int
    generator_updates: int
    gradient_evaluations: int
    """Calls of the automatic differentiation: one per player's gradient, one per input gradient,
    one per step that is only looked ahead to, one per gradient of both gradients."""


def survey(
    rules: Rules, state: State, real: tuple[int, ...], latents: tuple[int, ...], total: Tensor
) -> Survey:
    """Play a round that is thrown away, and return what it asked for.

    Args:
        real, latents: shapes of one batch, (P, B, …) and (P, B, Z).

    Raises:
        BenchError: the method's ``update`` makes no discriminator update, or none of its generator.
    """
    recorder = Recorder(real, latents, total)
    game = Game(rules, state, recorder)
    rules.method.update(game)
    if not game.made["discriminator"]:
        raise BenchError(
            f"method {rules.method.name}: update() made no discriminator update, so the budget "
            "would never be spent; call game.step_discriminator"
        )
    if not game.made["generator"]:
        raise BenchError(
            f"method {rules.method.name}: update() made no generator update, so the generator "
            "would never learn; call game.step_generator"
        )
    return Survey(
        recorder.needs, game.made["discriminator"], game.made["generator"], game.gradients
    )


@dataclass
class _Series:
    losses: list[Tensor] = field(default_factory=list)
    norms: list[Tensor] = field(default_factory=list)


class Game:
    """Both players of P members during one round: the contract's ``Game``.

    Args:
        rules: method, networks, optimisers.
        state: where the round begins.
        feed: its batches and random numbers.
    """

    def __init__(self, rules: Rules, state: State, feed: Feed | Recorder):
        self._rules, self._method, self._feed = rules, rules.method, feed
        self.simultaneous = rules.configuration.simultaneous
        self.critic_steps = rules.critic_steps
        self.made: dict[Player, int] = {"discriminator": 0, "generator": 0}
        self.gradients = 0
        self._weights: dict[Player, Tensor] = {
            "discriminator": state.discriminator,
            "generator": state.generator,
        }
        self._moments = {
            "discriminator": state.discriminator_moments,
            "generator": state.generator_moments,
        }
        self._updates = {
            "discriminator": state.discriminator_updates,
            "generator": state.generator_updates,
        }
        # changed in place by batch normalisation, and perhaps by a method
        self._buffers = {
            "discriminator": _copied(state.discriminator_buffers),
            "generator": _copied(state.generator_buffers),
        }
        self._state = _copied(state.method)
        self._average, self._averaged = state.average, state.averaged
        self._series: dict[Player, _Series] = {"discriminator": _Series(), "generator": _Series()}
        self._latest: Tensor | None = None
        self._extrapolating = False

    def state(self) -> State:
        """Return where the game stands."""
        return State(
            generator=self._weights["generator"],
            discriminator=self._weights["discriminator"],
            generator_buffers=self._buffers["generator"],
            discriminator_buffers=self._buffers["discriminator"],
            generator_moments=self._moments["generator"],
            discriminator_moments=self._moments["discriminator"],
            method=_detached(self._state),
            average=self._average,
            discriminator_updates=self._updates["discriminator"],
            generator_updates=self._updates["generator"],
            averaged=self._averaged,
        )

    def observed(self) -> Observed:
        """Return losses and gradient norms of the round's updates."""
        return {
            f"{player}_{quantity}": torch.stack(values)
            for player, series in self._series.items()
            for quantity, values in (("loss", series.losses), ("norm", series.norms))
            if values
        }

    @property
    def progress(self) -> Progress:
        return Progress(self._updates["discriminator"], self._feed.total)

    # one player's gradient, from the batch to the loss

    def discriminator_gradients(self) -> Gradients:
        """Return gradients of the discriminator's whole loss, penalty included, on a new batch."""
        real = self._latest = self._feed.next("real")
        fake = self._generated("discriminator_latents", self._weights["generator"])
        weights = self._leaf(self._weights["discriminator"])
        discriminator = self._discriminator(weights, self._state, advance=True)
        loss = self._discriminator_loss(discriminator, self._shown(real), self._shown(fake))
        (gradient,) = self._differentiated(loss, weights)
        return self._recorded("discriminator", loss, gradient)

    def generator_gradients(self, ahead: int = 0) -> Gradients:
        """Return gradients of the generator's loss on a new batch of latents.

        With ``ahead``, against the discriminator as it would be after so many more steps of its
        optimiser on this batch and the latest real one, and through these steps.
        """
        weights = self._leaf(self._weights["generator"])
        fake = self._shown(self._generated("generator_latents", weights))
        discriminator = self._discriminator(self._weights["discriminator"], self._state)
        if ahead:
            discriminator = self._ahead(fake, ahead)
        loss = self._generator_loss(discriminator, fake)
        (gradient,) = self._differentiated(loss, weights)
        return self._recorded("generator", loss, gradient)

    def joint_gradients(self, regulariser: Regulariser) -> tuple[Gradients, Gradients]:
        """Return the discriminator's and the generator's gradients at one point, regularised.

        ``regulariser`` maps both lists of gradients to (P,); its own gradient is added to them.
        """
        real = self._latest = self._feed.next("real")
        own = {player: self._leaf(flat) for player, flat in self._weights.items()}
        fake = self._generated("discriminator_latents", own["generator"])
        losses = {
            "discriminator": self._discriminator_loss(
                self._discriminator(own["discriminator"], self._state, advance=True),
                self._shown(real),
                self._shown(fake),
            ),
            "generator": self._generator_loss(
                self._discriminator(own["discriminator"], self._state),
                self._shown(self._generated("generator_latents", own["generator"])),
            ),
        }
        players: tuple[Player, Player] = ("discriminator", "generator")
        plain = [self._differentiated(losses[p], own[p], create_graph=True)[0] for p in players]
        named = [Gradient(self._network(p), flat) for p, flat in zip(players, plain, strict=True)]
        energy = self._checked(regulariser(*named), "the regulariser of joint_gradients")
        # of a linear loss, no gradient depends on the last bias
        pulls = self._differentiated(energy, *(own[p] for p in players), materialize_grads=True)
        whole = [
            self._recorded(player, losses[player], self._apart(one + pull))
            for player, one, pull in zip(players, plain, pulls, strict=True)
        ]
        return whole[0], whole[1]

    # steps

    def step_discriminator(self, gradients: Gradients) -> None:
        self._step("discriminator", gradients)
        self._weights["discriminator"] = self._kept(self._weights["discriminator"]).detach()

    def step_generator(self, gradients: Gradients) -> None:
        self._step("generator", gradients)
        decay = self._rules.average_decay
        if decay is None or self._extrapolating:
            return
        # grows up to its value, so that the initial weights are soon forgotten
        self._averaged = self._averaged + 1
        now = ((1 + self._averaged) / (10 + self._averaged)).clamp(max=decay)
        before, weights = self._average["generator"], self._weights["generator"]
        self._average = {"generator": before * now + weights * (1 - now)}

    def extrapolate(self, discriminator: Gradients, generator: Gradients) -> Point:
        """Step with both players for a look ahead, and return where they came from.

        It costs what an update costs and counts as one; averages of weights leave it out.
        """
        start = list(self._weights.values())
        self._extrapolating = True
        self.step_discriminator(discriminator)
        self.step_generator(generator)
        self._extrapolating = False
        return start

    def return_to(self, point: Point) -> None:
        """Put both players back to where :meth:`extrapolate` took them from."""
        self._weights = dict(zip(self._weights, point, strict=True))

    @torch.no_grad()
    def _step(self, player: Player, gradients: Gradients) -> None:
        self._weights[player], self._moments[player] = step(
            self._rules.optimizers[player],
            self._weights[player],
            flat_of(self._method.applied_gradients(gradients)),
            self._moments[player],
            self._updates[player] + 1,
            self._factor(),
        )
        self._updates[player] = self._updates[player] + 1
        self.made[player] += 1

    def _factor(self) -> Tensor | float:
        """Return what the learning rates are multiplied by."""
        if self._rules.configuration.decay == "none":
            return 1.0
        # the generator's last update comes after the whole budget
        return torch.maximum(1 - self.progress.fraction, 1 / self._feed.total)

    # losses

    def _discriminator_loss(self, discriminator: View, real: Tensor, fake: Tensor) -> Tensor:
        """Return the whole loss, penalty included, of samples as they are shown."""
        real_logits, fake_logits = self._two_batches(discriminator, real, fake)
        loss = self._checked(
            self._method.discriminator_loss(real_logits, fake_logits), "discriminator_loss"
        )
        discriminator.remember(real, real_logits)
        discriminator.remember(fake, fake_logits)
        penalty = self._method.penalty(discriminator, real, fake, self._feed)
        return loss if penalty is None else loss + self._checked(penalty, "penalty")

    def _generator_loss(self, discriminator: View, fake: Tensor) -> Tensor:
        real_logits = None
        if self._method.generator_sees_real:
            real = self._shown(self._latest_real())
            real_logits, fake_logits = self._two_batches(discriminator, real, fake)
        else:
            fake_logits = discriminator(fake)
        return self._checked(
            self._method.generator_loss(fake_logits, real_logits), "generator_loss"
        )

    def _two_batches(
        self, discriminator: View, real: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits of both: in one call, unless batch statistics keep them apart."""
        if self._rules.discriminator.has_batch_norm:
            return discriminator(real), discriminator(fake)
        real_logits, fake_logits = discriminator(torch.cat([real, fake], 1)).split(
            [real.shape[1], fake.shape[1]], dim=1
        )
        return real_logits, fake_logits

    def _ahead(self, fake: Tensor, steps: int) -> View:
        """Return the discriminator after more steps on ``fake``, differentiable in it."""
        real = self._shown(self._latest_real())
        weights = self._leaf(self._weights["discriminator"])
        moments, count = self._moments["discriminator"], self._updates["discriminator"]
        # what a penalty carries on from steps that are never made is forgotten with them
        state = dict(self._state)
        for made in range(1, steps + 1):
            discriminator = self._discriminator(weights, state)
            loss = self._discriminator_loss(discriminator, real, fake)
            (flat,) = self._differentiated(loss, weights, create_graph=True)
            applied = self._method.applied_gradients(Gradient(self._rules.discriminator, flat))
            weights, moments = step(
                self._rules.optimizers["discriminator"],
                weights,
                flat_of(applied),
                moments,
                count + made,
                self._factor(),
            )
            weights = self._kept(weights)
        return self._discriminator(weights, state)

    def _kept(self, flat: Tensor) -> Tensor:
        """Return what the discriminator's weights become after a step."""
        own = self._rules.discriminator.shaped(flat)
        kept = self._method.kept_weights(dict(own))
        if all(kept[name] is weight for name, weight in own.items()):
            return flat
        return joined(kept[name] for name in own)

    def _discriminator(self, flat: Tensor, state: Weights, advance: bool = False) -> View:
        own = self._rules.discriminator.shaped(flat)
        transformed = self._method.discriminator_weights(own, state, advance)
        return View(self._logits, transformed, state, self._count_gradient)

    def _logits(self, samples: Tensor, weights: Weights) -> Tensor:
        return self._rules.discriminator(samples, weights, self._buffers["discriminator"])

    def _generated(self, latents: str, flat: Tensor) -> Tensor:
        network = self._rules.generator
        return network(self._feed.next(latents), network.shaped(flat), self._buffers["generator"])

    def _network(self, player: Player) -> Network:
        return self._rules.generator if player == "generator" else self._rules.discriminator

    def _latest_real(self) -> Tensor:
        # a round that begins with the generator draws a real batch for it, in every round
        return self._latest if self._latest is not None else self._feed.next("real")

    def _shown(self, samples: Tensor) -> Tensor:
        shown = self._method.discriminator_input(samples, self.progress, self._feed)
        return packed(shown, self._method.packing)

    # differentiation: bench/measuring/field.py overrides these two, so that gradients stay
    # functions of both players' weights

    def _apart(self, tensor: Tensor) -> Tensor:
        """Return a tensor without its history: steps are not differentiated."""
        return tensor.detach()

    def _differentiated(self, loss: Tensor, *weights: Tensor, **options: Any) -> list[Tensor]:
        """Return the gradients of (P,) by flat weights; members share nothing: a sum will do."""
        self._count_gradient()
        return list(torch.autograd.grad(loss.sum(), weights, **options))

    def _leaf(self, flat: Tensor) -> Tensor:
        return self._apart(flat).requires_grad_()

    def _count_gradient(self) -> None:
        self.gradients += 1

    def _recorded(self, player: Player, loss: Tensor, gradient: Tensor) -> Gradients:
        self._series[player].losses.append(loss.detach())
        self._series[player].norms.append(global_norms(gradient))
        return Gradient(self._network(player), gradient)

    def _checked(self, loss: Tensor, hook: str) -> Tensor:
        members = len(self._weights["discriminator"])
        if not isinstance(loss, Tensor) or loss.shape != (members,):
            got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            name = self._method.name or type(self._method).__name__
            raise BenchError(
                f"method {name}: {hook} returned {got} where one loss per member, shape "
                f"({members},), is expected; average over the batch axis with .mean(1), not over "
                "everything"
            )
        return loss


def global_norms(gradient: Tensor) -> Tensor:
    """Return the L2 norm over all of a member's gradient: (P, N) → (P,)."""
    return torch.linalg.vector_norm(gradient, dim=1)


def _detached(tensors: Weights) -> Weights:
    return {name: tensor.detach() for name, tensor in tensors.items()}


def _copied(tensors: Weights) -> Weights:
    return {name: tensor.clone() for name, tensor in tensors.items()}
