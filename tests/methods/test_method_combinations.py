"""Combinations of the methods there are: what they train like, and every pair."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from by_formula import CPU, B, Formula, P, fresh_noise, randn, small_game, weights

from bench.architectures.mlp import MLP
from bench.datasets.grid25 import Grid25
from bench.datasets.ring8 import Ring8
from bench.errors import BenchError
from bench.method import Optimizer
from bench.registry import find, make_method
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Outcome, Training, train

RECIPE = Training(
    method=make_method("non_saturating"),
    dataset=Grid25(evaluation_samples=64),
    architecture=MLP(latent=4, generator_widths=(16,), discriminator_widths=(16,)),
    configuration=TrainingConfiguration(learning_rate=1e-3, betas=(0.0, 0.9), batch_size=32),
    updates=20,
    evaluations=1,
)


def trained(name: str, seeds: list[int], **hyperparameters) -> list[Outcome]:
    return train(replace(RECIPE, method=make_method(name, hyperparameters)), seeds, CPU)


def assert_same(first: Outcome, second: Outcome) -> None:
    assert (first.status, first.checkpoints) == (second.status, second.checkpoints)
    assert first.series.keys() == second.series.keys()
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name])
    np.testing.assert_array_equal(first.samples, second.samples)


def test_the_relativistic_loss_with_both_penalties_is_r3gan():
    # whose other change, a first beta of 0, is the hyperparameter's here
    (whole,) = trained("r3gan", [1], gamma=0.5)
    (parts,) = trained("r2+r1+relativistic", [1], **{"r1.gamma": 0.5, "r2.gamma": 0.5})
    assert_same(parts, whole)
    (other,) = trained("r2+r1+relativistic", [1], **{"r1.gamma": 0.5, "r2.gamma": 0.4})
    assert not np.array_equal(other.samples, whole.samples)


@pytest.mark.parametrize(
    "name", ["spectral_norm", "wgan_gp", "lecam", "pacgan", "instance_noise", "unrolled", "ttur"]
)
def test_with_the_base_of_the_contract_a_method_is_itself(name):
    (alone,), (together,) = trained(name, [2]), trained(f"non_saturating+{name}", [2])
    assert_same(together, alone)


@pytest.mark.parametrize(
    "name",
    ["hinge+spectral_norm+r1", "dragan+lecam+spectral_norm+gradient_clipping", "pacgan+wgan_gp"],
)
def test_a_member_is_bit_for_bit_the_same_seed_alone(name):
    together = trained(name, [0, 1, 2])
    for seed, outcome in enumerate(together):
        (alone,) = trained(name, [seed])
        assert_same(outcome, alone)
    assert not np.array_equal(together[0].samples, together[1].samples)


def test_penalties_add_up():
    weight = randn(P, 1, 2, seed=3) * torch.tensor([0.1, 1.0, 3.0]).view(P, 1, 1)
    linear = Formula(lambda x: (x * weight).sum(2))
    real, fake = randn(P, B, 2, seed=4), randn(P, B, 2, seed=5)
    slope = weight.flatten(1).norm(dim=1)
    method = make_method("zero_centered_gp+r1+wgan_lp", {"zero_centered_gp.penalty_weight": 2})
    penalty = method.penalty(linear, real, fake, fresh_noise())
    expected = 5 * slope**2 + 10 * torch.relu(slope - 1) ** 2 + 2 * slope**2
    torch.testing.assert_close(penalty, expected)


def test_what_a_penalty_carries_on_from_rehearsed_steps_is_forgotten():
    game = small_game(make_method("lecam+unrolled"), Optimizer("sgd", 0.1))
    game.step_discriminator(game.discriminator_gradients())
    before = {name: part.clone() for name, part in game._state.items()}
    assert any(part.any() for part in before.values())
    game.generator_gradients(ahead=3)
    assert before.keys() == game._state.keys()
    assert all(torch.equal(before[name], part) for name, part in game._state.items())


def test_every_pair_is_refused_with_both_names_or_trains():
    base, refused = Optimizer(learning_rate=1e-3, betas=(0.5, 0.9)), []
    pairs = list(combinations(find("method").parts, 2))
    for first, second in pairs:
        try:
            method = make_method(f"{second}+{first}")
        except BenchError as error:
            refused.append((str(error), f"{first} and {second} cannot be combined: "))
            continue
        if method.not_applicable(Ring8(), MLP()):
            continue
        game = small_game(method, base)
        players = ("generator", "discriminator")
        before = [weights(game, player) for player in players]
        method.update(game)
        for player, flat in zip(players, before, strict=True):
            assert weights(game, player).isfinite().all(), method.name
            assert not torch.equal(weights(game, player), flat), method.name
    assert 0 < len(refused) < len(pairs) / 2
    assert [told for told, begins in refused if not told.startswith(begins)] == []
