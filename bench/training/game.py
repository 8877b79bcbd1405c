"""The two players of a population, as a method's ``update`` drives them."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.method import Gradients, Method, Noise, Optimizer, Progress, Weights
from bench.training.population import Network
from bench.training.streams import Blocks


@dataclass
class Counts:
    """What training has cost so far, per member."""

    discriminator_updates: int = 0
    generator_updates: int = 0
    gradient_evaluations: int = 0
    """Backward passes through a network: one per player's gradient, one per input gradient."""


@dataclass
class PlayerSeries:
    """Loss and gradient norm of one player, a (P,) tensor for every update."""

    losses: list[Tensor] = field(default_factory=list)
    norms: list[Tensor] = field(default_factory=list)


class _View:
    """The discriminator as a penalty sees it."""

    def __init__(self, network: Network, weights: Weights, counts: Counts):
        self._network, self._weights, self._counts = network, weights, counts

    def __call__(self, samples: Tensor) -> Tensor:
        return self._network(samples, self._weights)

    def input_gradient(self, samples: Tensor) -> Tensor:
        self._counts.gradient_evaluations += 1
        samples = samples.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self(samples).sum(), samples, create_graph=True)
        return gradient


class Average:
    """Exponential moving average of weights, after every update of them.

    The decay grows with the number of updates t as (1 + t) / (10 + t) up to its value, so that
    the initial weights are soon forgotten.
    """

    def __init__(self, weights: Tensor, decay: float):
        self.flat, self._decay, self._taken = weights.detach().clone(), decay, 0

    @torch.no_grad()
    def take(self, weights: Tensor) -> None:
        self._taken += 1
        decay = min(self._decay, (1 + self._taken) / (10 + self._taken))
        # two roundings an entry, as lerp's single one depends on the place in the tensor
        self.flat.mul_(decay).add_(weights * (1 - decay))


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
        ema: decay of the average of the generator's weights, if there is to be one.
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
        self.counts = Counts()
        self.discriminator_series, self.generator_series = PlayerSeries(), PlayerSeries()
        self._real, self._noise, self._updates = real, noise, updates
        self._discriminator_latents = discriminator_latents
        self._generator_latents = generator_latents
        self._last_real: Tensor | None = None
        self._state = method.initial_state(discriminator.weights, noise)
        for_generator, for_discriminator = method.optimizers(base)
        self._generator_optimizer = make_optimizer(for_generator, generator.flat)
        self._discriminator_optimizer = make_optimizer(for_discriminator, discriminator.flat)
        self._decay = decay
        self.average = Average(generator.flat, ema) if ema is not None else None

    @property
    def progress(self) -> Progress:
        return Progress(self.counts.discriminator_updates, self._updates)

    def discriminator_gradients(self) -> Gradients:
        """Gradients of the discriminator's whole loss, penalty included, on a fresh batch."""
        self._last_real = self._real.next()
        with torch.no_grad():
            fake = self.generator(self._discriminator_latents.next())
        discriminator = self._discriminator(advance=True)
        real_input, fake_input = self._shown(self._last_real), self._shown(fake)
        real_logits, fake_logits = self._two_batches(discriminator, real_input, fake_input)
        loss = self._checked(
            self.method.discriminator_loss(real_logits, fake_logits), "discriminator_loss"
        )
        penalty = self.method.penalty(discriminator, real_input, fake_input, self._noise)
        if penalty is not None:
            loss = loss + self._checked(penalty, "penalty")
        return self._gradients(loss, self.discriminator, self.discriminator_series)

    def generator_gradients(self) -> Gradients:
        """Gradients of the generator's loss on a fresh batch of latents."""
        discriminator = self._discriminator(advance=False)
        fake = self._shown(self.generator(self._generator_latents.next()))
        real_logits = None
        if self.method.generator_sees_real:
            real = self._last_real if self._last_real is not None else self._real.next()
            real_logits, fake_logits = self._two_batches(discriminator, self._shown(real), fake)
        else:
            fake_logits = discriminator(fake)
        loss = self._checked(self.method.generator_loss(fake_logits, real_logits), "generator_loss")
        return self._gradients(loss, self.generator, self.generator_series)

    def step_discriminator(self, gradients: Gradients) -> None:
        self._step(self._discriminator_optimizer, self.discriminator, gradients)
        self.counts.discriminator_updates += 1

    def step_generator(self, gradients: Gradients) -> None:
        self._step(self._generator_optimizer, self.generator, gradients)
        self.counts.generator_updates += 1
        if self.average is not None:
            self.average.take(self.generator.flat)

    def _step(
        self, optimizer: torch.optim.Optimizer, network: Network, gradients: Gradients
    ) -> None:
        network.flat.grad = torch.cat([gradient.flatten() for gradient in gradients])
        if self._decay:
            # the generator's last update comes after the whole budget
            left = max(1 - self.progress.fraction, 1 / self._updates)
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * left
        optimizer.step()

    def _discriminator(self, advance: bool) -> _View:
        weights = self.method.discriminator_weights(
            self.discriminator.weights, self._state, advance
        )
        return _View(self.discriminator, weights, self.counts)

    def _shown(self, samples: Tensor) -> Tensor:
        return self.method.discriminator_input(samples, self.progress, self._noise)

    def _two_batches(
        self, discriminator: _View, real: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits of both batches: in one call, unless batch statistics keep them apart."""
        if self.discriminator.has_batch_norm:
            return discriminator(real), discriminator(fake)
        real_logits, fake_logits = discriminator(torch.cat([real, fake], 1)).split(
            [real.shape[1], fake.shape[1]], dim=1
        )
        return real_logits, fake_logits

    def _gradients(self, loss: Tensor, network: Network, series: PlayerSeries) -> Gradients:
        self.counts.gradient_evaluations += 1
        gradients = list(torch.autograd.grad(loss.sum(), network.parameters))
        series.losses.append(loss.detach())
        series.norms.append(global_norms(gradients))
        return gradients

    def _checked(self, loss: Tensor, hook: str) -> Tensor:
        members = len(self.discriminator.parameters[0])
        if not isinstance(loss, Tensor) or loss.shape != (members,):
            got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise BenchError(
                f"method {type(self.method).__name__}: {hook} returned {got} where one loss per "
                f"member, shape ({members},), is expected; average over the batch axis with "
                ".mean(1), not over everything"
            )
        return loss


def global_norms(gradients: Gradients) -> Tensor:
    """L2 norm over all of a member's gradients: list of (P, …) → (P,)."""
    parts = [torch.linalg.vector_norm(g, dim=tuple(range(1, g.ndim))) for g in gradients]
    return torch.linalg.vector_norm(torch.stack(parts), dim=0)


def make_optimizer(settings: Optimizer, weights: Tensor) -> torch.optim.Optimizer:
    """A torch optimiser over flat weights; all of these act on each entry by itself."""
    rate = settings.learning_rate
    if settings.kind == "adam":
        # fused on a CPU, an entry is rounded by where it lies in the stack of members
        fused = weights.is_cuda
        return torch.optim.Adam([weights], rate, settings.betas, fused=fused)
    if settings.kind == "rmsprop":
        return torch.optim.RMSprop([weights], rate)
    if settings.kind == "sgd":
        return torch.optim.SGD([weights], rate)
    raise BenchError(f"unknown optimiser '{settings.kind}'; there are: adam, rmsprop, sgd")
