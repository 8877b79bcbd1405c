"""A member of a population is the same seed trained alone, whatever befalls the others."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.datasets.grid25 import Grid25
from bench.datasets.mnist5k import MNIST5k
from bench.method import Method
from bench.registry import find, make_method
from bench.training.checkpoints import Outcome
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Engine
from bench.training.game import Rules
from bench.training.loop import Training, _Run, blocks_of, train
from bench.training.population import Network
from bench.training.state import State
from bench.training.streams import MemberNoise, Stream, generator
from bench.training.views import packed_shape
from tests.measured import scores, subject_of
from tests.methods.by_formula import SameBatches, begin
from tests.recipes import changed

CPU = torch.device("cpu")
METHODS = list(find("method").parts)
ON_POINTS = [n for n in METHODS if make_method(n).not_applicable(Grid25(), MLP()) is None]


def training(method: Method, updates: int = 30, evaluations: int = 2) -> Training:
    return Training(
        method=method,
        dataset=Grid25(evaluation_samples=100),
        architecture=MLP(latent=4, generator_widths=(16, 16), discriminator_widths=(16, 16)),
        configuration=TrainingConfiguration(learning_rate=1e-3, batch_size=32),
        updates=updates,
        evaluations=evaluations,
    )


def assert_same(first: Outcome, second: Outcome) -> None:
    assert first.seed == second.seed
    assert (first.status, first.reason) == (second.status, second.reason)
    assert first.checkpoints == second.checkpoints
    assert first.cost == second.cost
    assert first.series.keys() == second.series.keys()
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name])
    np.testing.assert_array_equal(first.samples, second.samples)


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


def test_so_it_is_with_odd_batches_and_widths():
    recipe = changed(
        training(make_method("wgan_gp"), 20),
        batch_size=7,
        architecture=MLP(latent=3, generator_widths=(9,), discriminator_widths=(11,)),
    )
    for outcome in train(recipe, [0, 1, 2], CPU):
        assert_same(outcome, train(recipe, [outcome.seed], CPU)[0])


def test_seeds_train_in_blocks_of_five_by_their_numbers():
    assert blocks_of([7, 0, 4, 12, 5], 5) == [[7, 5], [0, 4], [12]]
    assert blocks_of([2, 0], 1) == [[2], [0]]
    (outcome,) = train(training(Method(), 2), [7], CPU)
    assert outcome.timing["population"] == 5


@pytest.mark.parametrize("name", METHODS)
def test_a_stack_agrees_with_a_member_called_by_itself(name):
    method = make_method(name)
    pair = DCGAN(8, (8, 4, 4), (4, 4, 8))
    if method.not_applicable(MNIST5k(), pair):
        pair = replace(pair, discriminator_batch_norm=False)
    shape, seeds = (1, 28, 28), [7, 8]
    packs = packed_shape(shape, method.packing)
    batches = {
        kind: torch.randn(2, 6, *size, generator=torch.Generator().manual_seed(number))
        for number, (kind, size) in enumerate(
            {"real": shape, "discriminator_latents": (8,), "generator_latents": (8,)}.items()
        )
    }

    def played(places: slice) -> State:
        own = seeds[places]
        rules = Rules(
            method,
            Network(lambda: pair.generator(shape), own, Stream.GENERATOR_WEIGHTS, CPU),
            Network(lambda: pair.discriminator(packs), own, Stream.DISCRIMINATOR_WEIGHTS, CPU),
            TrainingConfiguration(optimizer="sgd", learning_rate=1e-3),
        )
        feed = SameBatches(
            MemberNoise(own), 10, **{kind: batch[places] for kind, batch in batches.items()}
        )
        game = begin(rules, feed, own)
        for _ in range(2):
            method.update(game)
        return game.state()

    together, alone = played(slice(0, 2)), [played(slice(0, 1)), played(slice(1, 2))]
    for place, state in enumerate(alone):
        for network in ("generator", "discriminator"):
            value, own = getattr(together, network), getattr(state, network)
            torch.testing.assert_close(value[place], own[0], rtol=1e-3, atol=1e-5)
        for name, buffer in together.generator_buffers.items():
            own = state.generator_buffers[name][0]
            torch.testing.assert_close(buffer[place], own, rtol=1e-3, atol=1e-5)


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
    reached = [e for e in healthy[1].checkpoints if e["update"] <= at]
    assert victim.checkpoints == reached


def test_a_weight_that_turns_infinite_is_noticed_and_stays_with_its_member():
    healthy = train(training(Method(), 20), [0, 1], CPU)
    run = run_of(training(Method(), 20), [0, 1])
    run.state.generator[1, 0] = torch.inf
    first, victim = run.outcomes()
    assert_same(first, healthy[0])
    assert victim.status == "diverged"
    assert victim.checkpoints == []


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


def run_of(recipe: Training, seeds: list[int]) -> _Run:
    return _Run(recipe, seeds, CPU, lambda _: None, Engine(), lambda *_: None)


def fed(recipe: Training, seeds: list[int]) -> dict[str, torch.Tensor]:
    """The inputs of a whole training: (updates, P, …) each."""
    run, kept = run_of(recipe, seeds), []
    draw = run._inputs

    def draw_and_keep():
        kept.append(draw())
        return kept[-1]

    run._inputs = draw_and_keep
    run.outcomes()
    kept.pop()  # drawn for a round that the budget does not allow
    names = ("real", "discriminator_latents", "generator_latents")
    return {name: torch.cat([getattr(each, name) for each in kept]) for name in names}


def test_every_method_starts_from_the_same_weights():
    runs = []
    for number, name in enumerate(ON_POINTS):
        torch.manual_seed(number)
        runs.append(run_of(training(make_method(name)), [0, 1]))
    assert not torch.equal(*runs[0].state.generator[:2])
    for name, run in zip(ON_POINTS[1:], runs[1:], strict=True):
        # where samples are packed, the discriminator's first layer has other weights
        packs = make_method(name).packing > 1
        for network in ("generator",) if packs else ("generator", "discriminator"):
            assert torch.equal(getattr(run.state, network), getattr(runs[0].state, network))
        assert torch.equal(run.checkpoints.latents, runs[0].checkpoints.latents)


def test_data_and_latents_of_an_update_do_not_depend_on_the_critic_steps():
    every, fifth = (
        fed(changed(training(Method(), 150), critic_steps=steps), [0, 1]) for steps in (1, 5)
    )
    assert len(every["real"]) == len(fifth["real"]) == 150
    for name in ("real", "discriminator_latents"):
        assert torch.equal(every[name], fifth[name])
    assert len(fifth["generator_latents"]) == 30
    assert torch.equal(every["generator_latents"][:30], fifth["generator_latents"])
    for draws in every.values():
        assert not torch.equal(draws[0][0], draws[0][1])
        assert not torch.equal(draws[0], draws[1])


def test_each_stream_is_a_sequence_of_its_own():
    first = {}
    for seed in (0, 1, 2):
        for stream in Stream:
            draw = torch.randn(4, generator=generator(seed, stream))
            first[tuple(draw.tolist())] = (seed, stream)
    assert len(first) == 3 * len(Stream)
    recipe = training(Method(), 1)
    inputs = fed(recipe, [0, 1])
    batch = inputs["real"].shape[2]
    latents = [
        inputs["discriminator_latents"][0],
        inputs["generator_latents"][0],
        run_of(recipe, [0, 1]).checkpoints.latents[:, :batch],
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
    for name, kind in find("method").parts.items()
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
    recipe = changed(training(Method(), updates, evaluations=3), critic_steps=critic_steps)
    outcome = train(recipe, [0], CPU)[0]
    assert outcome.cost == {
        "discriminator_updates": critic_steps * rounds,
        "generator_updates": rounds,
        "gradient_evaluations": (critic_steps + 1) * rounds,
    }
    assert [e["update"] for e in outcome.checkpoints] == measured_at
    assert [e["generator_update"] for e in outcome.checkpoints] == [
        update // critic_steps for update in measured_at
    ]
    assert len(outcome.samples) == len(measured_at)
    assert len(outcome.series["discriminator_norm"]) == critic_steps * rounds
    assert len(outcome.series["generator_norm"]) == rounds


def test_a_gradient_penalty_costs_one_more_gradient_per_discriminator_update():
    outcome = train(training(make_method("wgan_gp"), 10), [0], CPU)[0]
    assert outcome.cost["gradient_evaluations"] == 10 + 10 + 2


def test_recorded_norms_are_those_of_the_whole_gradient():
    gradients = []

    class Watched(Method):
        def applied_gradients(self, gradients_of_a_player):
            gradients.append(torch.cat([g[1].flatten() for g in gradients_of_a_player]))
            return gradients_of_a_player

    outcome = train(training(Watched(), 1), [0, 1], CPU)[1]
    # the first round of all is played to find what it asks for
    discriminator, generator = gradients[2:]
    for player, whole in (("discriminator", discriminator), ("generator", generator)):
        recorded = outcome.series[f"{player}_norm"][0]
        assert recorded == pytest.approx(float(whole.norm()), rel=1e-5)


def test_training_learns_something(tmp_path):
    recipe = changed(
        training(make_method("ttur"), 300, 1),
        architecture=MLP(16, (32, 32), (32, 32)),
        learning_rate=3e-3,
        betas=(0.5, 0.9),
    )
    subject = subject_of(recipe.dataset, tmp_path)
    for outcome in train(recipe, [0, 1], CPU):
        start, end = (scores(subject, torch.from_numpy(s).float()) for s in outcome.samples)
        assert end["data_fd"] < start["data_fd"] / 4
