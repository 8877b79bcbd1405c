"""How the players move: steps ahead, both gradients together, optimism, averages."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from by_formula import small_game
from torch.func import functional_call

from bench.architectures.mlp import MLP
from bench.datasets.mixtures import Ring8
from bench.method import Method, Optimizer
from bench.registry import make_method
from bench.training.loop import Training, train
from bench.training.optimizers import make_optimizer, rehearsal

KINDS = [
    Optimizer("sgd", 0.3),
    Optimizer("adam", 0.05, (0.5, 0.9)),
    Optimizer("rmsprop", 0.05),
]
OPTIMISTIC = [replace(base, kind=f"optimistic_{base.kind}") for base in KINDS]


@pytest.fixture
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def call(network, flat: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    return network(inputs, network.shaped(flat))


def differences(function, flat: torch.Tensor, step: float = 1e-5) -> torch.Tensor:
    """The gradient of a scalar function by central differences."""
    gradient = torch.zeros_like(flat)
    for place in range(len(flat)):
        nudge = torch.zeros_like(flat)
        nudge[place] = step
        gradient[place] = (function(flat + nudge) - function(flat - nudge)) / (2 * step)
    return gradient


def memory(game) -> list:
    """What the discriminator's optimiser carries from step to step."""
    optimizer = game._discriminator_optimizer
    plain = getattr(optimizer, "_optimizer", optimizer)
    kept = [value for state in plain.state.values() for value in state.values()]
    return [*kept, getattr(optimizer, "_before", 0)]


def joined(gradients: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([g.flatten() for g in gradients])


@pytest.mark.truth("unrolled")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("base", "steps"),
    [*((base, 0) for base in KINDS), *((base, 3) for base in (*KINDS, *OPTIMISTIC))],
    ids=lambda each: each.kind if isinstance(each, Optimizer) else str(each),
)
@pytest.mark.parametrize("begun", [0, 2])
def test_unrolled_gradients_are_those_through_real_steps_of_the_optimiser(base, steps, begun):
    method = make_method("unrolled", {"steps": steps})
    game = small_game(method, base)
    for _ in range(begun):
        method.update(game)
    game.step_discriminator(game.discriminator_gradients())
    real = game._last_real
    latents = game._generator_latents.next()

    def loss_of(generator_flat: torch.Tensor) -> float:
        """By real steps of a copy of the discriminator's optimiser."""
        with torch.no_grad():
            fake = call(game.generator, generator_flat, latents)
        # together, so that the copied optimiser moves the copied weights
        optimizer, flat = copy.deepcopy((game._discriminator_optimizer, game.discriminator.flat))
        for _ in range(steps):
            moving = flat.clone().requires_grad_()
            logits = [call(game.discriminator, moving, part) for part in (real, fake)]
            loss = method.discriminator_loss(*logits).sum()
            (flat.grad,) = torch.autograd.grad(loss, moving)
            optimizer.step()
        with torch.no_grad():
            logits = call(game.discriminator, flat, fake)
            return float(method.generator_loss(logits, None).sum())

    before = game.discriminator.flat.clone(), copy.deepcopy(memory(game))
    gradients = joined(game.generator_gradients(steps))
    expected = differences(loss_of, game.generator.flat.detach().clone())
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-7)
    # the steps were only rehearsed
    assert torch.equal(game.discriminator.flat, before[0])
    assert len(before[1]) == len(memory(game))
    for kept, now in zip(before[1], memory(game), strict=True):
        assert torch.equal(torch.as_tensor(kept), torch.as_tensor(now))


def test_an_entry_without_a_gradient_does_not_spoil_the_steps_ahead():
    weights = torch.zeros(2)
    optimizer = make_optimizer(Optimizer("adam", 0.1), weights)
    scale = torch.tensor([1.0, 0.0], requires_grad=True)
    moved = rehearsal(optimizer, weights, 0).step(weights, scale * scale)
    (slope,) = torch.autograd.grad(moved.sum(), scale)
    assert slope.isfinite().all()


@pytest.mark.truth("consensus_optimization")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_consensus_adds_the_gradient_of_half_the_squared_norm_of_both_gradients(gamma):
    method = make_method("consensus_optimization", {"gamma": gamma})
    game = small_game(method, Optimizer("sgd", 0.1))
    real, for_discriminator, for_generator = (
        blocks.next()
        for blocks in (game._real, game._discriminator_latents, game._generator_latents)
    )

    def gradients_at(flat: torch.Tensor) -> list[torch.Tensor]:
        """Of the discriminator and of the generator, one after another."""
        flats = flat.split([game.discriminator.flat.numel(), game.generator.flat.numel()])
        d, g = (part.clone().requires_grad_() for part in flats)
        fakes = [call(game.generator, g, part) for part in (for_discriminator, for_generator)]
        logits = [call(game.discriminator, d, part) for part in (real, *fakes)]
        d_loss = method.discriminator_loss(logits[0], logits[1]).sum()
        g_loss = method.generator_loss(logits[2], None).sum()
        return [
            torch.autograd.grad(d_loss, d, retain_graph=True)[0],
            torch.autograd.grad(g_loss, g)[0],
        ]

    point = torch.cat([game.discriminator.flat, game.generator.flat]).detach().clone()

    def energy(flat):
        return 0.5 * torch.cat(gradients_at(flat)).square().sum()

    expected = torch.cat(gradients_at(point)) + gamma * differences(energy, point)
    found = game.joint_gradients(method._energy)
    torch.testing.assert_close(
        torch.cat([joined(g) for g in found]), expected, rtol=1e-5, atol=1e-8
    )
    recorded = torch.stack([game.discriminator_series.norms[0], game.generator_series.norms[0]])
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
        for network in ("generator", "discriminator"):
            torch.testing.assert_close(
                getattr(game, network).flat, getattr(plain, network).flat, rtol=1e-4, atol=1e-6
            )


@pytest.mark.truth("optimistic_adam")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("base", KINDS, ids=lambda base: base.kind)
def test_optimistic_steps_are_algorithm_1(base):
    torch.manual_seed(0)
    weights, gradients = torch.randn(7), torch.randn(6, 7)
    (optimistic, _) = make_method("optimistic_adam").optimizers(base)
    flat = weights.clone()
    optimizer = make_optimizer(optimistic, flat)
    expected, before = weights.clone(), torch.zeros(7)
    first, second = base.betas
    mean = square = torch.zeros(7)
    for t, gradient in enumerate(gradients, 1):
        flat.grad = gradient
        optimizer.step()
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
        torch.testing.assert_close(flat, expected)


def test_optimistic_rates_fall_with_the_setting():
    game = game_after(make_method("optimistic_adam"), Optimizer(), 10, decay=True, updates=10)
    for optimizer in (game._discriminator_optimizer, game._generator_optimizer):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(2e-5)


@pytest.mark.truth("extragradient")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("simultaneous", [True, False])
def test_extragradient_steps_with_the_gradients_of_the_point_ahead(simultaneous):
    method, rate = make_method("extragradient"), 0.3
    game = small_game(method, Optimizer("sgd", rate), simultaneous=simultaneous, ema=0.9)
    twin = small_game(Method(), Optimizer("sgd", rate))
    start = [twin.discriminator.flat.detach().clone(), twin.generator.flat.detach().clone()]

    def both() -> list[torch.Tensor]:
        return [joined(twin.discriminator_gradients()), joined(twin.generator_gradients())]

    def place(flats: list[torch.Tensor]) -> None:
        with torch.no_grad():
            twin.discriminator.flat.copy_(flats[0])
            twin.generator.flat.copy_(flats[1])

    place([at - rate * g for at, g in zip(start, both(), strict=True)])
    expected = [at - rate * g for at, g in zip(start, both(), strict=True)]
    method.update(game)
    torch.testing.assert_close(game.discriminator.flat, expected[0])
    torch.testing.assert_close(game.generator.flat, expected[1])
    # a look ahead costs an update; the average leaves it out
    counts = game.counts
    assert (counts.discriminator_updates, counts.generator_updates) == (2, 2)
    torch.testing.assert_close(game.average.flat, start[1] * 2 / 11 + expected[1] * 9 / 11)


def training(name: str, updates: int = 20, **options) -> Training:
    return Training(
        make_method(name),
        Ring8(evaluation_samples=50),
        MLP(latent=4, generator_widths=(16,), discriminator_widths=(16,)),
        Optimizer(learning_rate=1e-3),
        32,
        updates,
        2,
        **options,
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
def test_the_averaged_generator_is_what_is_measured():
    plain, averaged, setting = (
        run("non_saturating", 40)[0],
        run("generator_ema", 40)[0],
        run("non_saturating", 40, ema=0.999)[0],
    )
    for name, values in plain.series.items():
        np.testing.assert_array_equal(values, averaged.series[name])
    assert averaged.evaluations == setting.evaluations
    assert averaged.evaluations[-1] != plain.evaluations[-1]


def test_a_settings_average_takes_the_place_of_the_methods():
    with_both = run("generator_ema", 40, ema=0.5)[0]
    assert with_both.evaluations == run("non_saturating", 40, ema=0.5)[0].evaluations


@pytest.mark.truth("generator_ema")
def test_the_average_is_the_hand_rolled_one():
    method = make_method("generator_ema", {"ema": 0.4})
    game = small_game(method, Optimizer("sgd", 0.5))
    expected = game.generator.flat.detach().double()
    for t in range(1, 15):
        method.update(game)
        decay = min(0.4, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * game.generator.flat.detach().double()
    torch.testing.assert_close(game.average.flat.double(), expected, rtol=1e-5, atol=1e-6)
    assert small_game(Method(), Optimizer()).average is None


def test_functional_and_stacked_calls_agree():
    # what the checks above rest on: weights laid out flat are the network's own
    game = small_game(Method(), Optimizer())
    inputs = torch.randn(2, 5, 2)
    stacked = call(game.discriminator, game.discriminator.flat, inputs)
    module = copy.deepcopy(game.discriminator._module).to_empty(device="cpu")
    alone = functional_call(module, game.discriminator.member(1), (inputs[1],))
    torch.testing.assert_close(stacked[1], alone)
