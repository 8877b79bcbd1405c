"""`bench score`: folders, arrays, datasets and statistics on either side."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from bench.datasets.digits8 import digits8_parts
from bench.errors import BenchError
from bench.measuring.frechet import frechet_distance
from bench.measuring.inception import WEIGHTS_NAME
from bench.measuring.score import score
from tests.metrics.random_inception import save_random_weights

CPU = torch.device("cpu")


def _values(found):
    return {each.quantity.name: each.value for each in found.scores}


def _pictures(folder, images):
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return str(folder)


@pytest.fixture(scope="module")
def colours():
    """40 random pictures, (40, 32, 32, 3) bytes, half of them brighter."""
    random = np.random.default_rng(0)
    dark = random.integers(0, 200, (20, 32, 32, 3))
    return np.concatenate([dark, dark[::-1] + 55]).astype(np.uint8)


def test_points_get_their_closed_form(tmp_path):
    # a shift moves a Gaussian's mean and nothing else: the distance is its square
    points = np.random.default_rng(0).standard_normal((500, 3))
    np.save(tmp_path / "a.npy", points + np.array([3.0, 0.0, 4.0]))
    np.savez(tmp_path / "b.npz", points)
    found = score(str(tmp_path / "a.npy"), str(tmp_path / "b.npz"), ["data_fd"], tmp_path, CPU)
    assert _values(found)["data_fd"] == pytest.approx(25.0, rel=1e-5)


def test_a_dataset_scores_as_its_floor_and_its_own_metrics_come_along(tmp_path):
    found = _values(score("ring8", "ring8", [], tmp_path, CPU))
    assert found["modes_20"] == 8
    assert found["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.01)
    assert found["data_fd"] < 0.01


def test_folder_array_and_dataset_are_the_same_images(tmp_path):
    test = digits8_parts().test
    folder = _pictures(tmp_path / "png", test[:, 0].numpy())
    np.save(tmp_path / "gray.npy", test[:, 0].numpy())
    found = [
        _values(score(side, "digits8", ["pixel_fd"], tmp_path, CPU))["pixel_fd"]
        for side in (folder, str(tmp_path / "gray.npy"))
    ]
    assert found == pytest.approx([0, 0], abs=1e-6)


def test_colours_in_either_order_of_axes(tmp_path, colours):
    np.save(tmp_path / "last.npy", colours)
    np.save(tmp_path / "first.npy", colours.transpose(0, 3, 1, 2).copy())
    folder = _pictures(tmp_path / "png", colours)
    for side in ("last.npy", "first.npy"):
        value = _values(score(str(tmp_path / side), folder, ["pixel_fd"], tmp_path, CPU))
        assert value["pixel_fd"] == pytest.approx(0, abs=1e-6)


def test_without_weights_the_rest_is_scored_and_the_reason_stated(tmp_path, colours, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "no hub"))
    monkeypatch.delenv("BENCH_INCEPTION_WEIGHTS", raising=False)
    folder = _pictures(tmp_path / "png", colours)
    found = score(folder, folder, [], tmp_path, CPU)
    assert _values(found)["pixel_fd"] == pytest.approx(0, abs=1e-6)
    whys = {each.quantity.name: each.why for each in found.scores}
    assert "no Inception weights" in whys["fid"]
    assert json.loads(found.to_json())["not_computed"]["fid"] == whys["fid"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda at: _pictures(at, []), "holds 0 images, at least 2 are needed: a covariance"),
        (lambda at: _pictures(at, [np.zeros((4, 4), np.uint8), np.zeros((5, 4), np.uint8)]),
         "images of 4 × 4 and of 4 × 5 pixels"),
        (lambda at: np.save(f"{at}.npy", np.zeros((3, 4, 4))) or f"{at}.npy",
         r"float64 of shape \(3, 4, 4\); give points"),
        (lambda at: np.save(f"{at}.npy", np.zeros((1, 2))) or f"{at}.npy", "at least 2 samples"),
        (lambda _: "no_such_thing", "is no folder, no .npy or .npz file and no dataset"),
        (lambda at: f"{at}.npy", "there is no such file"),
        (lambda at: np.save(f"{at}.npy", np.array([{}, {}])) or f"{at}.npy", "Python objects"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_one_line(tmp_path, make, told):
    side = make(tmp_path / "made")
    with pytest.raises(BenchError, match=told) as error:
        score(side, "ring8", [], tmp_path, CPU)
    assert "\n" not in str(error.value)


def test_a_dataset_at_a_path_is_a_dataset_whatever_the_path_ends_with(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((60, 2)))
    found = score(f"{tmp_path}/a.npy", f"points:{tmp_path}/a.npy", ["data_fd"], tmp_path, CPU)
    assert _values(found)["data_fd"] >= 0


def test_of_a_family_those_metrics_are_taken_that_look_at_samples(tmp_path, colours):
    folder = _pictures(tmp_path / "png", colours[:8])
    found = score(folder, folder, ["anatomy"], tmp_path, CPU)
    assert {each.quantity.name for each in found.scores} == {"pixel_feature_rank"}
    with pytest.raises(BenchError, match="metric 'game_real' needs game, not samples only"):
        score(folder, folder, ["game_real"], tmp_path, CPU)


def test_statistics_of_another_size_are_refused_and_lack_samples(tmp_path, colours):
    folder = _pictures(tmp_path / "png", colours[:8])
    np.savez(tmp_path / "small.npz", mu=np.zeros(10), sigma=np.eye(10))
    with pytest.raises(BenchError, match=r"mu of shape \(10,\) .* have 2,048 features"):
        score(folder, f"{tmp_path}/small.npz", ["fid"], tmp_path, CPU)
    with pytest.raises(BenchError, match=r"^samples has no metric 'fidd'; did you mean 'fid'"):
        score(folder, folder, ["fidd"], tmp_path, CPU)


def test_an_unreadable_image_is_named(tmp_path, colours):
    folder = _pictures(tmp_path / "png", colours[:3])
    (tmp_path / "png" / "001.png").write_bytes(b"no image")
    with pytest.raises(BenchError, match=r"001\.png' cannot be read as an image"):
        score(folder, folder, [], tmp_path, CPU)


def test_other_shapes_are_told(tmp_path, colours):
    np.save(tmp_path / "points.npy", np.zeros((5, 2)))
    folder = _pictures(tmp_path / "png", colours)
    with pytest.raises(BenchError, match=r"of shape \(2,\), and .* of \(3, 32, 32\)"):
        score(str(tmp_path / "points.npy"), folder, [], tmp_path, CPU)


@pytest.fixture
def random_weights(tmp_path, monkeypatch):
    file = tmp_path / "weights.pth"
    sha256 = save_random_weights(file)
    monkeypatch.setenv("BENCH_INCEPTION_WEIGHTS", str(file))
    monkeypatch.setenv("BENCH_INCEPTION_SHA256", sha256[:8])
    return file


@pytest.mark.slow
def test_fid_of_folders_is_that_of_the_pytorch_fid_command(tmp_path, colours, random_weights):
    """Both read the same random weights, from where pytorch-fid looks for its own."""
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    shutil.copy(random_weights, hub / WEIGHTS_NAME)
    sides = [_pictures(tmp_path / "a", colours[:20]), _pictures(tmp_path / "b", colours[20:])]
    environment = os.environ | {"TORCH_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pytorch_fid", *sides, "--device", "cpu", "--batch-size", "10"]
    theirs = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=500, check=True
    )
    saved = tmp_path / "statistics.npz"
    ours = score(*sides, ["fid"], tmp_path / "cache", CPU, saved)
    value = float(re.findall(r"FID:\s+([\d.e+-]+)", theirs.stdout)[0])
    # scipy's root of a singular matrix is good to a few digits
    assert _values(ours)["fid"] == pytest.approx(value, rel=1e-3)

    # and what was saved serves as the reference of both
    again = _values(score(sides[0], str(saved), [], tmp_path / "cache", CPU))
    assert again["fid"] == pytest.approx(_values(ours)["fid"], rel=1e-6)
    assert again["kid"] is None
    with np.load(saved) as arrays:
        assert set(arrays.files) == {"mu", "sigma"}
        assert arrays["sigma"].shape == (2048, 2048)


def test_frechet_distances_agree_with_their_formula(tmp_path):
    first, second = np.random.default_rng(0).standard_normal((2, 300, 2))
    np.save(tmp_path / "a.npy", first)
    np.save(tmp_path / "b.npy", 2 * second)
    found = _values(
        score(str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), ["data_fd"], tmp_path, CPU)
    )
    assert found["data_fd"] == pytest.approx(frechet_distance(first, 2 * second), rel=1e-5)
