"""Averaged weights, decay, precision, closer looks and interpolations, as a study asks for them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from bench.architectures.mlp import MLP
from bench.datasets.base import Metric, Snapshot, Values
from bench.datasets.digits import Digits8
from bench.datasets.mixtures import Grid25
from bench.execution import worker
from bench.method import Method, Optimizer
from bench.records.cell import Setting
from bench.registry import make_architecture, make_dataset, make_method
from bench.training.examiner import slerp
from bench.training.loop import Outcome, Training, _Run, train
from bench.training.views import Average

CPU = torch.device("cpu")


def training(**changes) -> Training:
    return replace(
        Training(
            method=Method(),
            dataset=Grid25(evaluation_samples=100),
            architecture=MLP(latent=4, generator_widths=(16, 16), discriminator_widths=(16, 16)),
            optimizer=Optimizer(learning_rate=1e-3),
            batch_size=32,
            updates=30,
            evaluations=3,
        ),
        **changes,
    )


def assert_same(first: Outcome, second: Outcome) -> None:
    assert first.evaluations == second.evaluations
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name])
    np.testing.assert_array_equal(first.samples, second.samples)


@pytest.mark.parametrize(
    "options", [{"ema": 0.9}, {"decay": "linear"}, {"ema": 0.99, "decay": "linear"}]
)
@pytest.mark.parametrize("name", ["non_saturating", "wgan_gp", "ttur", "spectral_norm"])
def test_a_member_is_bit_for_bit_the_same_seed_alone(name, options):
    recipe = training(method=make_method(name), **options)
    assert recipe.stacks(CPU)
    together = train(recipe, [3, 0, 7], CPU)
    for outcome in together:
        assert_same(outcome, train(recipe, [outcome.seed], CPU)[0])
    assert not np.array_equal(together[0].samples[-1], together[1].samples[-1])


def test_averaged_weights_are_measured_and_training_does_not_notice():
    (plain,), (averaged,) = (train(training(ema=ema), [0], CPU) for ema in (None, 0.9))
    for name, values in plain.series.items():
        np.testing.assert_array_equal(values, averaged.series[name])
    # before the first update there is nothing to average
    np.testing.assert_array_equal(plain.samples[0], averaged.samples[0])
    assert plain.evaluations[0] == averaged.evaluations[0]
    for place in (1, 2, 3):
        assert not np.array_equal(plain.samples[place], averaged.samples[place])
        assert plain.evaluations[place]["data_fd"] != averaged.evaluations[place]["data_fd"]


def test_samples_are_those_of_the_averaged_weights():
    run = _Run(training(ema=0.9), [0, 1], CPU, lambda _: None)
    weights = [run.generator.flat.detach().clone()]
    step = run.game.step_generator
    run.game.step_generator = lambda g: (
        step(g),
        weights.append(run.generator.flat.detach().clone()),
    )
    outcomes = run.outcomes()
    average = weights[0].double()
    for number, after in enumerate(weights[1:], 1):
        decay = min(0.9, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * after.double()
    assert len(weights) == 31
    torch.testing.assert_close(run.game.average.flat.double(), average, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        run.generator.flat.copy_(average.float())
    samples = run.generator.evaluate(run.fixed_latents)
    for member, outcome in enumerate(outcomes):
        np.testing.assert_allclose(outcome.samples[-1], samples[member].numpy(), atol=2e-3)


def test_an_average_forgets_where_it_began():
    average = Average(torch.full((1,), 100.0), 0.999)
    for _ in range(60):
        average.take(torch.ones(1))
    assert float(average.flat) == pytest.approx(1, abs=0.01)
    steady = Average(torch.zeros(1), 0.5)
    for number in range(1, 200):
        steady.take(torch.full((1,), float(number)))
    assert float(steady.flat) == pytest.approx(198, abs=0.01)  # one behind, on average


@pytest.mark.parametrize("name", ["non_saturating", "wgan_gp", "ttur"])
def test_both_step_sizes_fall_evenly_to_nothing(name):
    updates = 30
    recipe = training(
        method=make_method(name), decay="linear", updates=updates,
        optimizer=Optimizer("sgd", 0.1), batch_size=32,
    )  # fmt: skip
    run = _Run(recipe, [0, 1], CPU, lambda _: None)
    rates: dict[str, list[tuple[int, float]]] = {"discriminator": [], "generator": []}
    moved: dict[str, list[float]] = {"discriminator": [], "generator": []}
    for player in rates:
        optimizer = getattr(run.game, f"_{player}_optimizer")
        network = getattr(run.game, player)

        def step(optimizer=optimizer, network=network, player=player, really=optimizer.step):
            before = network.flat.detach().clone()
            really()
            done = run.game.counts.discriminator_updates
            rates[player].append((done, optimizer.param_groups[0]["lr"]))
            moved[player].append(float((network.flat.detach() - before).norm()))
            assert moved[player][-1] == pytest.approx(
                rates[player][-1][1] * float(network.flat.grad.norm()), rel=1e-2
            )

        optimizer.step = step
    run.outcomes()
    bases = recipe.method.optimizers(recipe.optimizer)
    for player, base in zip(("generator", "discriminator"), bases, strict=True):
        for done, rate in rates[player]:
            share = max(1 - done / updates, 1 / updates)
            assert rate == pytest.approx(base.learning_rate * share)
        assert rates[player][0][1] > 0.8 * base.learning_rate
        assert rates[player][-1][1] == pytest.approx(base.learning_rate / updates)
    assert len(rates["discriminator"]) == updates
    assert len(rates["generator"]) == updates // recipe.method.critic_steps


def test_without_decay_the_step_size_stays():
    run = _Run(training(), [0, 1], CPU, lambda _: None)
    run.outcomes()
    for optimizer in (run.game._generator_optimizer, run.game._discriminator_optimizer):
        assert optimizer.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize("name", ["non_saturating", "wgan_gp", "ttur", "spectral_norm"])
def test_bfloat16_is_finite_and_near_float32(name):
    method = make_method(name)
    recipes = [
        training(method=method, precision=precision, updates=60)
        for precision in ("float32", "bfloat16")
    ]
    assert not recipes[1].stacks(CPU)
    for full, half in zip(*(train(recipe, [0, 1], CPU) for recipe in recipes), strict=True):
        assert half.status == "ok"
        for quantity, values in full.series.items():
            assert values.dtype == half.series[quantity].dtype == np.float32
            # the first few updates, before small differences grow
            np.testing.assert_allclose(half.series[quantity][:5], values[:5], rtol=0.05, atol=0.02)
            assert not np.array_equal(half.series[quantity], values)
            assert np.isfinite(half.series[quantity]).all()
        # untrained networks are evaluated in float32, in either case
        np.testing.assert_allclose(half.samples[0], full.samples[0], atol=1e-3)
        assert half.evaluations[-1]["data_fd"] == pytest.approx(
            full.evaluations[-1]["data_fd"], rel=0.2
        )


def test_weights_stay_in_float32_whatever_products_are_in():
    run = _Run(training(precision="bfloat16"), [0], CPU, lambda _: None)
    run.outcomes()
    assert run.generator.flat.dtype == torch.float32
    assert run.game.discriminator.flat.dtype == torch.float32


@pytest.mark.parametrize(("precision", "wanted"), [("float32", False), ("tf32", True)])
def test_tf32_holds_in_updates_and_not_in_evaluations(precision, wanted):
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    seen = {"update": set(), "evaluation": set()}

    class Spy(Method):
        def update(self, game):
            seen["update"].add((matmul.allow_tf32, cudnn.allow_tf32))
            super().update(game)

    class Watched(Grid25):
        def evaluate(self, snapshot):
            seen["evaluation"].add((matmul.allow_tf32, cudnn.allow_tf32))
            return super().evaluate(snapshot)

    train(training(method=Spy(), dataset=Watched(), precision=precision), [0, 1], CPU)
    assert seen == {"update": {(wanted, wanted)}, "evaluation": {before}}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_bfloat16_is_in_force_in_a_stack_on_a_gpu():
    device = torch.device("cuda")
    wide, narrow = (
        train(training(precision=p), [0, 1], device)[0].series["discriminator_loss"]
        for p in ("float32", "bfloat16")
    )
    assert not np.array_equal(wide, narrow)
    np.testing.assert_allclose(wide[:3], narrow[:3], rtol=0.05)


def test_dirac_is_measured_by_its_averaged_weight():
    recipe = training(
        dataset=make_dataset("dirac"),
        architecture=make_architecture("dirac"),
        optimizer=Optimizer("sgd", 0.2),
        batch_size=2,
    )
    plain, averaged = (train(replace(recipe, ema=ema), [0], CPU)[0] for ema in (None, 0.9))
    last = averaged.evaluations[-1]["theta"]
    assert last != plain.evaluations[-1]["theta"]
    assert averaged.samples[-1][0, 0] == pytest.approx(last, rel=1e-3)


def test_the_twin_of_a_lone_seed_is_not_measured():
    measured = []

    class Counted(Grid25):
        def evaluate(self, snapshot):
            measured.append(1)
            return super().evaluate(snapshot)

    (outcome,) = train(training(dataset=Counted(), evaluations=3), [0], CPU)
    assert len(measured) == len(outcome.evaluations) == 4


def test_a_worker_trains_by_every_field_of_the_setting(make_cell, tmp_path, monkeypatch):
    seen = []

    def keep(recipe, seeds, *_):
        seen.append(recipe)
        return [Outcome(seed) for seed in seeds]

    monkeypatch.setattr(worker, "train", keep)
    monkeypatch.setattr(worker, "_write", lambda *_: None)
    setting = Setting(Optimizer("sgd", 0.125, (0.25, 0.5)), 48, True, 3, "linear", 0.75, "bfloat16")
    cell = replace(make_cell(), setting=setting, updates=77, evaluations=7)
    worker._train_all([cell], CPU, tmp_path, tmp_path)
    (recipe,) = seen
    for name in Setting.__dataclass_fields__:
        assert getattr(recipe, name) == getattr(setting, name), name
    assert (recipe.updates, recipe.evaluations) == (77, 7)


# closer looks


def metric(name: str, higher: bool) -> Metric:
    return Metric(name, name, "", higher)


@dataclass(frozen=True)
class Scripted(Grid25):
    """Its quick metric has the values it is given, one an evaluation; nothing is measured."""

    name: ClassVar[str] = "scripted"

    script: tuple[float | None, ...] = ()
    higher: bool = False

    @property
    def metrics(self) -> tuple[Metric, ...]:
        # the metric that ranks methods is the slow one, as FID is
        return (metric("slow", False), metric("quick", self.higher), metric("other", True))

    @property
    def looks_closer(self) -> bool:
        return True

    def evaluate(self, snapshot: Snapshot) -> Values:
        looks = vars(self).setdefault("_looks", [])
        looks.append(snapshot)
        return {"other": float(len(looks)), "quick": self.script[len(looks) - 1]}

    def look_closer(self, snapshot: Snapshot) -> Values:
        # which of the snapshots it was: they must not have changed since
        return {"slow": float(snapshot.samples.double().sum())}


@pytest.mark.parametrize(
    ("script", "higher", "best"),
    [
        ((5.0, 4.0, 3.0, 2.0, 1.0), False, 4),
        ((1.0, 2.0, 3.0, 4.0, 5.0), False, 1),  # the start is nobody's best
        ((5.0, 2.0, 1.0, 3.0, 4.0), False, 2),
        ((5.0, 1.0, 3.0, 1.0, 4.0), False, 1),  # of equals the first
        ((5.0, 2.0, 7.0, 3.0, 4.0), True, 2),
        ((None, None, 9.0, None, 10.0), False, 2),
        ((None, -1.0, None, -3.0, None), True, 1),
        ((None, None, None, None, None), False, 1),
        ((float("inf"), 2.0, 3.0, 4.0, 5.0), False, 1),
    ],
)
def test_slow_metrics_are_measured_at_the_best_and_the_last_evaluation(script, higher, best):
    dataset = Scripted(evaluation_samples=50, script=script, higher=higher)
    recipe = training(dataset=dataset, updates=40, evaluations=4, batch_size=31)
    (outcome,) = train(recipe, [0], CPU)
    assert [evaluation["quick"] for evaluation in outcome.evaluations] == list(script)
    measured = {
        place: evaluation["slow"]
        for place, evaluation in enumerate(outcome.evaluations)
        if "slow" in evaluation
    }
    assert set(measured) == {best, 4}
    for place, value in measured.items():
        # what was looked at closely is what was evaluated there
        stored = outcome.samples[place].astype(np.float64).sum()
        assert value == pytest.approx(stored, abs=0.1)


def test_each_member_of_a_population_has_a_best_of_its_own():
    # member 0, member 1, and so on
    script = (9.0, 9.0, 5.0, 1.0, 1.0, 5.0, 3.0, 3.0)
    dataset = Scripted(evaluation_samples=50, script=script)
    first, second = train(training(dataset=dataset, updates=30, evaluations=3), [0, 1], CPU)
    assert [place for place, e in enumerate(first.evaluations) if "slow" in e] == [2, 3]
    assert [place for place, e in enumerate(second.evaluations) if "slow" in e] == [1, 3]
    for outcome in (first, second):
        for evaluation, samples in zip(outcome.evaluations, outcome.samples, strict=True):
            if "slow" in evaluation:
                stored = samples.astype(np.float64).sum()
                assert evaluation["slow"] == pytest.approx(stored, abs=0.1)


@dataclass(frozen=True)
class Diverging(Method):
    """Its loss is not a number from the 25th update on."""

    def initial_state(self, discriminator, noise):
        return {"update": torch.zeros(1)}

    def discriminator_weights(self, weights, state, advance):
        state["update"] = state["update"] + float(advance)
        if state["update"] <= 24:
            return weights
        return {name: weight * torch.nan for name, weight in weights.items()}


def test_a_member_that_diverges_is_looked_at_where_it_was_last_sound():
    dataset = Scripted(evaluation_samples=50, script=(3.0, 1.0, 2.0))
    recipe = training(method=Diverging(), dataset=dataset, updates=40, evaluations=4, batch_size=31)
    (outcome,) = train(recipe, [0], CPU)
    assert outcome.status == "diverged"
    assert [e["update"] for e in outcome.evaluations] == [0, 10, 20]
    assert ["slow" in e for e in outcome.evaluations] == [False, True, True]


def test_without_slow_metrics_nothing_is_kept():
    run = _Run(training(), [0], CPU, lambda _: None)
    run.outcomes()
    assert not run.examiner.best
    assert not run.examiner.last


# interpolations


def test_slerp_begins_and_ends_at_its_ends_and_keeps_the_norm():
    random = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 5, 7, 16, generator=random)
    end = end / end.norm(dim=-1, keepdim=True) * start.norm(dim=-1, keepdim=True)
    path = slerp(start, end, 9)
    assert path.shape == (5, 7, 9, 16)
    torch.testing.assert_close(path[:, :, 0], start, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(path[:, :, -1], end, rtol=1e-4, atol=1e-4)
    norms = path.norm(dim=-1)
    torch.testing.assert_close(norms, norms[..., :1].expand_as(norms), rtol=1e-3, atol=1e-3)
    # equal steps, on great circles
    steps = (path[:, :, 1:] - path[:, :, :-1]).norm(dim=-1)
    torch.testing.assert_close(steps, steps[..., :1].expand_as(steps), rtol=1e-2, atol=1e-3)


def test_slerp_of_other_norms_goes_evenly_from_one_to_the_other():
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0])
    path = slerp(start, end, 5)
    torch.testing.assert_close(path[0], start)
    torch.testing.assert_close(path[-1], end, rtol=1e-5, atol=1e-6)
    assert (path.norm(dim=-1).diff() > 0).all()


@pytest.mark.parametrize("end", [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.00001, 2.0, 3.0]])
def test_slerp_of_one_direction_is_straight(end):
    start, end = torch.tensor([1.0, 2.0, 3.0]), torch.tensor(end)
    path = slerp(start, end, 5)
    assert path.isfinite().all()
    straight = torch.stack([start + (end - start) * share / 4 for share in range(5)])
    torch.testing.assert_close(path, straight, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_slerp_of_opposite_directions_is_finite(scale):
    start = torch.tensor([1.0, 2.0, 3.0])
    path = slerp(start, -scale * start, 5)
    assert path.isfinite().all()


def test_interpolations_are_of_the_averaged_generator_between_evaluation_latents(tmp_path):
    dataset = Digits8(evaluation_samples=40)
    dataset.prepare(tmp_path, CPU)
    run = _Run(training(dataset=dataset, ema=0.9), [0, 1], CPU, lambda _: None)
    outcomes = run.outcomes()
    with torch.no_grad():
        run.generator.flat.copy_(run.game.average.flat)
    images = run.generator.evaluate(run.fixed_latents[:, :16])
    for member, outcome in enumerate(outcomes):
        assert outcome.interpolations.shape == (8, 10, 8, 8)
        assert outcome.interpolations.dtype == np.uint8
        ends = dataset.pack(images[member]).astype(int)
        assert np.abs(outcome.interpolations[:, 0].astype(int) - ends[:8]).max() <= 1
        assert np.abs(outcome.interpolations[:, -1].astype(int) - ends[8:]).max() <= 1


def test_points_have_no_interpolations():
    assert train(training(), [0], CPU)[0].interpolations is None


def test_a_record_of_a_worker_holds_real_images_and_interpolations(
    make_cell, tmp_path, monkeypatch
):
    cell = make_cell()
    written = {}
    monkeypatch.setattr(worker, "pack", lambda arrays: written.update(arrays) or b"")
    worker._train_all([cell], CPU, tmp_path, tmp_path)
    assert written["real"].shape == (1000, 2)
    assert "interpolations" not in written
    data = json.loads((Path(tmp_path) / cell.key / "record.json").read_text())
    assert data["result"]["not_computed"] == {}
    assert data["result"]["protocol"] == {"evaluation_samples": 100}
