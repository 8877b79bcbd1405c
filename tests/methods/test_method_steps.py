"""How the players move: steps ahead, both gradients together, optimism, averages."""

import copy

import numpy as np
import pytest
import torch
from by_formula import call, differences, place, small_game, weights
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from bench.architectures.mlp import MLP
from bench.datasets.ring8 import Ring8
from bench.method import Method, Optimizer
from bench.registry import make_method
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training, train
from bench.training.optimizers import initial_moments, step
from bench.training.population import joined, member

KINDS = [
    Optimizer("sgd", 0.3),
    Optimizer("adam", 0.05, (0.5, 0.9)),
    Optimizer("rmsprop", 0.05),
]


@pytest.fixture
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.truth("unrolled")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("name", "base", "steps"),
    [
        *(("unrolled", base, 0) for base in KINDS),
        *((n, base, 3) for n in ("unrolled", "optimistic_adam+unrolled") for base in KINDS),
    ],
    ids=lambda each: each.kind if isinstance(each, Optimizer) else str(each),
)
@pytest.mark.parametrize("begun", [0, 2])
def test_unrolled_gradients_are_those_through_real_steps_of_the_optimiser(name, base, steps, begun):
    method = make_method(name, {"steps" if name == "unrolled" else "unrolled.steps": steps})
    game = small_game(method, base)
    for _ in range(begun):
        method.update(game)
    game.step_discriminator(game.discriminator_gradients())
    real, latents = game._latest, game._feed.next("generator_latents")
    optimizer = method.optimizers(base)[1]

    def loss_of(generator: torch.Tensor) -> float:
        """By real steps of the discriminator's optimiser, from where the game stands."""
        with torch.no_grad():
            fake = call(game, "generator", generator, latents)
        moments, flat = game._moments["discriminator"], weights(game, "discriminator")
        for made in range(steps):
            flat.requires_grad_()
            logits = [call(game, "discriminator", flat, part) for part in (real, fake)]
            (gradient,) = torch.autograd.grad(method.discriminator_loss(*logits).sum(), flat)
            flat, moments = step(optimizer, flat.detach(), gradient, moments, begun + 2 + made)
        with torch.no_grad():
            logits = call(game, "discriminator", flat, fake)
            return float(method.generator_loss(logits, None).sum())

    before = game.state()
    gradients = joined(game.generator_gradients(steps))
    expected = differences(loss_of, weights(game, "generator"))
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-7)
    # the steps were only looked ahead to
    after = game.state()
    for one, other in zip(tree_leaves(before), tree_leaves(after), strict=True):
        assert torch.equal(one, other)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("base", KINDS, ids=lambda base: base.kind)
def test_steps_are_those_of_torchs_optimisers(base):
    torch.manual_seed(0)
    start, gradients = torch.randn(3, 7), torch.randn(6, 3, 7)
    theirs = start.clone().requires_grad_()
    made = {
        "adam": lambda: torch.optim.Adam([theirs], base.learning_rate, base.betas),
        "rmsprop": lambda: torch.optim.RMSprop([theirs], base.learning_rate),
        "sgd": lambda: torch.optim.SGD([theirs], base.learning_rate),
    }[base.kind]()
    ours, moments = start, initial_moments(base, start)
    for count, gradient in enumerate(gradients, 1):
        theirs.grad = gradient.clone()
        made.step()
        number = torch.tensor(float(count), dtype=torch.float64)
        ours, moments = step(base, ours, gradient, moments, number)
    torch.testing.assert_close(ours, theirs.detach())


def test_an_entry_without_a_gradient_does_not_spoil_the_steps_ahead():
    start, base = torch.zeros(1, 2), Optimizer("adam", 0.1)
    scale = torch.tensor([[1.0, 0.0]], requires_grad=True)
    moved, _ = step(base, start, scale * scale, initial_moments(base, start), 1)
    (slope,) = torch.autograd.grad(moved.sum(), scale)
    assert slope.isfinite().all()


@pytest.mark.truth("consensus_optimization")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_consensus_adds_the_gradient_of_half_the_squared_norm_of_both_gradients(gamma):
    method = make_method("consensus_optimization", {"gamma": gamma})
    game = small_game(method, Optimizer("sgd", 0.1))
    batches = game._feed.batches
    for_each = [batches["discriminator_latents"], batches["generator_latents"]]
    start = [weights(game, player) for player in ("discriminator", "generator")]

    def gradients_at(flat: torch.Tensor) -> list[torch.Tensor]:
        """Of the discriminator and of the generator, one after another."""
        flats = flat.split([part.shape[1] for part in start], 1)
        d, g = (part.clone().requires_grad_() for part in flats)
        fakes = [call(game, "generator", g, part) for part in for_each]
        logits = [call(game, "discriminator", d, part) for part in (batches["real"], *fakes)]
        d_loss = method.discriminator_loss(logits[0], logits[1]).sum()
        g_loss = method.generator_loss(logits[2], None).sum()
        return [
            torch.autograd.grad(d_loss, d, retain_graph=True)[0],
            torch.autograd.grad(g_loss, g)[0],
        ]

    point = torch.cat(start, 1)

    def energy(flat):
        return 0.5 * torch.cat(gradients_at(flat), 1).square().sum()

    expected = torch.cat(gradients_at(point), 1) + gamma * differences(energy, point)
    found = game.joint_gradients(method._energy)
    torch.testing.assert_close(
        torch.cat([joined(g) for g in found], 1), expected, rtol=1e-5, atol=1e-8
    )
    seen = game.observed()
    recorded = torch.cat([seen["discriminator_norm"], seen["generator_norm"]])
    whole = [torch.cat([g[0].flatten() for g in gradients]).norm() for gradients in found]
    torch.testing.assert_close(recorded[:, 0], torch.stack(whole))


def game_after(method: Method, base: Optimizer, rounds: int, **options):
    game = small_game(method, base, **options)
    for _ in range(rounds):
        method.update(game)
    return game


@pytest.mark.truth("consensus_optimization")
def test_consensus_without_weight_is_simultaneous_training():
    base = Optimizer("adam", 0.01)
    plain = game_after(Method(), base, 5, simultaneous=True)
    for simultaneous in (True, False):
        method = make_method("consensus_optimization", {"gamma": 0.0})
        game = game_after(method, base, 5, simultaneous=simultaneous)
        for player in ("generator", "discriminator"):
            torch.testing.assert_close(
                weights(game, player), weights(plain, player), rtol=1e-4, atol=1e-6
            )


@pytest.mark.truth("optimistic_adam")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("base", KINDS, ids=lambda base: base.kind)
def test_optimistic_steps_are_algorithm_1(base):
    torch.manual_seed(0)
    start, gradients = torch.randn(1, 7), torch.randn(6, 1, 7)
    (optimistic, _) = make_method("optimistic_adam").optimizers(base)
    moved, moments = start, initial_moments(optimistic, start)
    expected, before = start.clone(), torch.zeros(1, 7)
    first, second = base.betas
    mean = square = torch.zeros(1, 7)
    for t, gradient in enumerate(gradients, 1):
        moved, moments = step(optimistic, moved, gradient, moments, t)
        if base.kind == "adam":
            mean = first * mean + (1 - first) * gradient
            square = second * square + (1 - second) * gradient**2
            direction = (mean / (1 - first**t)) / ((square / (1 - second**t)).sqrt() + 1e-8)
        elif base.kind == "rmsprop":
            square = 0.99 * square + 0.01 * gradient**2
            direction = gradient / (square.sqrt() + 1e-8)
        else:
            direction = gradient
        rate = base.learning_rate
        expected = expected - 2 * rate * direction + rate * before
        before = direction
        torch.testing.assert_close(moved, expected)


@pytest.mark.usefixtures("double")
def test_optimistic_rates_fall_with_the_others():
    game = game_after(
        make_method("optimistic_adam"), Optimizer("sgd", 0.1), 9, decay="linear", updates=10
    )
    gradients = game.discriminator_gradients()
    before, start = game._moments["discriminator"]["before"], weights(game, "discriminator")
    game.step_discriminator(gradients)
    # a tenth of the rate is left for the last of ten updates
    expected = start - 2 * 0.01 * joined(gradients) + before
    torch.testing.assert_close(weights(game, "discriminator"), expected)


@pytest.mark.truth("extragradient")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("simultaneous", [True, False])
def test_extragradient_steps_with_the_gradients_of_the_point_ahead(simultaneous):
    method, rate = make_method("extragradient"), 0.3
    game = small_game(method, Optimizer("sgd", rate), simultaneous=simultaneous, ema=0.9)
    twin = small_game(Method(), Optimizer("sgd", rate))
    players = ("discriminator", "generator")
    start = [weights(twin, player) for player in players]

    def both() -> list[torch.Tensor]:
        return [joined(twin.discriminator_gradients()), joined(twin.generator_gradients())]

    expected = start
    for _ in range(2):
        for player, flat in zip(players, expected, strict=True):
            place(twin, player, flat)
        expected = [at - rate * g for at, g in zip(start, both(), strict=True)]
    method.update(game)
    for player, flat in zip(players, expected, strict=True):
        torch.testing.assert_close(weights(game, player), flat)
    # a look ahead costs an update; the average leaves it out
    assert game.made == {"discriminator": 2, "generator": 2}
    average = game.state().average["generator"]
    torch.testing.assert_close(average, start[1] * 2 / 11 + expected[1] * 9 / 11)


def training(name: str, updates: int = 20, **options) -> Training:
    return Training(
        make_method(name),
        Ring8(evaluation_samples=50),
        MLP(latent=4, generator_widths=(16,), discriminator_widths=(16,)),
        TrainingConfiguration(learning_rate=1e-3, batch_size=32, **options),
        updates,
        2,
    )


def run(*arguments, **options):
    return train(training(*arguments, **options), [0, 1], torch.device("cpu"))


@pytest.mark.parametrize(
    ("critic_steps", "updates", "rounds"), [(None, 9, 4), (None, 10, 5), (3, 12, 3), (3, 15, 3)]
)
def test_extragradient_keeps_the_budget(critic_steps, updates, rounds):
    (outcome, _) = run("extragradient", updates, critic_steps=critic_steps)
    spent = rounds * ((critic_steps or 1) + 1)
    assert spent <= updates
    assert outcome.cost == {
        "discriminator_updates": spent,
        "generator_updates": 2 * rounds,
        "gradient_evaluations": spent + 2 * rounds,
    }
    assert len(outcome.series["discriminator_norm"]) == spent


@pytest.mark.parametrize(("name", "evaluations"), [("unrolled", 7), ("consensus_optimization", 3)])
def test_what_is_rehearsed_or_differentiated_again_is_counted(name, evaluations):
    (outcome, _) = run(name, 10)
    assert outcome.cost == {
        "discriminator_updates": 10,
        "generator_updates": 10,
        "gradient_evaluations": 10 * evaluations,
    }


@pytest.mark.truth("generator_ema")
def test_training_does_not_notice_the_average_of_the_generator():
    plain, averaged = run("non_saturating", 40)[0], run("generator_ema", 40)[0]
    for name, values in plain.series.items():
        np.testing.assert_array_equal(values, averaged.series[name])
    for iterate in ("last", "averaged"):
        one, other = (each.pictures[iterate].samples for each in (plain, averaged))
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(averaged.pictures["averaged"].samples[-1], averaged.samples[-1])


def test_a_methods_own_average_takes_the_place_of_the_studys():
    own, asked = run("generator_ema", 40, ema=0.5)[0], run("non_saturating", 40, ema=0.999)[0]
    other = run("non_saturating", 40, ema=0.5)[0]
    own, asked, other = (each.pictures["averaged"].samples[-1] for each in (own, asked, other))
    np.testing.assert_array_equal(own, asked)
    assert not np.array_equal(own, other)


@pytest.mark.truth("generator_ema")
def test_the_average_is_the_hand_rolled_one():
    method = make_method("generator_ema", {"ema": 0.4})
    game = small_game(method, Optimizer("sgd", 0.5))
    expected = weights(game, "generator").double()
    for t in range(1, 15):
        method.update(game)
        decay = min(0.4, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * weights(game, "generator").double()
    average = game.state().average["generator"].double()
    torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-6)
    assert not small_game(Method(), Optimizer(), ema=None).state().average


def test_functional_and_stacked_calls_agree():
    # what the checks above rest on: weights laid out flat are the network's own
    game = small_game(Method(), Optimizer())
    inputs, network = torch.randn(2, 5, 2), game._rules.discriminator
    stacked = call(game, "discriminator", weights(game, "discriminator"), inputs)
    module = copy.deepcopy(network._module).to_empty(device="cpu")
    alone = functional_call(module, member(network.shaped(network.flat), 1), (inputs[1],))
    torch.testing.assert_close(stacked[1], alone)
