"""A member of a population is the same seed trained alone, whatever befalls the others."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.datasets.digits import MNIST5k
from bench.datasets.mixtures import Grid25
from bench.method import Method, Optimizer
from bench.registry import find_methods, make_method
from bench.training.game import Game
from bench.training.loop import Outcome, Training, _Run, train
from bench.training.population import Network
from bench.training.streams import Blocks, MemberNoise, Stream, generator
from bench.training.views import packed_shape

CPU = torch.device("cpu")
METHODS = list(find_methods().methods)
ON_POINTS = [n for n in METHODS if make_method(n).not_applicable(Grid25(), MLP()) is None]


def training(method: Method, updates: int = 30, evaluations: int = 2) -> Training:
    return Training(
        method=method,
        dataset=Grid25(evaluation_samples=100),
        architecture=MLP(latent=4, generator_widths=(16, 16), discriminator_widths=(16, 16)),
        optimizer=Optimizer(learning_rate=1e-3),
        batch_size=32,
        updates=updates,
        evaluations=evaluations,
    )


def assert_same(first: Outcome, second: Outcome) -> None:
    assert first.seed == second.seed
    assert (first.status, first.reason) == (second.status, second.reason)
    assert first.evaluations == second.evaluations
    assert first.cost == second.cost
    assert first.series.keys() == second.series.keys()
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name])
    np.testing.assert_array_equal(first.samples, second.samples)


# 32 samples fill whole vector registers: other batch sizes agree to rounding only
@pytest.mark.parametrize("name", ON_POINTS)
def test_a_member_is_bit_for_bit_the_same_seed_alone(name):
    recipe = training(make_method(name))
    seeds = [3, 1, 4, 0, 5]
    alone = {seed: train(recipe, [seed], CPU)[0] for seed in seeds}
    assert not np.array_equal(alone[3].samples[-1], alone[1].samples[-1])
    for population in (seeds[:2], seeds[2:], seeds):
        together = train(recipe, population, CPU)
        assert [outcome.seed for outcome in together] == population
        for outcome in together:
            assert_same(outcome, alone[outcome.seed])


def test_with_an_odd_batch_a_member_agrees_with_the_same_seed_alone_to_rounding():
    recipe = replace(training(make_method("non_saturating"), 20), batch_size=7)
    alone = [train(recipe, [seed], CPU)[0] for seed in range(3)]
    for member, expected in zip(train(recipe, [0, 1, 2], CPU), alone, strict=True):
        for name, values in member.series.items():
            np.testing.assert_allclose(values, expected.series[name], rtol=1e-4)


def dcgan_game(method: Method, seeds: list[int]) -> Game:
    pair = DCGAN(8, (8, 4, 4), (4, 4, 8))
    if method.not_applicable(MNIST5k(), pair):
        pair = replace(pair, discriminator_batch_norm=False)

    def normal(stream: Stream, *shape: int) -> Blocks:
        own = [generator(seed, stream, CPU) for seed in seeds]
        return Blocks(
            lambda member, steps: torch.randn((steps, *shape), generator=own[member]), len(seeds), 4
        )

    shape = (1, 28, 28)
    packs = packed_shape(shape, method.packing)
    return Game(
        method,
        Network(lambda: pair.generator(shape), seeds, Stream.GENERATOR_WEIGHTS, CPU),
        Network(lambda: pair.discriminator(packs), seeds, Stream.DISCRIMINATOR_WEIGHTS, CPU),
        Optimizer("sgd", 1e-3),
        real=normal(Stream.DATA, 6, *shape),
        discriminator_latents=normal(Stream.DISCRIMINATOR_LATENTS, 6, 8),
        generator_latents=normal(Stream.GENERATOR_LATENTS, 6, 8),
        noise=MemberNoise(seeds, CPU),
        updates=10,
    )


@pytest.mark.parametrize("name", METHODS)
def test_stacked_convolutions_agree_with_a_member_called_by_itself(name):
    method = make_method(name)
    together = dcgan_game(method, [7, 8])
    alone = [dcgan_game(method, [seed]) for seed in (7, 8)]
    for game in (together, *alone):
        while game.counts.discriminator_updates < 10:
            method.update(game)
    latents = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    images = together.generator.evaluate(latents)
    for member, game in enumerate(alone):
        for networks in ("generator", "discriminator"):
            own = getattr(game, networks).member(0)
            for weight, value in getattr(together, networks).member(member).items():
                torch.testing.assert_close(value, own[weight], rtol=1e-3, atol=1e-5)
        single = game.generator.evaluate(latents[member : member + 1])[0]
        torch.testing.assert_close(images[member], single, rtol=1e-3, atol=1e-4)


@dataclass(frozen=True)
class Poisoned(Method):
    """Member ``victim``'s discriminator loss becomes NaN in update ``at`` (counted from 0)."""

    victims: tuple[int, ...] = (1,)
    at: int = 70

    def initial_state(self, discriminator, noise):
        return {"update": torch.zeros(1)}

    def discriminator_weights(self, weights, state, advance):
        if not advance:
            return weights
        state["update"] = state["update"] + 1
        if state["update"] != self.at + 1:
            return weights
        poison = torch.ones(len(next(iter(weights.values()))))
        poison[list(self.victims)] = torch.nan
        return {
            name: weight * poison.view(-1, *[1] * (weight.ndim - 1))
            for name, weight in weights.items()
        }


@pytest.mark.parametrize("at", [0, 63, 64, 70, 99])
def test_a_member_that_turns_non_finite_leaves_the_others_untouched(at):
    seeds = [0, 1, 2]
    healthy = train(training(Method(), 100), seeds, CPU)
    first, victim, last = train(training(Poisoned(at=at), 100), seeds, CPU)
    assert_same(first, healthy[0])
    assert_same(last, healthy[2])
    assert victim.status == "diverged"
    assert victim.reason == (
        f"the discriminator's loss is not finite after {at + 1} discriminator updates"
    )
    assert victim.cost["discriminator_updates"] == at + 1
    for name, values in victim.series.items():
        assert len(values) == at + 1
        np.testing.assert_array_equal(values[:at], healthy[1].series[name][:at])
    assert np.isnan(victim.series["discriminator_norm"][at])
    reached = [e for e in healthy[1].evaluations if e["update"] <= at]
    assert victim.evaluations == reached


def test_a_weight_that_turns_infinite_is_noticed_and_stays_with_its_member():
    healthy = train(training(Method(), 20), [0, 1], CPU)
    run = _Run(training(Method(), 20), [0, 1], CPU, lambda _: None)
    with torch.no_grad():
        next(iter(run.generator.weights.values()))[1, 0, 0] = torch.inf
    first, victim = run.outcomes()
    assert_same(first, healthy[0])
    assert victim.status == "diverged"
    assert victim.evaluations == []


def test_training_ends_when_every_member_has_diverged():
    seen = []
    outcomes = train(training(Poisoned((0, 1), at=10), 10_000), [0, 1], CPU, seen.append)
    assert [outcome.status for outcome in outcomes] == ["diverged", "diverged"]
    assert max(seen) < 200


@pytest.mark.parametrize("name", ON_POINTS)
def test_the_same_cell_twice_is_the_same_result(name):
    recipe = training(make_method(name))
    for first, second in zip(train(recipe, [0, 1], CPU), train(recipe, [0, 1], CPU), strict=True):
        assert_same(first, second)


@dataclass(frozen=True)
class Spy(Method):
    """Keeps the networks' inputs of every update."""

    critic_steps: int = 1

    def update(self, game):
        if not vars(game).get("kept"):
            game.kept = {"real": [], "critic_latents": [], "generator_latents": []}
            record(game, "_real", "real")
            record(game, "_discriminator_latents", "critic_latents")
            record(game, "_generator_latents", "generator_latents")
        super().update(game)


def record(game: Game, source: str, kept: str) -> None:
    blocks = getattr(game, source)
    draw = blocks.next

    def next_and_keep():
        batch = draw()
        game.kept[kept].append(batch.clone())
        return batch

    blocks.next = next_and_keep


def test_every_method_starts_from_the_same_weights():
    runs = []
    for number, name in enumerate(METHODS):
        torch.manual_seed(number)
        runs.append(_Run(training(make_method(name)), [0, 1], CPU, print))
    for weight in runs[0].game.generator.weights.values():
        assert not torch.equal(weight[0], weight[1])
    for name, run in zip(METHODS[1:], runs[1:], strict=True):
        # where samples are packed, the discriminator's first layer has other weights
        packs = make_method(name).packing > 1
        for network in ("generator",) if packs else ("generator", "discriminator"):
            expected = getattr(runs[0].game, network).weights
            for weight_name, weight in getattr(run.game, network).weights.items():
                assert torch.equal(weight, expected[weight_name])
        assert torch.equal(run.fixed_latents, runs[0].fixed_latents)


def test_data_and_latents_of_an_update_do_not_depend_on_the_critic_steps():
    kept = []
    for critic_steps in (1, 5):
        run = _Run(training(Spy(critic_steps), 150), [0, 1], CPU, lambda _: None)
        run.outcomes()
        kept.append(run.game.kept)
    every, fifth = kept
    assert len(every["real"]) == len(fifth["real"]) == 150
    assert torch.equal(torch.stack(every["real"]), torch.stack(fifth["real"]))
    assert torch.equal(torch.stack(every["critic_latents"]), torch.stack(fifth["critic_latents"]))
    assert len(fifth["generator_latents"]) == 30
    assert torch.equal(
        torch.stack(every["generator_latents"][:30]), torch.stack(fifth["generator_latents"])
    )
    for draws in every.values():
        assert not torch.equal(draws[0][0], draws[0][1])
        assert not torch.equal(draws[0], draws[1])


def test_each_stream_is_a_sequence_of_its_own():
    first = {}
    for seed in (0, 1, 2):
        for stream in Stream:
            draw = torch.randn(4, generator=generator(seed, stream, CPU))
            first[tuple(draw.tolist())] = (seed, stream)
    assert len(first) == 3 * len(Stream)
    run = _Run(training(Spy(), 1), [0, 1], CPU, lambda _: None)
    run.outcomes()
    batch = len(run.game.kept["real"][0][0])
    latents = [
        run.game.kept["critic_latents"][0],
        run.game.kept["generator_latents"][0],
        run.fixed_latents[:, :batch],
    ]
    for member in (0, 1):
        seen = {tuple(draws[member].flatten().tolist()) for draws in latents}
        assert len(seen) == 3


HOOKS = (
    *("discriminator_loss", "penalty", "packing"),
    *("discriminator_weights", "discriminator_input"),
)
BASE_HOOKS = [
    name
    for name, kind in find_methods().methods.items()
    if all(getattr(kind, hook) is getattr(Method, hook) for hook in HOOKS)
]


@pytest.mark.parametrize("name", BASE_HOOKS)
def test_methods_with_the_same_discriminator_loss_begin_with_the_same_number(name):
    first, base = (
        train(training(method, 5), [0, 1], CPU)[0].series["discriminator_loss"][0]
        for method in (make_method(name), Method())
    )
    assert first == base


@pytest.mark.parametrize(
    ("critic_steps", "updates", "rounds", "measured_at"),
    [
        (1, 12, 12, [0, 4, 8, 12]),
        (5, 12, 2, [0, 5, 10]),
        (5, 15, 3, [0, 5, 10, 15]),
        (2, 12, 6, [0, 4, 8, 12]),
    ],
)
def test_the_budget_counts_discriminator_updates(critic_steps, updates, rounds, measured_at):
    outcome = train(training(Spy(critic_steps), updates, evaluations=3), [0], CPU)[0]
    assert outcome.cost == {
        "discriminator_updates": critic_steps * rounds,
        "generator_updates": rounds,
        "gradient_evaluations": (critic_steps + 1) * rounds,
    }
    assert [e["update"] for e in outcome.evaluations] == measured_at
    assert [e["generator_update"] for e in outcome.evaluations] == [
        update // critic_steps for update in measured_at
    ]
    assert len(outcome.samples) == len(measured_at)
    assert len(outcome.series["discriminator_norm"]) == critic_steps * rounds
    assert len(outcome.series["generator_norm"]) == rounds


def test_a_gradient_penalty_costs_one_more_gradient_per_discriminator_update():
    outcome = train(training(make_method("wgan_gp"), 10), [0], CPU)[0]
    assert outcome.cost["gradient_evaluations"] == 10 + 10 + 2


def test_recorded_norms_are_those_of_the_whole_gradient():
    run = _Run(training(Method(), 1), [0, 1], CPU, lambda _: None)
    gradients = []
    step = run.game.step_discriminator
    run.game.step_discriminator = lambda g: (gradients.extend(x.clone() for x in g), step(g))
    outcome = run.outcomes()[1]
    whole = torch.cat([g[1].flatten() for g in gradients])
    assert outcome.series["discriminator_norm"][0] == pytest.approx(float(whole.norm()), rel=1e-5)


def test_training_learns_something():
    recipe = replace(
        training(make_method("ttur"), 300, 1),
        architecture=MLP(16, (32, 32), (32, 32)),
        optimizer=Optimizer("adam", 3e-3, (0.5, 0.9)),
    )
    for outcome in train(recipe, [0, 1], CPU):
        start, end = outcome.evaluations
        assert end["data_fd"] < start["data_fd"] / 4
