"""Gradients through penalties, clipped steps and clipped weights, against finite differences."""

import copy

import pytest
import torch
from by_formula import small_game

from bench.combination import parts_of
from bench.method import Optimizer
from bench.registry import make_method


@pytest.fixture(autouse=True)
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def differences(function, flat: torch.Tensor, step: float = 1e-5) -> torch.Tensor:
    """The gradient of a scalar function by central differences."""
    gradient = torch.zeros_like(flat)
    for place in range(len(flat)):
        nudge = torch.zeros_like(flat)
        nudge[place] = step
        gradient[place] = (function(flat + nudge) - function(flat - nudge)) / (2 * step)
    return gradient


def joined(gradients) -> torch.Tensor:
    return torch.cat([g.flatten() for g in gradients])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("hinge+unrolled", {}),
        ("r1+unrolled", {}),
        ("r2+unrolled", {"r2.gamma": 2.0}),
        ("gradient_clipping+unrolled", {"gradient_clipping.max_norm": 0.05}),
        ("unrolled+wgan_clip", {"wgan_clip.clip": 0.05, "wgan_clip.critic_steps": 1}),
    ],
)
def test_steps_ahead_are_the_steps_that_would_be_made(name, settings):
    game = small_game(make_method(name, settings), Optimizer("sgd", 0.3))
    game.step_discriminator(game.discriminator_gradients())
    latents, real = game._generator_latents.next(), game._last_real
    start = game.discriminator.flat.clone()

    def loss_of(generator: torch.Tensor) -> float:
        """By real steps of the discriminator, which are taken back."""
        with torch.no_grad():
            fake = game.generator(latents, game.generator.shaped(generator))
        for _ in range(3):
            loss = game._discriminator_loss(game._discriminator(False), real, fake)
            game.step_discriminator(
                list(torch.autograd.grad(loss.sum(), game.discriminator.parameters))
            )
        with torch.no_grad():
            found = float(game._generator_loss(game._discriminator(False), fake).sum())
            game.discriminator.flat.copy_(start)
        return found

    expected = differences(loss_of, game.generator.flat.detach().clone())
    found = joined(game.generator_gradients(3))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


class SameNoise:
    """The same numbers at every call, for functions that are to be differentiated."""

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.rand((2, *shape), generator=torch.Generator().manual_seed(3))

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn((2, *shape), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("penalty", ["r1", "r2", "zero_centered_gp", "r3gan"])
def test_consensus_sees_how_a_penalty_depends_on_both_players(penalty):
    method = make_method(f"consensus_optimization+{penalty}")
    (consensus,) = [p for p in parts_of(method) if p.name == "consensus_optimization"]
    game = small_game(method, Optimizer("sgd", 0.1))
    game._noise = SameNoise()
    real = game._real.next()
    latents = game._discriminator_latents.next()
    players = (game.discriminator, game.generator)
    start = [player.flat.clone() for player in players]

    def energy(flat: torch.Tensor) -> float:
        with torch.no_grad():
            for player, part in zip(players, flat.split([len(s) for s in start]), strict=True):
                player.flat.copy_(part)
            fake = game.generator(latents)
        losses = (
            game._discriminator_loss(game._discriminator(False), real, fake),
            game._generator_loss(game._discriminator(False), game.generator(latents)),
        )
        squares = [
            joined(torch.autograd.grad(loss.sum(), player.parameters)).square().sum()
            for loss, player in zip(losses, players, strict=True)
        ]
        return 0.5 * float(sum(squares))

    expected = differences(energy, torch.cat(start))
    with torch.no_grad():
        for player, part in zip(players, start, strict=True):
            player.flat.copy_(part)
    game._generator_latents = game._discriminator_latents
    with_it, without = (
        joined(joined(g) for g in copy.deepcopy(game).joint_gradients(regulariser))
        for regulariser in (consensus._energy, lambda a, b: 0 * consensus._energy(a, b))
    )
    pull = (with_it - without) / consensus.gamma
    torch.testing.assert_close(pull, expected, rtol=1e-5, atol=1e-6)
