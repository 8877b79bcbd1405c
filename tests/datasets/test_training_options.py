"""Averaged weights, decay, precision and interpolations, as a study asks for them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.architectures.mlp import MLP
from bench.datasets.digits8 import Digits8
from bench.datasets.grid25 import Grid25
from bench.execution import worker
from bench.method import Method, Optimizer
from bench.metric import NotKept
from bench.registry import make_architecture, make_dataset, make_method
from bench.training.checkpoints import Outcome, slerp
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Engine
from bench.training.loop import Training, _Run, train
from bench.training.population import joined, member
from tests.measured import scores, subject_of, with_networks
from tests.methods.by_formula import small_game, weights
from tests.recipes import changed

CPU = torch.device("cpu")


def training(**changes) -> Training:
    return changed(
        Training(
            method=Method(),
            dataset=Grid25(evaluation_samples=100),
            architecture=MLP(latent=4, generator_widths=(16, 16), discriminator_widths=(16, 16)),
            configuration=TrainingConfiguration(learning_rate=1e-3, batch_size=32),
            updates=30,
            evaluations=3,
        ),
        **changes,
    )


def run_of(recipe: Training, seeds: list[int]) -> _Run:
    return _Run(recipe, seeds, CPU, lambda _: None, Engine(), lambda *_: None)


def assert_same(first: Outcome, second: Outcome) -> None:
    assert first.checkpoints == second.checkpoints
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name])
    np.testing.assert_array_equal(first.samples, second.samples)


@pytest.mark.parametrize(
    "options", [{"ema": 0.9}, {"decay": "linear"}, {"ema": 0.99, "decay": "linear"}]
)
@pytest.mark.parametrize("name", ["non_saturating", "wgan_gp", "ttur", "spectral_norm"])
def test_a_member_is_bit_for_bit_the_same_seed_alone(name, options):
    recipe = training(method=make_method(name), **options)
    assert recipe.width == 5
    together = train(recipe, [3, 0, 7], CPU)
    for outcome in together:
        assert_same(outcome, train(recipe, [outcome.seed], CPU)[0])
    assert not np.array_equal(together[0].samples[-1], together[1].samples[-1])


def test_weights_are_averaged_and_training_does_not_notice():
    (plain,), (averaged,) = (train(training(ema=ema), [0], CPU) for ema in (None, 0.9))
    for name, values in plain.series.items():
        np.testing.assert_array_equal(values, averaged.series[name])
    assert set(plain.pictures) == {"last"}
    np.testing.assert_array_equal(plain.samples, averaged.samples)
    # before the first update there is nothing to average
    shown = averaged.pictures["averaged"].samples
    np.testing.assert_array_equal(plain.samples[0], shown[0])
    for place in (1, 2, 3):
        assert not np.array_equal(plain.samples[place], shown[place])


def test_the_average_is_kept_beside_the_weights_that_are_trained():
    (_, plain), (_, averaged) = (with_networks(training(ema=ema), [0]) for ema in (None, 0.9))
    for one, other in zip(plain[0], averaged[0], strict=True):
        assert set(one.players) == {"generator", "discriminator"}
        assert set(other.players) == {"generator", "discriminator", "average"}
        for player, tensors in one.players.items():
            for name, tensor in tensors.items():
                assert torch.equal(tensor, other.players[player][name])
    last = averaged[0][-1]
    trained = last.generator("last")
    assert any(not torch.equal(last.generator("averaged")[n], w) for n, w in trained.items())
    with pytest.raises(NotKept, match="ema is null"):
        plain[0][-1].generator("averaged")


def test_the_average_is_the_hand_rolled_one_and_its_samples_are_kept():
    run = run_of(training(ema=0.9), [0, 1])
    weights = [run.state.generator]
    draw = run._inputs

    def draw_and_keep():
        weights.append(run.state.generator)
        return draw()

    run._inputs = draw_and_keep
    outcomes = run.outcomes()
    assert len(weights) == 2 + 30
    average = weights[0].double()
    for number, after in enumerate(weights[2:], 1):
        decay = min(0.9, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * after.double()
    kept, network = run.state.average["generator"], run.rules.generator
    torch.testing.assert_close(kept.double(), average, rtol=1e-4, atol=1e-6)
    for place, outcome in enumerate(outcomes):
        own = member(network.shaped(kept), place)
        samples = network.evaluate(run.checkpoints.latents[place], own)
        shown = outcome.pictures["averaged"].samples[-1]
        np.testing.assert_allclose(shown, samples.numpy(), atol=2e-3)


@pytest.mark.parametrize("decay", ["linear", "none"])
@pytest.mark.parametrize("name", ["non_saturating", "wgan_gp", "ttur"])
def test_both_step_sizes_fall_evenly_to_nothing_where_asked(name, decay):
    method, updates = make_method(name), 10
    game = small_game(method, Optimizer("sgd", 0.1), decay=decay, updates=updates)
    for number in range(1, updates + 1):
        players = ("discriminator", "generator") if number % 5 == 0 else ("discriminator",)
        for player in players:
            gradients = getattr(game, f"{player}_gradients")()
            before, done = weights(game, player), game.made["discriminator"]
            getattr(game, f"step_{player}")(gradients)
            share = max(1 - done / updates, 1 / updates) if decay == "linear" else 1
            rate = share * game._rules.optimizers[player].learning_rate
            expected = before - rate * joined(gradients)
            torch.testing.assert_close(weights(game, player), expected)
    assert done == updates


@pytest.mark.parametrize("name", ["non_saturating", "wgan_gp", "ttur", "spectral_norm"])
def test_bfloat16_is_finite_and_near_float32(name, tmp_path):
    method, subject = make_method(name), subject_of(Grid25(evaluation_samples=100), tmp_path)
    recipes = [
        training(method=method, precision=precision, updates=60)
        for precision in ("float32", "bfloat16")
    ]
    assert recipes[1].width == 1
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
        distances = [
            scores(subject, torch.from_numpy(one.samples[-1]).float())["data_fd"]
            for one in (half, full)
        ]
        assert distances[0] == pytest.approx(distances[1], rel=0.2)


def test_weights_stay_in_float32_whatever_products_are_in():
    run = run_of(training(precision="bfloat16"), [0])
    run.outcomes()
    assert run.state.generator.dtype == run.state.discriminator.dtype == torch.float32


@pytest.mark.parametrize(("precision", "wanted"), [("float32", False), ("tf32", True)])
def test_tf32_holds_in_updates_and_not_at_checkpoints(precision, wanted):
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    seen = {"update": set(), "checkpoint": set()}

    class Spy(Method):
        def update(self, game):
            seen["update"].add((matmul.allow_tf32, cudnn.allow_tf32))
            super().update(game)

    class Watched(Grid25):
        def pack(self, samples):
            seen["checkpoint"].add((matmul.allow_tf32, cudnn.allow_tf32))
            return super().pack(samples)

    train(training(method=Spy(), dataset=Watched(), precision=precision), [0, 1], CPU)
    assert seen == {"update": {(wanted, wanted)}, "checkpoint": {before}}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_bfloat16_is_in_force_in_a_stack_on_a_gpu():
    device = torch.device("cuda")
    wide, narrow = (
        train(training(precision=p), [0, 1], device)[0].series["discriminator_loss"]
        for p in ("float32", "bfloat16")
    )
    assert not np.array_equal(wide, narrow)
    np.testing.assert_allclose(wide[:3], narrow[:3], rtol=0.05)


def test_dirac_has_an_averaged_weight_too():
    recipe = training(
        dataset=make_dataset("dirac"),
        architecture=make_architecture("dirac"),
        optimizer="sgd",
        learning_rate=0.2,
        batch_size=2,
    )
    (outcome,), kept = with_networks(changed(recipe, ema=0.9), [0])
    weights = {name: float(kept[0][-1].generator(name)["theta"]) for name in ("last", "averaged")}
    assert weights["last"] != weights["averaged"]
    for iterate, weight in weights.items():
        assert outcome.pictures[iterate].samples[-1][0, 0] == pytest.approx(weight, rel=1e-3)


def test_of_a_seed_that_was_not_asked_for_nothing_is_kept():
    seen = []
    train(training(evaluations=3), [3], CPU, keep=lambda seed, point: seen.append((seed, point)))
    assert [(seed, point.update) for seed, point in seen] == [(3, 0), (3, 10), (3, 20), (3, 30)]


def test_a_worker_trains_by_the_whole_configuration(make_cell, tmp_path, monkeypatch):
    seen = []

    def keep(recipe, seeds, *_):
        seen.append(recipe)
        return [Outcome(seed) for seed in seeds]

    monkeypatch.setattr(worker, "train", keep)
    monkeypatch.setattr(worker, "_write", lambda *_: None)
    configuration = TrainingConfiguration(optimizer="sgd", critic_steps=3, ema=0.75)
    cell = replace(make_cell(), training=configuration, updates=77, evaluations=7)
    worker._train_all([cell], CPU, tmp_path, tmp_path, save_every=0)
    (recipe,) = seen
    assert recipe.configuration is configuration
    assert (recipe.updates, recipe.evaluations) == (77, 7)


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


def test_interpolations_are_between_latents_of_the_samples(tmp_path):
    dataset = Digits8(evaluation_samples=40)
    dataset.prepare(tmp_path, CPU)
    run = run_of(training(dataset=dataset, ema=0.9), [0, 1])
    outcomes = run.outcomes()
    network = run.rules.generator
    weights = {"last": run.state.generator, "averaged": run.state.average["generator"]}
    for place, outcome in enumerate(outcomes):
        latents = run.checkpoints.latents[place, :16]
        for iterate, flat in weights.items():
            images = network.evaluate(latents, member(network.shaped(flat), place))
            between = outcome.pictures[iterate].interpolations
            assert between.shape == (8, 10, 8, 8)
            assert between.dtype == np.uint8
            ends = dataset.pack(images).astype(int)
            assert np.abs(between[:, 0].astype(int) - ends[:8]).max() <= 1
            assert np.abs(between[:, -1].astype(int) - ends[8:]).max() <= 1


def test_points_have_no_interpolations():
    assert train(training(), [0], CPU)[0].interpolations is None


def test_a_record_of_a_worker_holds_real_images_and_interpolations(
    make_cell, tmp_path, monkeypatch
):
    cell = make_cell()
    written = {}
    monkeypatch.setattr(worker, "pack", lambda arrays: written.update(arrays) or b"")
    worker._train_all([cell], CPU, tmp_path, tmp_path, save_every=0)
    assert written["real"].shape == (1000, 2)
    assert "interpolations" not in written
    data = json.loads((Path(tmp_path) / cell.key / "record.json").read_text())
    assert [point["update"] for point in data["result"]["checkpoints"]] == [0, 10, 20]
    kept = sorted(name for name in data["files"] if name.startswith("networks/"))
    assert kept == [f"networks/{update:08d}.safetensors" for update in (0, 10, 20)]
