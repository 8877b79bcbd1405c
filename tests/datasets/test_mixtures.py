"""Mixtures with a fixed training set: so many points, each once an epoch, others for each seed."""

import numpy as np
import pytest
import torch
import yaml

from bench.datasets.grid25 import Grid25
from bench.datasets.ring8 import Ring8
from bench.errors import BenchError
from bench.registry import make_dataset
from bench.study import load_study
from bench.training.streams import Stream, generator
from tests.measured import floor, subject_of

CPU = torch.device("cpu")


def points(dataset, seed: int, count: int, batch: int = 10) -> torch.Tensor:
    draw = dataset.source(generator(seed, Stream.DATA), CPU)
    steps = -(-count // batch)
    blocks = [draw(7, batch).flatten(0, 1) for _ in range(-(-steps // 7))]
    return torch.cat(blocks)[:count]


@pytest.mark.parametrize("dataset", [Ring8(training_points=99), Grid25(training_points=99)])
def test_an_epoch_is_every_training_point_once(dataset):
    seen = points(dataset, 0, 5 * 99)
    sets = [sorted(map(tuple, epoch.tolist())) for epoch in seen.split(99)]
    assert all(epoch == sets[0] for epoch in sets)
    assert len(set(sets[0])) == 99
    orders = {tuple(map(tuple, epoch.tolist())) for epoch in seen.split(99)}
    assert len(orders) == 5
    assert torch.equal(seen, points(dataset, 0, 5 * 99))
    # batches of another size cut the same stream elsewhere
    assert torch.equal(seen[:350], points(dataset, 0, 350, batch=50))


def test_every_seed_has_points_of_its_own():
    drawn = [set(map(tuple, points(Ring8(training_points=50), s, 50).tolist())) for s in range(3)]
    assert not drawn[0] & drawn[1]
    assert not drawn[1] & drawn[2]


def test_training_points_follow_the_mixture():
    dataset = Grid25(training_points=5000)
    drawn = points(dataset, 0, 5000, batch=100)
    distance = torch.cdist(drawn, dataset.centres())
    assert distance.min(1).values.square().mean() == pytest.approx(2 * 0.05**2, rel=0.1)
    counts = torch.bincount(distance.argmin(1), minlength=25)
    assert counts.min() > 140
    assert counts.max() < 260


def test_without_a_count_points_are_drawn_without_end():
    seen = points(Ring8(), 0, 5000, batch=100)
    assert len(set(map(tuple, seen.tolist()))) == 5000
    assert Ring8().training_size() is None
    assert Ring8(training_points=100).training_size() == 100


def assert_measured_alike(first: Ring8, second: Ring8) -> None:
    assert torch.equal(first.reference_samples(), second.reference_samples())
    assert torch.equal(first.held_out_samples(), second.held_out_samples())
    assert not torch.equal(first.reference_samples(), first.held_out_samples())


def test_evaluation_and_pictures_do_not_depend_on_the_training_points():
    endless, finite = Ring8(), Ring8(training_points=3)
    assert_measured_alike(finite, endless)
    assert torch.equal(finite.real(1000), endless.real(1000))
    assert len(set(map(tuple, finite.real(1000).tolist()))) == 1000
    assert finite.protocol() == {
        **endless.protocol(),
        "training": "3 points, drawn anew for every seed",
    }


def test_noise_widens_the_training_points_and_nothing_else():
    clean, noisy = Ring8(), Ring8(noise=0.05)
    drawn = points(noisy, 0, 20_000, batch=100)
    distance = torch.cdist(drawn, noisy.centres()).min(1).values
    # the variances of mode and noise add, in each of two coordinates
    assert distance.square().mean() == pytest.approx(2 * (0.01**2 + 0.05**2), rel=0.03)
    assert_measured_alike(noisy, clean)
    assert torch.equal(noisy.real(1000), clean.real(1000))
    assert noisy.protocol()["training"] == "with noise of standard deviation 0.05"
    assert "training" not in clean.protocol()


def test_without_noise_points_are_those_drawn_before_there_was_any():
    # drawn as PacGAN's definition says: a mode, and σ times a normal pair around it
    own = generator(0, Stream.DATA)
    modes = torch.randint(8, (7, 10), generator=own)
    around = torch.randn((7, 10, 2), generator=own)
    expected = Ring8().centres()[modes] + 0.01 * around
    drawn = Ring8(noise=0.0).source(generator(0, Stream.DATA), CPU)(7, 10)
    assert torch.equal(drawn, expected)


def test_the_noise_of_a_training_set_stays_with_its_points():
    dataset = Ring8(training_points=50, noise=0.05)
    seen = points(dataset, 0, 150)
    assert [sorted(map(tuple, part.tolist())) for part in seen.split(50)].count(
        sorted(map(tuple, seen[:50].tolist()))
    ) == 3  # fmt: skip
    assert dataset.protocol()["training"] == (
        "50 points, drawn anew for every seed, with noise of standard deviation 0.05"
    )


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"noise": -0.1}, "noise is -0.1; give a number from 0"),
        ({"noise": float("inf")}, "noise is inf"),
        ({"training_points": 0}, "training_points is 0; give a whole number from 1 or 'null'"),
        ({"training_points": -5}, "training_points is -5; give a whole number from 1"),
        ({"training_points": "many"}, "training_points is 'many'"),
        ({"evaluation_samples": 1}, "evaluation_samples is 1; give a whole number from 2"),
        ({"sigma": 0}, "sigma is 0; give a number above 0"),
    ],
)
def test_settings_that_make_no_sense_are_told(hyperparameters, message):
    with pytest.raises(BenchError, match=message):
        make_dataset("ring8", hyperparameters)


def test_one_training_point_is_enough(tmp_path):
    seen = points(Ring8(training_points=1), 0, 20)
    assert (seen == seen[0]).all()
    found = floor(subject_of(Ring8(training_points=1), tmp_path))
    assert np.isfinite(list(found.values())).all()


@pytest.fixture
def cells(tmp_path):
    def load(dataset, **keys):
        file = tmp_path / "mine.yaml"
        experiment = {"dataset": dataset, "architecture": "mlp", **keys}
        file.write_text(
            yaml.safe_dump({"methods": ["vanilla"], "seeds": 1, "experiments": [experiment]})
        )
        return load_study(str(file)).cells

    return load


def test_epochs_are_allowed_where_points_are_counted(cells):
    changes = {"training": {"batch_size": 100}, "epochs": 400}
    (cell,) = cells({"ring8": {"training_points": 100_000}}, **changes)
    assert cell.updates == 400_000
    (cell,) = cells({"grid25": {"training_points": 250}}, **{**changes, "epochs": 0.5})
    assert cell.updates == 2
    with pytest.raises(BenchError, match="epochs need a dataset of finite size"):
        cells("ring8", **changes)


def test_a_training_set_is_part_of_the_key(cells):
    keys = {
        cells({"ring8": hyperparameters}, updates=10)[0].key
        for hyperparameters in ({}, {"training_points": 10}, {"training_points": 11})
    }
    assert len(keys) == 3
