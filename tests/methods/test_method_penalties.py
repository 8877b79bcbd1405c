"""Gradient penalties on linear and quadratic discriminators, and against finite differences."""

import math

import pytest
import torch
from by_formula import B, Formula, P, fresh_noise, randn

from bench.architectures.dcgan import DCGAN
from bench.datasets.mnist5k import MNIST5k
from bench.method import Optimizer
from bench.registry import make_method

NAMES = ("wgan_lp", "dragan", "r1", "r2", "zero_centered_gp", "r3gan")

LINEAR = {
    "wgan_lp": lambda s: 10 * torch.relu(s - 1) ** 2,
    "dragan": lambda s: 10 * (s - 1) ** 2,
    "r1": lambda s: 5 * s**2,
    "r2": lambda s: 5 * s**2,
    "zero_centered_gp": lambda s: 10 * s**2,
    "r3gan": lambda s: 0.5 * 2 * s**2,
}
"""The penalty where the slope is s everywhere, at the default hyperparameters."""


@pytest.mark.truth
@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)])
@pytest.mark.parametrize("name", NAMES)
def test_the_penalty_of_a_linear_discriminator(name, shape):
    weight = randn(P, 1, math.prod(shape), seed=3) * torch.tensor([0.1, 1.0, 3.0]).view(P, 1, 1)
    linear = Formula(lambda x: (x.flatten(2) * weight).sum(2))
    real, fake = randn(P, B, *shape, seed=4), randn(P, B, *shape, seed=5)
    penalty = make_method(name).penalty(linear, real, fake, fresh_noise())
    torch.testing.assert_close(penalty, LINEAR[name](weight.flatten(1).norm(dim=1)))


@pytest.mark.truth
@pytest.mark.parametrize("name", NAMES)
def test_the_norm_is_taken_of_every_sample_by_itself(name):
    # D(x) = ‖x‖²/2 has slope ‖x‖ at x; with real = fake every point between is x itself
    quadratic = Formula(lambda x: x.square().sum(2) / 2)
    samples = randn(P, B, 2, seed=6)
    hyperparameters = {"spread": 0.0} if name == "dragan" else {}
    penalty = make_method(name, hyperparameters).penalty(quadratic, samples, samples, fresh_noise())
    torch.testing.assert_close(penalty, LINEAR[name](samples.norm(dim=2)).mean(1))


@pytest.mark.truth("r1", "r2", "r3gan")
def test_each_looks_at_its_own_samples():
    quadratic = Formula(lambda x: x.square().sum(2) / 2)
    real, fake = randn(P, B, 2, seed=7), 3 * randn(P, B, 2, seed=8) + 1
    at_real, at_fake = (part.square().sum(2).mean(1) for part in (real, fake))
    for name, expected in (
        ("r1", 5 * at_real),
        ("r2", 5 * at_fake),
        ("r3gan", (at_real + at_fake) / 2),
    ):
        penalty = make_method(name).penalty(quadratic, real, fake, fresh_noise())
        torch.testing.assert_close(penalty, expected)


@pytest.mark.truth
@pytest.mark.parametrize("name", ["wgan_gp", "wgan_lp", "zero_centered_gp"])
def test_points_between_are_uniform_on_the_segment(name):
    between = _looked_at(name, torch.zeros(P, 500, 2), torch.ones(P, 500, 2))
    assert torch.equal(between[..., 0], between[..., 1])
    share = between[..., 0]
    assert share.min() >= 0
    assert share.max() <= 1
    assert share.mean(1) == pytest.approx(torch.full((P,), 0.5), abs=0.06)
    assert share.var(1) == pytest.approx(torch.full((P,), 1 / 12), abs=0.02)
    assert not torch.equal(share[0], share[1])


@pytest.mark.truth("dragan")
def test_dragan_looks_around_the_data_as_the_authors_code_does():
    scale = torch.tensor([1.0, 10.0, 0.0]).view(P, 1, 1)
    real = randn(P, 2000, 2, seed=9) * scale
    shift = _looked_at("dragan", real, None) - real
    deviation = real.flatten(1).std(1, unbiased=False).view(P, 1, 1)
    assert (shift >= 0).all()
    assert (shift <= 0.5 * deviation).all()
    assert torch.equal(shift[2], torch.zeros(2000, 2).double())
    # α U · ½ std, both from U[0, 1): mean ¼ of ½ std, and a sample's coordinates share α
    unit = shift[:2] / (0.5 * deviation[:2])
    assert unit.mean((1, 2)) == pytest.approx(torch.full((2,), 0.25), abs=0.02)
    assert unit.square().mean((1, 2)) == pytest.approx(torch.full((2,), 1 / 9), abs=0.02)
    for member in unit:
        # cov(αU, αU′) = var(α)/4
        assert torch.cov(member.T)[0, 1] == pytest.approx(1 / 48, abs=0.006)


def _looked_at(name: str, real: torch.Tensor, fake: torch.Tensor | None) -> torch.Tensor:
    seen = []
    linear = Formula(lambda x: x.sum(2))
    spy = Formula(linear.function)

    def keep(samples):
        seen.append(samples)
        return linear.input_gradient(samples)

    spy.input_gradient = keep
    make_method(name).penalty(spy, real, fake, fresh_noise())
    (points,) = seen
    return points


@pytest.mark.truth
@pytest.mark.parametrize("name", NAMES)
def test_the_penaltys_gradient_is_that_of_finite_differences(name):
    samples, other = randn(P, B, 2, seed=7), randn(P, B, 2, seed=8)
    weights = randn(P, 2, 5, seed=9)

    def penalty(weights):
        discriminator = Formula(lambda x: torch.tanh(x @ weights).sum(2))
        return make_method(name).penalty(discriminator, samples, other, fresh_noise())

    assert torch.autograd.gradcheck(penalty, weights.requires_grad_(), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_batch_normalisation_in_the_discriminator_rules_them_out(name):
    method = make_method(name)
    assert "batch normalisation" in method.not_applicable(MNIST5k(), DCGAN())
    assert method.not_applicable(MNIST5k(), DCGAN(discriminator_batch_norm=False)) is None


def test_critic_steps():
    steps = {name: make_method(name).critic_steps for name in NAMES}
    assert steps.pop("wgan_lp") == 5
    assert set(steps.values()) == {1}


def test_r3gan_leaves_out_adams_first_moment():
    base = Optimizer("adam", 3e-4, (0.5, 0.9))
    expected = Optimizer("adam", 3e-4, (0.0, 0.9))
    assert make_method("r3gan").optimizers(base) == (expected, expected)
