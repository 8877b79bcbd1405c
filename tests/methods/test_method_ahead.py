"""Gradients through penalties, clipped steps and clipped weights, against finite differences."""

import pytest
import torch
from by_formula import call, differences, place, small_game, weights

from bench.combination import parts_of
from bench.method import Optimizer
from bench.registry import make_method
from bench.training.game import Game
from bench.training.population import joined
from bench.training.views import Gradient


@pytest.fixture(autouse=True)
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("hinge+unrolled", {}),
        ("r1+unrolled", {}),
        ("r2+unrolled", {"r2.gamma": 2.0}),
        ("gradient_clipping+unrolled", {"gradient_clipping.max_norm": 0.05}),
        ("unrolled+wgan_clip", {"wgan_clip.clip": 0.05, "wgan_clip.critic_steps": 1}),
    ],
)
def test_steps_ahead_are_the_steps_that_would_be_made(name, hyperparameters):
    game = small_game(make_method(name, hyperparameters), Optimizer("sgd", 0.3))
    game.step_discriminator(game.discriminator_gradients())
    latents, real = game._feed.next("generator_latents"), game._latest
    start, state = weights(game, "discriminator"), game.state()

    def loss_of(generator: torch.Tensor) -> float:
        """By real steps of the discriminator, from where the game stands."""
        with torch.no_grad():
            fake = call(game, "generator", generator, latents)
        moving = Game(game._rules, state, game._feed)
        for _ in range(3):
            own = moving._leaf(moving._weights["discriminator"])
            discriminator = moving._discriminator(own, moving._state)
            loss = moving._discriminator_loss(discriminator, real, fake)
            (gradient,) = moving._differentiated(loss, own)
            moving.step_discriminator(Gradient(game._rules.discriminator, gradient))
        with torch.no_grad():
            discriminator = moving._discriminator(moving._weights["discriminator"], moving._state)
            return float(moving._generator_loss(discriminator, fake).sum())

    expected = differences(loss_of, weights(game, "generator"))
    found = joined(game.generator_gradients(3))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    assert torch.equal(weights(game, "discriminator"), start)


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
    game._feed.noise = SameNoise()
    game._feed.batches["generator_latents"] = latents = game._feed.next("discriminator_latents")
    real = game._feed.next("real")
    players = ("discriminator", "generator")
    start = [weights(game, player) for player in players]

    def energy(flat: torch.Tensor) -> float:
        for player, part in zip(players, flat.split([s.shape[1] for s in start], 1), strict=True):
            place(game, player, part)
        own = {player: game._leaf(game._weights[player]) for player in players}
        discriminator = game._discriminator(own["discriminator"], game._state)
        with torch.no_grad():
            fake = call(game, "generator", weights(game, "generator"), latents)
        generated = game._generated("discriminator_latents", own["generator"])
        losses = (
            game._discriminator_loss(discriminator, real, fake),
            game._generator_loss(discriminator, generated),
        )
        squares = [
            game._differentiated(loss, own[player])[0].square().sum()
            for loss, player in zip(losses, players, strict=True)
        ]
        return 0.5 * float(sum(squares))

    expected = differences(energy, torch.cat(start, 1))
    for player, part in zip(players, start, strict=True):
        place(game, player, part)
    with_it, without = (
        joined(joined(g) for g in Game(game._rules, game.state(), game._feed).joint_gradients(r))
        for r in (consensus._energy, lambda a, b: 0 * consensus._energy(a, b))
    )
    pull = (with_it - without) / consensus.gamma
    torch.testing.assert_close(pull, expected, rtol=1e-5, atol=1e-6)
