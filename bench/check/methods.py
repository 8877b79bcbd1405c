"""The requirements on every method, check by check."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.check.suite import Caution, Check, Suite
from bench.check.trial import (
    BATCH,
    CPU,
    ROUNDS,
    SMALL_DCGAN,
    SMALL_MLP,
    distances_left,
    same,
    small_training,
    sound,
)
from bench.datasets.mnist5k import MNIST5k
from bench.datasets.ring8 import Ring8
from bench.errors import BenchError, shown
from bench.method import Method, Optimizer, Progress
from bench.training.engines import Traced
from bench.training.optimizers import KINDS
from bench.training.streams import MemberNoise

MEMBERS = 3
STILL_FAR = 0.8
"""Remaining share of the initial distance to the data above which nothing was learnt: shipped
methods leave 0.04 to 0.61, the same with a sign wrong or the losses swapped 0.95 to 1.9."""


def losses_have_one_value_per_member(method: Method) -> None:
    """Losses are averaged over the batch axis and give one value per member: (P, B) → (P,)."""
    for hook, loss in _losses(method, _logits(0), _logits(1)).items():
        if not isinstance(loss, Tensor) or loss.shape != (MEMBERS,):
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise BenchError(
                f"{hook} returns {got} for logits of shape ({MEMBERS}, {BATCH}), but one loss per "
                f"member, shape ({MEMBERS},), is expected: average with .mean(1)"
            )


def losses_are_finite(method: Method) -> None:
    """Losses and their gradients are finite, for sure (±50) and unsure discriminators."""
    for scale in (1.0, 50.0):
        real, fake = _logits(0) * scale, _logits(1) * scale
        for hook, loss in _losses(method, real.requires_grad_(), fake.requires_grad_()).items():
            if not bool(loss.isfinite().all()):
                raise BenchError(f"{hook} is not finite for logits of about ±{scale:g}")
            if loss.requires_grad:
                found = torch.autograd.grad(loss.sum(), [real, fake], allow_unused=True)
                if any(g is not None and not bool(g.isfinite().all()) for g in found):
                    raise BenchError(f"{hook}'s gradient is not finite at logits ±{scale:g}")


def losses_teach(method: Method) -> None:
    """Each player's loss depends on the logits it can move."""
    real, fake = _logits(0).requires_grad_(), _logits(1).requires_grad_()
    losses = _losses(method, real, fake)
    for hook, moved in (("discriminator_loss", [real, fake]), ("generator_loss", [fake])):
        found: tuple[Tensor | None, ...] = (None,)
        if losses[hook].requires_grad:
            found = torch.autograd.grad(losses[hook].sum(), moved, allow_unused=True)
        if any(g is None or not bool(g.any()) for g in found):
            raise BenchError(f"{hook} does not depend on its logits: that player cannot learn")


def members_share_nothing(method: Method) -> None:
    """A member's loss does not depend on the other members."""
    real, fake = _logits(0), _logits(1)
    before = _losses(method, real, fake)
    after = _losses(method, _others_changed(real), _others_changed(fake))
    for hook, loss in before.items():
        if not torch.equal(loss[0], after[hook][0]):
            raise BenchError(
                f"{hook} mixes members: seed 0's loss changed with the logits of the other seeds; "
                "reduce over the batch axis only, .mean(1)"
            )


def input_keeps_its_shape(method: Method) -> None:
    """What the discriminator is shown has the samples' shape, and no member sees another's."""
    for images in _applies(method):
        shape = (1, 28, 28) if images else (2,)
        samples = torch.randn(MEMBERS, BATCH, *shape, generator=torch.Generator().manual_seed(0))
        first, second = (
            method.discriminator_input(each, Progress(1, 10), MemberNoise([0, 1, 2], CPU))
            for each in (samples, _others_changed(samples))
        )
        if first.shape != samples.shape:
            raise BenchError(
                f"discriminator_input turns {tuple(samples.shape)} into {tuple(first.shape)}"
            )
        if not torch.equal(first[0], second[0]):
            raise BenchError(
                "discriminator_input mixes members, or draws random numbers that are not from "
                "the `noise` argument: seed 0 is shown other samples than before"
            )


def optimizers_are_known(method: Method) -> None:
    """It names an optimiser for each player."""
    chosen = method.optimizers(Optimizer())
    if len(chosen) != 2 or not all(isinstance(each, Optimizer) for each in chosen):
        raise BenchError(
            "optimizers must return two Optimizer values: generator's, discriminator's"
        )
    if any(each.kind not in KINDS for each in chosen):
        raise BenchError(f"an optimiser's kind must be one of: {', '.join(KINDS)}")


def runs_at_all(method: Method) -> None:
    """Every hook works together with the engine."""
    updates = 2 * method.round_length(method.critic_steps)
    for images in _applies(method)[:1]:
        small_training(method, images, [0] if images else [0, 1], updates)


def trains_on_points(method: Method) -> None:
    """Both players move and stay finite over 40 updates on ring8, if it applies there."""
    if False in _applies(method):
        sound(small_training(method, images=False, seeds=[0, 1]))


def trains_on_images(method: Method) -> None:
    """The same over 10 updates on digits with a small DCGAN, if it applies there."""
    if True in _applies(method):
        sound(small_training(method, images=True, seeds=[0]))


def comes_nearer(method: Method) -> None:
    """On the easiest data its generator moves towards the data."""
    images = False not in _applies(method)
    shares = distances_left(method, images)
    if not sum(shares) / len(shares) < STILL_FAR:
        raise Caution(
            f"after {ROUNDS} rounds its samples are {sum(shares) / len(shares):.2g} times as far "
            f"from the easiest {'images' if images else 'points'} as before: look at the signs of "
            "both losses, and at whether the players' losses are swapped"
        )


def is_deterministic(method: Method) -> None:
    """Trained twice, it gives the same numbers bit for bit."""
    for images in _applies(method):
        seeds, updates = ([0], 5) if images else ([0, 1], None)
        first, second = (small_training(method, images, seeds, updates) for _ in range(2))
        if not all(same(a, b) for a, b in zip(first, second, strict=True)):
            raise BenchError(
                "two trainings of the same seed differ: draw random numbers from the `noise` "
                "argument only"
            )


def company_changes_nothing(method: Method) -> None:
    """A seed gives the same numbers alone as in a population.

    On a CPU images train one after another, so that only points can show it.
    """
    if False not in _applies(method):
        return
    together = small_training(method, images=False, seeds=[0, 1, 2])
    (alone,) = small_training(method, images=False, seeds=[1])
    if not same(together[1], alone):
        raise BenchError(
            "a seed trained in a population differs from the same seed trained alone: some "
            "operation mixes members (the leading axis)"
        )


def can_be_compiled(method: Method) -> None:
    """A round of it can be compiled, and then gives the same numbers to rounding.

    One that cannot trains all the same, several times as slowly.
    """
    for images in _applies(method):
        seeds, updates = ([0] if images else [0, 1]), 3 * method.round_length(method.critic_steps)
        plain = small_training(method, images, seeds, updates)
        traced = small_training(method, images, seeds, updates, Traced())
        if note := traced[0].engine_note:
            raise BenchError(
                f"a round of it cannot be compiled, and trains several times as slowly: {note}"
            )
        for name, values in plain[0].series.items():
            if not np.allclose(values, traced[0].series[name], rtol=1e-3, atol=1e-4):
                raise BenchError(
                    "compiled, it gives other numbers: its hooks must depend on their arguments "
                    "and its hyperparameters only, and not on what happened in earlier calls"
                )


def defaults_are_used(method: Method) -> None:
    """Studies that ask for published hyperparameters use the file's own defaults."""
    own = {
        name: value
        for name, value in vars(type(method)).items()
        if name in method.hyperparameters()
    }
    told = [
        f"{name} {shown(value)} on {data}, not {shown(own[name])}"
        for data, values in method.published.items()
        for name, value in values.items()
        if name in own and own[name] != value
    ]
    if told:
        raise Caution(
            "a study with `hyperparameters: published`, as quick, uses "
            f"{', '.join(told)} (`published`)"
        )


SUITE = Suite(
    (losses_have_one_value_per_member,),
    (losses_are_finite,),
    (losses_teach, members_share_nothing, input_keeps_its_shape, optimizers_are_known),
    (runs_at_all,),
    (trains_on_points, trains_on_images),
    (comes_nearer,),
    (is_deterministic,),
    (company_changes_nothing,),
    (can_be_compiled,),
    remarks=(defaults_are_used,),
)
PREFLIGHT: tuple[Check, ...] = (
    losses_have_one_value_per_member,
    losses_are_finite,
    members_share_nothing,
    input_keeps_its_shape,
    optimizers_are_known,
    runs_at_all,
)
"""The quick ones, which a run begins with. To diverge is no reason to be refused."""


def _applies(method: Method) -> list[bool]:
    """Whether it is to be tried on images, for each of points and images that it applies to."""
    tried = ((False, Ring8(), SMALL_MLP), (True, MNIST5k(), SMALL_DCGAN))
    return [images for images, data, pair in tried if method.not_applicable(data, pair) is None]


def _logits(seed: int) -> Tensor:
    return torch.randn(MEMBERS, BATCH, generator=torch.Generator().manual_seed(seed))


def _losses(method: Method, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    seen = real if method.generator_sees_real else None
    return {
        "discriminator_loss": method.discriminator_loss(real, fake),
        "generator_loss": method.generator_loss(fake, seen),
    }


def _others_changed(logits: Tensor) -> Tensor:
    changed = logits.clone()
    changed[1:] = -3 * changed[1:] + 1
    return changed
