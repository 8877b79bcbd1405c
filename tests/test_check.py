"""`bench check` names what is wrong with a method, in plain words."""

from dataclasses import dataclass, field

import pytest
import torch
from torch.nn.functional import softplus

from bench.architectures.mlp import MLP
from bench.check import (
    SUITES,
    Cause,
    Caution,
    Verdict,
    causes,
    check_part,
    pair_fits,
    preflight,
)
from bench.check.methods import comes_nearer, is_deterministic
from bench.datasets.ring8 import Ring8
from bench.errors import BenchError
from bench.method import Method, Optimizer


def problems(method: Method) -> str:
    return " | ".join(verdict.problem for verdict in check_part(method) if verdict.problem)


@dataclass(frozen=True)
class OneLossForAll(Method):
    """Averages over everything."""

    def discriminator_loss(self, real_logits, fake_logits):
        return fake_logits.mean() - real_logits.mean()


@dataclass(frozen=True)
class NotFinite(Method):
    """Takes the logarithm of a negative number."""

    def generator_loss(self, fake_logits, real_logits):
        return (fake_logits - 100).log().mean(1)


@dataclass(frozen=True)
class Mixing(Method):
    """Lets members see each other."""

    def generator_loss(self, fake_logits, real_logits):
        return (fake_logits - fake_logits.mean()).square().mean(1)


@dataclass(frozen=True)
class Deaf(Method):
    """The generator's loss is a constant."""

    def generator_loss(self, fake_logits, real_logits):
        return torch.zeros(len(fake_logits))


@dataclass(frozen=True)
class Raising(Method):
    """Divides by zero."""

    def penalty(self, discriminator, real, fake, noise):
        raise ZeroDivisionError("no penalty today")


@dataclass(frozen=True)
class Unsettled(Method):
    """Keeps a hyperparameter no file can hold."""

    table: object = field(default_factory=object)


@dataclass(frozen=True)
class OwnRandomness(Method):
    """Draws from torch's global stream."""

    def discriminator_input(self, samples, progress, noise):
        return samples + 0.1 * torch.randn_like(samples)


@dataclass(frozen=True)
class RandomPenalty(Method):
    """Draws from torch's global stream while it trains."""

    def penalty(self, discriminator, real, fake, noise):
        return torch.rand(len(real))


@dataclass(frozen=True)
class OnImages(Method):
    """Flips images, and knows nothing of points."""

    def discriminator_input(self, samples, progress, noise):
        flipped = noise.uniform(samples.shape[1], 1, 1, 1) < 0.5
        return torch.where(flipped, samples.flip(4), samples)

    def not_applicable(self, dataset, architecture):
        return None if len(dataset.sample_shape) == 3 else "images only"


class MixedImages(OnImages):
    """Shows images less the mean of all members' images."""

    def discriminator_input(self, samples, progress, noise):
        return samples - samples.mean()


class RandomOnImages(OnImages):
    """Draws from torch's global stream, for images alone."""

    def penalty(self, discriminator, real, fake, noise):
        return torch.rand(len(real))


def test_a_method_for_images_alone_is_tried_on_images_alone():
    preflight(OnImages())
    assert not wrong(check_part(OnImages()))


@dataclass(frozen=True)
class Exploding(Method):
    """Diverges on points and on images alike."""

    def optimizers(self, base):
        return (Optimizer("sgd", 1e30),) * 2


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (OneLossForAll(), r"discriminator_loss returns shape \(\) .* average with \.mean\(1\)"),
        (NotFinite(), "generator_loss is not finite"),
        (Mixing(), "generator_loss mixes members"),
    ],
)
def test_preflight_refuses_in_one_line(method, told):
    with pytest.raises(BenchError, match=told) as refused:
        preflight(method)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (Deaf(), "generator_loss does not depend on its logits"),
        (Raising(), "it raises ZeroDivisionError: no penalty today"),
        (Unsettled(), "a hyperparameter is neither number"),
        (OwnRandomness(), "draws random numbers that are not from the `noise` argument"),
        (RandomPenalty(), "two trainings of the same seed differ"),
        (MixedImages(), "discriminator_input mixes members"),
        (RandomOnImages(), "two trainings of the same seed differ"),
    ],
)
def test_the_suite_names_the_problem(method, told):
    assert told in problems(method)


@dataclass(frozen=True)
class NotDescribed(Method):
    def penalty(self, discriminator, real, fake, noise):
        raise ZeroDivisionError("no penalty today")


def wrong(verdicts: list[Verdict]) -> list[Cause]:
    """But for the hyperparameters: these classes stand in no file that could be asked for them."""
    return causes([verdict for verdict in verdicts if "hyperparameters" not in verdict.check])


@pytest.mark.parametrize(
    "method",
    [Deaf(), Mixing(), NotFinite(), OneLossForAll(), Raising(), OwnRandomness(), Exploding()],
    ids=lambda method: type(method).__name__,
)
def test_one_cause_is_told_once_and_what_rests_on_it_is_not_tried(method):
    suite = SUITES["method"]
    every = check_part(method)
    (cause,) = wrong(every)
    assert len(every) == len(suite.checks) + len(suite.remarks)
    verdicts = every[: len(suite.checks)]
    assert [v.check for v in verdicts if v.problem == cause.problem] == cause.checks
    tried = [verdict.tried for verdict in verdicts]
    assert tried == sorted(tried, reverse=True)
    assert not tried[-1]


def test_two_causes_are_both_told():
    told = [cause.problem for cause in wrong(check_part(NotDescribed()))]
    assert told == [
        "the class has no docstring: give paper, objective and what it changes",
        "it raises ZeroDivisionError: no penalty today",
    ]


def test_checks_that_fail_by_the_same_cause_share_a_row():
    (cause,) = wrong(check_part(Exploding()))
    assert "training diverged" in cause.problem
    assert len(cause.checks) == 2


def test_numbers_that_are_not_finite_twice_are_the_same_twice():
    is_deterministic(Exploding())


@dataclass(frozen=True)
class Signs(Method):
    """The usual GAN with signs; both at −1 are a GAN whose discriminator says no for yes."""

    discriminator_sign: float = 1.0
    generator_sign: float = 1.0

    def discriminator_loss(self, real_logits, fake_logits):
        return self.discriminator_sign * (softplus(fake_logits) + softplus(-real_logits)).mean(1)

    def generator_loss(self, fake_logits, real_logits):
        return self.generator_sign * softplus(-fake_logits).mean(1)


@dataclass(frozen=True)
class Swapped(Method):
    """Each player is given the other's loss."""

    def discriminator_loss(self, real_logits, fake_logits):
        return super().generator_loss(fake_logits, None)

    def generator_loss(self, fake_logits, real_logits):
        return softplus(fake_logits).mean(1)


@dataclass(frozen=True)
class WrongOnImages(OnImages):
    """Its generator makes the discriminator's loss smaller."""

    def generator_loss(self, fake_logits, real_logits):
        return -super().generator_loss(fake_logits, real_logits)


@pytest.mark.parametrize("method", [Signs(), Signs(-1, -1), OnImages()], ids=repr)
def test_a_generator_that_comes_nearer_raises_no_caution(method):
    comes_nearer(method)


@pytest.mark.parametrize(
    "method", [Signs(1, -1), Signs(-1, 1), Swapped(), WrongOnImages()], ids=repr
)
def test_losses_with_a_wrong_sign_or_of_the_other_player_raise_a_caution(method):
    with pytest.raises(Caution, match="look at the signs of both losses"):
        comes_nearer(method)


class OneColumn(MLP):
    def discriminator(self, sample_shape):
        return torch.nn.Linear(2, 1)


class Upside(MLP):
    def generator(self, sample_shape):
        return torch.nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (OneColumn(), r"its discriminator turns .* into \(32, 1\), but \(32,\) is expected"),
        (Upside(), "its generator raises RuntimeError: .*mat1 and mat2"),
    ],
)
def test_a_pair_of_the_wrong_shape_is_refused_in_one_line(pair, told):
    with pytest.raises(BenchError, match=told) as caught:
        pair_fits(pair, Ring8())
    assert "\n" not in str(caught.value)


class Forgetful(MLP):
    def discriminator(self, sample_shape):
        return torch.nn.Sequential(super().discriminator(sample_shape), torch.nn.Dropout())


def test_a_pair_that_draws_random_numbers_is_refused():
    with pytest.raises(BenchError, match="its discriminator gives other values"):
        pair_fits(Forgetful(), Ring8())


def test_a_pair_that_fits_is_not():
    pair_fits(MLP(), Ring8())
