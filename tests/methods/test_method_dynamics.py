"""Every method that has a meaning on the Dirac-GAN does there what theory says."""

import math

import numpy as np
import pytest
from on_dirac import EvenNoise, H, assert_cycles, eigenvalues, pair, path, radius, velocity

from bench.registry import make_method


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "hyperparameters", "expected"),
    [
        ("relativistic", {}, pair(0, -1 / 4)),
        ("hinge", {}, pair(0, -1)),
        ("lecam", {}, pair(0, -1)),
        ("wgan_clip", {"critic_steps": 1, "clip": 9}, pair(0, -1)),
        ("wgan_lp", {"critic_steps": 1}, pair(0, -1)),
        ("two_sided_label_smoothing", {}, pair(0, -0.4 * 0.5)),
        ("gradient_clipping", {}, pair(0, -1 / 4)),
        ("generator_ema", {}, pair(0, -1 / 4)),
        ("r1", {"gamma": 2}, pair(-1, 1 - 1 / 4)),
        ("r1", {"gamma": 0.5}, pair(-1 / 4, 1 / 16 - 1 / 4)),
        ("r2", {"gamma": 2}, pair(-1, 1 - 1 / 4)),
        ("r3gan", {"gamma": 1}, pair(-1, 1 - 1 / 4)),
        ("zero_centered_gp", {"penalty_weight": 1}, pair(-1, 1 - 1 / 4)),
        ("consensus_optimization", {"gamma": 1}, pair(-1 / 4, -1 / 4)),
        ("consensus_optimization", {}, pair(-10 / 4, -1 / 4)),
        # a step of 1 ahead, from there: J + J²
        ("extragradient", {}, pair(-1 / 4, -1 / 4)),
        # θ feels K more steps of ψ: θ' = ψ/2 − Kθ/2
        ("unrolled", {"steps": 0}, pair(0, -1 / 4)),
        ("unrolled", {"steps": 1}, pair(-1 / 4, 1 / 16 - 1 / 4)),
        ("unrolled", {"steps": 5}, pair(-5 / 4, 25 / 16 - 1 / 4)),
        # the first step is made twice
        ("optimistic_adam", {}, pair(0, -1)),
    ],
)
def test_eigenvalues_at_the_equilibrium(name, hyperparameters, expected):
    assert eigenvalues(make_method(name, hyperparameters)) == pytest.approx(expected, abs=0.02)


@pytest.mark.truth("instance_noise")
@pytest.mark.parametrize("strength", [0.5, 1.5])
def test_instance_noise_moves_the_eigenvalues_to_the_left(strength):
    method = make_method("instance_noise", {"strength": strength})
    expected = pair(-(strength**2) / 4, strength**4 / 16 - 1 / 4)
    found = eigenvalues(method, EvenNoise(4, 1000), 1000)
    assert found == pytest.approx(expected, abs=0.005)


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("r1", {"gamma": 1}),
        ("r2", {"gamma": 1}),
        ("r3gan", {"gamma": 0.5}),
        ("zero_centered_gp", {"penalty_weight": 0.5}),
        ("consensus_optimization", {"gamma": 1}),
        ("consensus_optimization", {}),
        ("unrolled", {}),
    ],
)
def test_penalties_and_steps_ahead_converge(name, hyperparameters):
    points = path(make_method(name, hyperparameters), simultaneous=False, updates=200, every=50)
    assert radius(points)[-1] < 1e-3


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "updates_a_round", "rate"),
    [
        ("extragradient", 2, lambda m: abs(1 + H * m + (H * m) ** 2)),
        ("optimistic_adam", 1, lambda m: max(abs(np.roots([1, -(1 + 2 * H * m), H * m])))),
    ],
)
def test_looking_ahead_converges_at_the_rate_of_its_eigenvalues(name, updates_a_round, rate):
    # simultaneous steps of the same size without it grow or cycle (tests/training/test_dirac.py)
    points = path(make_method(name), updates=400 * updates_a_round, every=10 * updates_a_round)
    assert len(points) == 41
    slope = np.polyfit(10 * np.arange(20, 41), np.log(radius(points)[20:]), 1)[0]
    assert slope == pytest.approx(math.log(rate(0.5j)), rel=0.08)


@pytest.mark.truth("instance_noise")
def test_constant_instance_noise_converges_to_a_neighbourhood():
    method = make_method("instance_noise", {"strength": 1.0, "annealed": False})
    late = radius(path(method, updates=500, every=10, batch=512))[25:]
    assert late.max() < 0.2 < math.sqrt(2 * H)  # where the plain game cycles


@pytest.mark.truth
@pytest.mark.parametrize(("critic_steps", "simultaneous"), [(1, True), (1, False), (5, False)])
@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [("wgan_clip", {"clip": 1.0}), ("wgan_lp", {"penalty_weight": 0.25})],
)
def test_wasserstein_games_keep_cycling(name, hyperparameters, critic_steps, simultaneous):
    method = make_method(name, {**hyperparameters, "critic_steps": critic_steps})
    points = path(method, simultaneous, updates=120 * critic_steps, every=critic_steps)
    assert_cycles(points, 0.1, 15)
    if name == "wgan_clip":
        assert np.abs(points[:, 1]).max() <= 1.0


@pytest.mark.truth("hinge")
def test_hinge_simultaneous_steps_grow_by_a_fixed_factor_within_the_margin():
    distance = radius(path(make_method("hinge"), updates=20)[:8])
    assert distance[1:] / distance[:-1] == pytest.approx(math.sqrt(1 + H**2), rel=1e-5)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.truth("lsgan", "dragan", "lecam", "gradient_clipping")
@pytest.mark.parametrize("theta", [0.6, -0.4])
@pytest.mark.parametrize("psi", [0.7, 1.8])
def test_velocities_are_the_formulas(theta, psi):
    logit = psi * theta
    assert velocity(make_method("lsgan"), [(theta, psi)])[0] == pytest.approx(
        [(1 - logit) * psi, -logit * theta], abs=1e-5
    )
    # all data at one point: DRAGAN's neighbourhood is that point
    assert velocity(make_method("dragan"), [(theta, psi)])[0] == pytest.approx(
        [sigmoid(-logit) * psi, -sigmoid(logit) * theta - 20 * (psi - 1)], abs=1e-4
    )
    # the averages are the first batch's: a_R = 0, a_F = ψθ
    held = 2 * 0.3 * max(0, -logit) * theta
    pushed = theta if logit > -1 else 0.0
    assert velocity(make_method("lecam"), [(theta, psi)])[0] == pytest.approx(
        [psi, -pushed + held], abs=1e-5
    )
    clipped = velocity(make_method("gradient_clipping", {"max_norm": 0.1}), [(theta, psi)])[0]
    assert np.abs(clipped) == pytest.approx([0.1, 0.1], rel=1e-4)
