"""The Dirac-GAN, whose dynamics are known in closed form (Mescheder et al. 2018, section 2)."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from bench.architectures.dirac import DiracPair
from bench.datasets.dirac import Dirac
from bench.method import Method
from bench.registry import make_method
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Outcome, Training, train
from tests.methods.on_dirac import path, radius, velocity

H, STEPS, BATCH = 0.2, 500, 2


@dataclass(frozen=True)
class Wasserstein(Method):
    def discriminator_loss(self, real_logits, fake_logits):
        return fake_logits.mean(1) - real_logits.mean(1)

    def generator_loss(self, fake_logits, real_logits):
        return -fake_logits.mean(1)


@dataclass(frozen=True)
class R1(Method):
    gamma: float = 1.0

    def penalty(self, discriminator, real, fake, noise):
        slope = discriminator.input_gradient(real).flatten(2).norm(dim=2)
        return self.gamma / 2 * slope.square().mean(1)


def outcome(method: Method, simultaneous: bool, updates: int, evaluations: int) -> Outcome:
    """Trained from (1, 1) with plain gradient steps."""
    steps = TrainingConfiguration(
        optimizer="sgd", learning_rate=H, batch_size=BATCH, simultaneous=simultaneous
    )
    training = Training(method, Dirac(), DiracPair(), steps, updates, evaluations)
    return train(training, [0], torch.device("cpu"))[0]


def eigenvalues(method: Method) -> np.ndarray:
    """Of the Jacobian of the engine's own steps at (0, 0), by central differences."""
    e = 0.05
    step = velocity(method, [(e, 0), (-e, 0), (0, e), (0, -e)])
    jacobian = np.stack([step[0] - step[1], step[2] - step[3]], axis=1) / (2 * e)
    return np.sort_complex(np.linalg.eigvals(jacobian))


def assert_cycles(points: np.ndarray, smallest: float, largest: float) -> None:
    """The late path keeps its distance and keeps going round (0, 0)."""
    late = points[len(points) // 2 :]
    assert smallest < radius(late).min()
    assert radius(points).max() < largest
    for coordinate in late.T:
        assert (np.diff(np.sign(coordinate)) != 0).sum() >= 2


@pytest.mark.truth
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (make_method("vanilla"), 0.5),
        (make_method("non_saturating"), 0.5),
        (make_method("label_smoothing"), 0.5),
        (make_method("ttur"), 1.0),
        (make_method("ttur", {"ratio": 9}), 1.5),
        (Wasserstein(), 1.0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Method) else str(value),
)
def test_without_regularisation_the_eigenvalues_are_imaginary(method, expected):
    assert eigenvalues(method) == pytest.approx([-1j * expected, 1j * expected], abs=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_r1_moves_the_eigenvalues_to_the_left(gamma):
    root = np.emath.sqrt(gamma**2 / 4 - 1 / 4)
    expected = np.sort_complex(np.array([-gamma / 2 - root, -gamma / 2 + root]))
    # a double eigenvalue answers an error of 1e-7 with its square root
    assert eigenvalues(R1(gamma)) == pytest.approx(expected, abs=2e-3 if gamma == 1 else 1e-5)


@pytest.mark.truth("vanilla")
def test_minimax_simultaneous_steps_grow_at_every_step():
    distance = radius(path(make_method("vanilla"), simultaneous=True))
    assert (np.diff(distance) > 0).all()
    assert distance[-1] > 2 * distance[0]


@pytest.mark.truth("vanilla")
def test_minimax_alternating_steps_cycle():
    assert_cycles(path(make_method("vanilla"), simultaneous=False, every=5), 0.7, 3)


@pytest.mark.truth("non_saturating")
def test_non_saturating_simultaneous_steps_settle_on_a_cycle():
    # a step adds (h/2)² r² to r² and, over a turn, takes away h r⁴/8: even at r² = 2h
    points = path(make_method("non_saturating"), simultaneous=True, updates=600, every=5)
    assert_cycles(points, 0.4, 1.5)
    assert radius(points)[-40:].mean() == pytest.approx(math.sqrt(2 * H), rel=0.1)


@pytest.mark.truth
@pytest.mark.parametrize(("method", "ratio"), [("non_saturating", 1), ("ttur", 4)])
def test_non_saturating_alternating_steps_converge_no_faster_than_a_root(method, ratio):
    # with s² = θ² + ψ²/ratio, a turn takes ratio · s⁴/8 from s² per unit of time
    theta, psi = path(make_method(method), simultaneous=False, updates=600, every=3).T
    size = np.hypot(theta, psi / math.sqrt(ratio))
    for late in (slice(80, 120), slice(160, 200)):
        time = H * 3 * np.arange(201)[late].mean()
        expected = math.sqrt(8 / (8 / size[0] ** 2 + ratio * time))
        assert size[late].mean() == pytest.approx(expected, rel=0.1)


@pytest.mark.truth("label_smoothing")
@pytest.mark.parametrize("simultaneous", [True, False])
def test_label_smoothing_changes_nothing_where_real_samples_have_no_gradient(simultaneous):
    smoothed, plain = (
        path(make_method(name), simultaneous, updates=100, every=5)
        for name in ("label_smoothing", "non_saturating")
    )
    assert smoothed == pytest.approx(plain, abs=1e-6)


def test_ttur_moves_the_discriminator_four_times_as_far():
    plain, faster = (
        velocity(make_method(name), [(0.7, -0.3)])[0] for name in ("non_saturating", "ttur")
    )
    assert faster == pytest.approx(plain * [1, 4], rel=1e-5)


def test_wasserstein_simultaneous_steps_grow_by_a_fixed_factor():
    distance = radius(path(Wasserstein(), simultaneous=True, updates=200))
    assert distance[1:] / distance[:-1] == pytest.approx(math.sqrt(1 + H**2), rel=1e-6)


def test_wasserstein_alternating_steps_stay_on_an_ellipse():
    theta, psi = path(Wasserstein(), simultaneous=False, every=5).T
    assert theta**2 + psi**2 - H * theta * psi == pytest.approx(2 - H, rel=1e-4)


@pytest.mark.truth("wgan_gp")
@pytest.mark.parametrize("critic_steps", [1, 5])
@pytest.mark.parametrize("simultaneous", [True, False])
def test_wgan_gp_with_a_weak_penalty_keeps_cycling(critic_steps, simultaneous):
    method = make_method("wgan_gp", {"penalty_weight": 0.25, "critic_steps": critic_steps})
    points = path(method, simultaneous, updates=150 * critic_steps, every=critic_steps)
    assert len(points) == 151
    assert_cycles(points, 0.1, 5)


@pytest.mark.truth("wgan_gp")
def test_wgan_gp_with_a_strong_penalty_stops_at_a_wrong_point():
    # for ψ > 0 the flow is θ' = ψ, ψ' = 2λ(1 − ψ) − θ: from λ = 1 on (2λ, 0) is a stable node
    points = path(make_method("wgan_gp", {"penalty_weight": 1, "critic_steps": 1}), False, every=50)
    assert points[-1] == pytest.approx([2, 0], abs=1e-4)


def test_wgan_gp_beyond_the_stable_step_is_reported_as_diverged():
    # the penalty alone multiplies the slope's error by 1 − 2λh = −3 at every step
    method = make_method("wgan_gp", {"critic_steps": 1})
    trained = outcome(method, simultaneous=False, updates=STEPS, evaluations=2)
    assert trained.status == "diverged"
    assert "not finite after" in trained.reason
    norms = trained.series["discriminator_norm"]
    assert len(norms) == trained.cost["discriminator_updates"] < STEPS
    assert np.isfinite(norms[:-1]).all()


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_r1_converges_linearly_at_the_rate_of_its_eigenvalues(gamma):
    distance = radius(path(R1(gamma), simultaneous=True, updates=400, every=4))
    slowest = -gamma / 2 + np.emath.sqrt(gamma**2 / 4 - 1 / 4)
    expected = math.log(abs(1 + H * slowest))
    slope = np.polyfit(4 * np.arange(40, 101), np.log(distance[40:]), 1)[0]
    assert slope == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("simultaneous", [True, False])
def test_r1_reaches_the_equilibrium(simultaneous):
    assert radius(path(R1(1.0), simultaneous, every=50))[-1] < 1e-6
