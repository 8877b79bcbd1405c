"""The two players of a population, as a method's ``update`` drives them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.method import Gradients, Method, Noise, Optimizer, Point, Progress, Regulariser, Weights
from bench.training.optimizers import make_optimizer, rehearsal
from bench.training.population import Network
from bench.training.streams import Blocks
from bench.training.views import Average, View, packed


@dataclass
class Counts:
    """What training has cost so far, per member."""

    discriminator_updates: int = 0
    generator_updates: int = 0
    gradient_evaluations: int = 0
    """Calls of the automatic differentiation: one per player's gradient, one per input gradient,
    one per step that is only looked ahead to, one per gradient of both gradients."""

    def count_gradient(self) -> None:
        self.gradient_evaluations += 1


@dataclass
class PlayerSeries:
    """Loss and gradient norm of one player, a (P,) tensor for every update."""

    losses: list[Tensor] = field(default_factory=list)
    norms: list[Tensor] = field(default_factory=list)


class Game:
    """Generator and discriminator of P members, their batches, optimisers and series.

    Args:
        method: the hooks.
        generator, discriminator: the networks.
        base: the setting's optimiser, from which the method derives both players'.
        real: real batches (P, B, …), one per discriminator update.
        discriminator_latents, generator_latents: latents (P, B, Z) for each player's updates.
        noise: the method's private randomness.
        updates: discriminator updates in the whole training, for annealed methods.
        simultaneous: whether both players move from the same point.
        critic_steps: discriminator updates for one of the generator; the method's if not given.
        decay: whether both learning rates fall evenly to 0 over the training.
        ema: decay of the average of the generator's weights; the method's if not given.
    """

    def __init__(
        self,
        method: Method,
        generator: Network,
        discriminator: Network,
        base: Optimizer,
        *,
        real: Blocks,
        discriminator_latents: Blocks,
        generator_latents: Blocks,
        noise: Noise,
        updates: int,
        simultaneous: bool = False,
        critic_steps: int | None = None,
        decay: bool = False,
        ema: float | None = None,
    ):
        self.method, self.generator, self.discriminator = method, generator, discriminator
        self.simultaneous = simultaneous
        self.critic_steps = critic_steps or method.critic_steps
        self.round_length = method.round_length(self.critic_steps)
        self.counts = Counts()
        self.discriminator_series, self.generator_series = PlayerSeries(), PlayerSeries()
        self._real, self._noise, self._updates = real, noise, updates
        self._discriminator_latents = discriminator_latents
        self._generator_latents = generator_latents
        self._last_real: Tensor | None = None
        self._extrapolating = False
        self._state = method.initial_state(discriminator.weights, noise)
        for_generator, for_discriminator = method.optimizers(base)
        self._generator_optimizer = make_optimizer(for_generator, generator.flat)
        self._discriminator_optimizer = make_optimizer(for_discriminator, discriminator.flat)
        self._decay = decay
        averaged = ema is not None or method.ema > 0
        self.average = (
            Average(generator.flat, method.ema if ema is None else ema) if averaged else None
        )

    @property
    def progress(self) -> Progress:
        return Progress(self.counts.discriminator_updates, self._updates)

    def discriminator_gradients(self) -> Gradients:
        """Gradients of the discriminator's whole loss, penalty included, on a fresh batch."""
        self._last_real = self._real.next()
        with torch.no_grad():
            fake = self.generator(self._discriminator_latents.next())
        loss = self._discriminator_loss(
            self._discriminator(advance=True), self._shown(self._last_real), self._shown(fake)
        )
        return self._gradients(loss, self.discriminator, self.discriminator_series)

    def generator_gradients(self, ahead: int = 0) -> Gradients:
        """Gradients of the generator's loss on a fresh batch of latents.

        With ``ahead``, against the discriminator as it would be after so many more steps of its
        optimiser on this batch and the latest real one, and through these steps.
        """
        fake = self._shown(self.generator(self._generator_latents.next()))
        discriminator = self._discriminator(advance=False)
        if ahead:
            discriminator = self._ahead(discriminator, fake, ahead)
        loss = self._generator_loss(discriminator, fake)
        return self._gradients(loss, self.generator, self.generator_series)

    def joint_gradients(self, regulariser: Regulariser) -> tuple[Gradients, Gradients]:
        """The discriminator's and the generator's gradients from one point, regularised.

        ``regulariser`` maps both lists of gradients to (P,); its own gradient is added to them.
        """
        self._last_real = self._real.next()
        fake = self.generator(self._discriminator_latents.next())
        losses = (
            self._discriminator_loss(
                self._discriminator(advance=True), self._shown(self._last_real), self._shown(fake)
            ),
            self._generator_loss(
                self._discriminator(advance=False),
                self._shown(self.generator(self._generator_latents.next())),
            ),
        )
        networks = (self.discriminator, self.generator)
        plain = [
            self._differentiated(loss, network.parameters, create_graph=True)
            for loss, network in zip(losses, networks, strict=True)
        ]
        energy = self._checked(regulariser(*plain), "the regulariser of joint_gradients")
        weights = [weight for network in networks for weight in network.parameters]
        # of a linear loss, no gradient depends on the last bias
        pulls = iter(self._differentiated(energy, weights, materialize_grads=True))
        whole = [[(own + next(pulls)).detach() for own in gradients] for gradients in plain]
        self._record(losses[0], whole[0], self.discriminator_series)
        self._record(losses[1], whole[1], self.generator_series)
        return whole[0], whole[1]

    def step_discriminator(self, gradients: Gradients) -> None:
        self._step(self._discriminator_optimizer, self.discriminator, gradients)
        kept = self.method.kept_weights(self.discriminator.weights)
        if kept is not self.discriminator.weights:
            with torch.no_grad():
                for name, weight in self.discriminator.weights.items():
                    weight.copy_(kept[name])
        self.counts.discriminator_updates += 1

    def step_generator(self, gradients: Gradients) -> None:
        self._step(self._generator_optimizer, self.generator, gradients)
        self.counts.generator_updates += 1
        if self.average is not None and not self._extrapolating:
            self.average.take(self.generator.flat)

    def extrapolate(self, discriminator: Gradients, generator: Gradients) -> Point:
        """Step with both players for a look ahead, and return where they came from.

        It costs what an update costs and counts as one; averages of weights leave it out.
        """
        start = [self.discriminator.flat.clone(), self.generator.flat.clone()]
        self._extrapolating = True
        self.step_discriminator(discriminator)
        self.step_generator(generator)
        self._extrapolating = False
        return start

    @torch.no_grad()
    def return_to(self, point: Point) -> None:
        """Put both players back to where :meth:`extrapolate` took them from."""
        for network, flat in zip((self.discriminator, self.generator), point, strict=True):
            network.flat.copy_(flat)

    def _step(self, optimizer: Any, network: Network, gradients: Gradients) -> None:
        gradients = self.method.applied_gradients(gradients)
        network.flat.grad = _flat(gradients)
        if self._decay:
            # the generator's last update comes after the whole budget
            left = max(1 - self.progress.fraction, 1 / self._updates)
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * left
        optimizer.step()

    def _discriminator(
        self, advance: bool, weights: Weights | None = None, state: Weights | None = None
    ) -> View:
        own = self.discriminator.weights if weights is None else weights
        state = self._state if state is None else state
        transformed = self.method.discriminator_weights(own, state, advance)
        return View(self.discriminator, transformed, state, self.counts.count_gradient)

    def _ahead(self, discriminator: View, fake: Tensor, steps: int) -> View:
        """The discriminator after more steps on ``fake``, which it depends on differentiably."""
        real = self._shown(self._latest_real())
        own = self.discriminator.flat
        done = self.counts.discriminator_updates
        made = rehearsal(self._discriminator_optimizer, own, done)
        flat = own.detach().clone().requires_grad_()
        # what a penalty carries on from steps that are never made is forgotten with them
        state = dict(self._state)
        for _ in range(steps):
            view = self._discriminator(False, self.discriminator.shaped(flat), state)
            loss = self._discriminator_loss(view, real, fake)
            (gradient,) = self._differentiated(loss, [flat], create_graph=True)
            flat = made.step(flat, self._applied(gradient))
            flat = _flat(self.method.kept_weights(self.discriminator.shaped(flat)).values())
        return self._discriminator(False, self.discriminator.shaped(flat), state)

    def _applied(self, gradient: Tensor) -> Tensor:
        """What the method makes of a flat gradient of the discriminator before its step."""
        parts = self.discriminator.shaped(gradient).values()
        return _flat(self.method.applied_gradients(list(parts)))

    def _latest_real(self) -> Tensor:
        return self._last_real if self._last_real is not None else self._real.next()

    def _shown(self, samples: Tensor) -> Tensor:
        shown = self.method.discriminator_input(samples, self.progress, self._noise)
        return packed(shown, self.method.packing)

    def _discriminator_loss(self, discriminator: View, real: Tensor, fake: Tensor) -> Tensor:
        """The whole loss, penalty included, of samples as they are shown."""
        real_logits, fake_logits = self._two_batches(discriminator, real, fake)
        loss = self._checked(
            self.method.discriminator_loss(real_logits, fake_logits), "discriminator_loss"
        )
        discriminator.remember(real, real_logits)
        discriminator.remember(fake, fake_logits)
        penalty = self.method.penalty(discriminator, real, fake, self._noise)
        return loss if penalty is None else loss + self._checked(penalty, "penalty")

    def _generator_loss(self, discriminator: View, fake: Tensor) -> Tensor:
        real_logits = None
        if self.method.generator_sees_real:
            real = self._shown(self._latest_real())
            real_logits, fake_logits = self._two_batches(discriminator, real, fake)
        else:
            fake_logits = discriminator(fake)
        return self._checked(self.method.generator_loss(fake_logits, real_logits), "generator_loss")

    def _two_batches(
        self, discriminator: View, real: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits of both batches: in one call, unless batch statistics keep them apart."""
        if self.discriminator.has_batch_norm:
            return discriminator(real), discriminator(fake)
        real_logits, fake_logits = discriminator(torch.cat([real, fake], 1)).split(
            [real.shape[1], fake.shape[1]], dim=1
        )
        return real_logits, fake_logits

    def _gradients(self, loss: Tensor, network: Network, series: PlayerSeries) -> Gradients:
        gradients = self._differentiated(loss, network.parameters)
        self._record(loss, gradients, series)
        return gradients

    def _differentiated(self, loss: Tensor, weights: list[Tensor], **options: Any) -> Gradients:
        self.counts.count_gradient()
        return list(torch.autograd.grad(loss.sum(), weights, **options))

    def _record(self, loss: Tensor, gradients: Gradients, series: PlayerSeries) -> None:
        series.losses.append(loss.detach())
        series.norms.append(global_norms(gradients))

    def _checked(self, loss: Tensor, hook: str) -> Tensor:
        members = len(self.discriminator.parameters[0])
        if not isinstance(loss, Tensor) or loss.shape != (members,):
            got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            name = self.method.name or type(self.method).__name__
            raise BenchError(
                f"method {name}: {hook} returned {got} where one loss per member, shape "
                f"({members},), is expected; average over the batch axis with .mean(1), not over "
                "everything"
            )
        return loss


def _flat(parts: Iterable[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def global_norms(gradients: Gradients) -> Tensor:
    """L2 norm over all of a member's gradients: list of (P, …) → (P,)."""
    parts = [torch.linalg.vector_norm(g, dim=tuple(range(1, g.ndim))) for g in gradients]
    return torch.linalg.vector_norm(torch.stack(parts), dim=0)
