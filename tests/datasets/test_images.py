"""What all sets of images share: instruments that may be missing, floors, and packed bytes."""

import json
import os
import resource
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.datasets.instruments import INCEPTION_NAMES, as_floats

from bench.architectures.mlp import MLP
from bench.datasets import images
from bench.datasets.base import Snapshot
from bench.datasets.digits8 import Digits8
from bench.datasets.images import packed
from bench.errors import BenchError
from bench.measuring.inception import SHA256_VARIABLE, UNAVAILABLE, WEIGHTS_VARIABLE
from bench.method import Method
from bench.registry import make_dataset
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training, train
from tests.metrics.random_inception import random_images, save_random_weights

CPU = torch.device("cpu")
SLOW_METRICS = {"kid", "precision", "recall", "density", "coverage"}
COUNT = 60


def training(dataset, updates: int = 40, evaluations: int = 4) -> Training:
    return Training(
        Method(),
        dataset,
        MLP(4, (16, 16), (16, 16)),
        TrainingConfiguration(learning_rate=1e-3, batch_size=32),
        updates=updates,
        evaluations=evaluations,
    )


def digits8(**settings) -> Digits8:
    return Digits8(**{"evaluation_samples": COUNT, **settings})


class Network:
    """Stands for Inception, with six features that cost nothing."""

    def __init__(self, sha256: str):
        self.sha256 = sha256
        self.seen: list[int] = []

    def features(self, images: torch.Tensor) -> torch.Tensor:
        assert images.dtype == torch.uint8
        self.seen.append(len(images))
        mixed = torch.randn(64, 6, generator=torch.Generator().manual_seed(len(self.sha256)))
        return as_floats(images).flatten(1)[:, :64] @ mixed

    def describe(self) -> dict[str, str]:
        return {"weights_sha256": self.sha256}


@pytest.fixture
def network(monkeypatch):
    """The network that is loaded; another one can be put in its place."""
    place = {"is": Network("a" * 64)}
    monkeypatch.setattr(images, "find_weights", lambda: Path("weights.pth"))
    monkeypatch.setattr(images, "load_inception", lambda *_: place["is"])
    return place


def test_without_inception_nothing_of_it_is_asked_for(tmp_path, monkeypatch):
    for name in ("find_weights", "provide_weights", "load_inception"):
        monkeypatch.setattr(images, name, lambda *_: pytest.fail("asked for weights"))
    dataset = digits8()
    assert dataset.fetch(tmp_path) == {}
    dataset.prepare(tmp_path, CPU)
    assert not dataset.looks_closer
    assert not {metric.name for metric in dataset.metrics} & set(INCEPTION_NAMES)


@pytest.mark.parametrize("when", ["last", "every"])
def test_without_weights_the_reasons_are_told_and_the_rest_is_measured(tmp_path, monkeypatch, when):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("bench.measuring.inception.download_weights", lambda: None)
    dataset = digits8(inception=when, fid_infinity=True)
    expected = dict.fromkeys(sorted(INCEPTION_NAMES), UNAVAILABLE)
    assert dataset.fetch(tmp_path) == expected
    (outcome,) = train(training(prepared(dataset, tmp_path)), [0], CPU)
    assert outcome.status == "ok"
    assert all(set(e) == {"update", "generator_update", "pixel_fd"} for e in outcome.evaluations)
    assert set(dataset.floor()) == {"pixel_fd"}
    assert dataset.not_computed() == expected


def test_without_an_infinity_no_reason_is_given_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "provide_weights", lambda: None)
    assert set(digits8(inception="last").fetch(tmp_path)) == {"fid", *SLOW_METRICS}


def prepared(dataset, cache: Path):
    dataset.prepare(cache, CPU)
    return dataset


@pytest.mark.usefixtures("network")
def test_every_measures_at_each_evaluation(tmp_path):
    dataset = prepared(digits8(inception="every"), tmp_path)
    assert not dataset.looks_closer
    (outcome,) = train(training(dataset), [0], CPU)
    assert len(outcome.evaluations) == 5
    for evaluation in outcome.evaluations:
        assert {"fid", "pixel_fd", *SLOW_METRICS} < set(evaluation)
        assert np.isfinite(evaluation["fid"])
        assert evaluation["kid"] is None
        assert evaluation["coverage"] is not None


@pytest.mark.usefixtures("network")
def test_last_measures_at_the_best_and_at_the_last_evaluation(tmp_path):
    dataset = prepared(digits8(inception="last"), tmp_path)
    assert dataset.looks_closer
    outcomes = train(training(dataset), [0, 1], CPU)
    for outcome in outcomes:
        distances = [evaluation["pixel_fd"] for evaluation in outcome.evaluations]
        measured = {place for place, e in enumerate(outcome.evaluations) if "fid" in e}
        assert measured == {int(np.argmin(distances)), 4}


@pytest.mark.usefixtures("network")
def test_what_is_measured_last_is_what_every_evaluation_would_have_measured(tmp_path):
    seen = [
        train(training(prepared(digits8(inception=when), tmp_path)), [0], CPU)[0].evaluations
        for when in ("last", "every")
    ]
    assert seen[0][-1] == seen[1][-1]


def test_the_floor_and_the_reference_are_computed_once(tmp_path, network):
    first = prepared(digits8(inception="last"), tmp_path)
    floor = first.floor()
    assert network["is"].seen == [359, COUNT]
    again = prepared(digits8(inception="last"), tmp_path)
    assert again.floor() == floor
    # a reader of JSON has lost no reason either
    assert again.not_computed() == first.not_computed()
    assert set(again.not_computed()) == {"kid"}
    assert network["is"].seen == [359, COUNT]
    assert len(list(tmp_path.glob("digits8-inception-*.npz"))) == 1
    assert len(list(tmp_path.glob("floor-digits8-*.json"))) == 1
    assert floor["fid"] > 0
    assert set(floor) == {"pixel_fd", "fid", *SLOW_METRICS}


def test_other_weights_have_a_reference_and_a_floor_of_their_own(tmp_path, network):
    floors = []
    for sha256 in ("a" * 64, "b" * 63):
        network["is"] = Network(sha256)
        dataset = prepared(digits8(inception="last"), tmp_path)
        floors.append(dataset.floor()["fid"])
        assert network["is"].seen == [359, COUNT]
        assert dataset.protocol()["Inception weights_sha256"] == sha256
    assert floors[0] != floors[1]
    assert len(list(tmp_path.glob("digits8-inception-*.npz"))) == 2
    assert len(list(tmp_path.glob("floor-*.json"))) == 2


def test_other_samples_or_another_reference_have_a_floor_of_their_own(tmp_path, network):
    variants = ({}, {"evaluation_samples": 70}, {"reference": "train"}, {"fid_infinity": True})
    for settings in variants:
        prepared(digits8(inception="every", **settings), tmp_path).floor()
    assert network["is"].seen == [359, 60, 70, 1438, 60, 60]
    assert len(list(tmp_path.glob("floor-*.json"))) == 4
    assert len(list(tmp_path.glob("digits8-inception-*.npz"))) == 2


def test_a_damaged_floor_is_computed_anew(tmp_path):
    floor = prepared(digits8(), tmp_path).floor()
    (file,) = tmp_path.glob("floor-*.json")
    for content in ("", "{", "null", "[1]"):
        file.write_text(content)
        assert prepared(digits8(), tmp_path).floor() == floor
    assert json.loads(file.read_text())[0] == floor


def test_processes_that_ask_together_measure_the_floor_once(tmp_path, network):
    dataset = prepared(digits8(inception="last"), tmp_path)
    others = [prepared(digits8(inception="last"), tmp_path) for _ in range(2)]
    floors = []
    asking = [threading.Thread(target=lambda d=d: floors.append(d.floor())) for d in others]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert floors[0] == floors[1] == dataset.floor()
    assert Counter(network["is"].seen)[COUNT] == 1


def test_the_protocol_says_what_a_score_needs(tmp_path):
    protocol = prepared(digits8(), tmp_path).protocol()
    assert protocol == {
        "evaluation_samples": 60,
        "samples": "rounded to bytes, as in an image file",
        "training": "1438 images",
        "reference": "359 images of the test part",
        "floor": "60 images of the train part",
        "pixel FD": "pixels averaged to 8 × 8 in each channel",
    }
    assert (
        "359 images of the test part"
        in prepared(digits8(reference="train", evaluation_samples=5000), tmp_path).protocol()[
            "floor"
        ]
    )


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("count", [2, 5])
def test_a_handful_of_samples_trains_to_the_end(tmp_path, count):
    dataset = prepared(digits8(inception="every", evaluation_samples=count), tmp_path)
    dataset.floor()
    (outcome,) = train(training(dataset), [0], CPU)
    assert outcome.status == "ok"
    last = outcome.evaluations[-1]
    assert None not in (last["pixel_fd"], last["fid"])
    assert (last["precision"] is None) == (count < 4)
    assert {name for name, value in last.items() if value is None} == set(dataset.not_computed())
    assert all("needs at least" in reason for reason in dataset.not_computed().values())
    # too few latents for pairs of them
    assert outcome.interpolations is None


def test_samples_are_measured_as_the_bytes_they_are_stored_as(tmp_path):
    dataset = prepared(digits8(), tmp_path)
    samples = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    stored = torch.from_numpy(dataset.pack(samples))[:, None]
    exact = dataset.evaluate(Snapshot(samples))
    assert exact == dataset.evaluate(Snapshot(as_floats(stored)))
    beyond = samples.clone()
    beyond[0] = 50.0
    limited = samples.clone()
    limited[0] = 1.0
    assert dataset.evaluate(Snapshot(beyond)) == dataset.evaluate(Snapshot(limited))


def test_real_images_for_pictures_are_always_the_same(tmp_path):
    first, again = (prepared(digits8(), tmp_path).real(20) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == (20, 1, 8, 8)


@pytest.mark.slow
def test_fid_of_a_network_in_the_published_format(tmp_path, monkeypatch):
    for number, image in enumerate(random_images(24, size=16)):
        (tmp_path / f"{number:02}.ppm").write_bytes(
            b"P6 16 16 255 " + image.permute(1, 2, 0).contiguous().numpy().tobytes()
        )
    settings = {"path": str(tmp_path), "size": 16, "held_out": 0.4, "inception": "last"}
    files = [tmp_path / f"{number}.pth" for number in range(2)]
    hashes = [save_random_weights(file, seed) for seed, file in enumerate(files)]
    cache, floors = tmp_path / "cache", []
    for file, sha256 in zip(files, hashes, strict=True):
        monkeypatch.setenv(WEIGHTS_VARIABLE, str(file))
        monkeypatch.setenv(SHA256_VARIABLE, sha256[:8])
        dataset = make_dataset("folder", {**settings, "evaluation_samples": 10})
        assert dataset.fetch(cache) == {}
        dataset.prepare(cache, CPU)
        floors.append(dataset.floor())
        assert dataset.protocol()["Inception weights_sha256"] == sha256
    assert floors[0]["fid"] != floors[1]["fid"]
    assert len(list(cache.glob("folder-inception-*.npz"))) == 2
    (outcome,) = train(training(dataset, updates=2, evaluations=2), [0], CPU)
    best = int(np.argmin([evaluation["pixel_fd"] for evaluation in outcome.evaluations]))
    assert {p for p, e in enumerate(outcome.evaluations) if "fid" in e} == {best, 2}
    assert min(outcome.evaluations[-1]["fid"], floors[1]["fid"]) > 0
    assert set(dataset.not_computed()) == {"kid"}
    monkeypatch.setenv(SHA256_VARIABLE, "0" * 8)
    with pytest.raises(BenchError, match="SHA-256"):
        dataset.fetch(cache)


def test_packed_bytes_are_those_that_were_made(tmp_path):
    made = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
    for number, array in enumerate((made, made.transpose(2, 1, 0), made[:, ::2], made[:0])):
        found = packed(tmp_path / f"{number}.npy", lambda array=array: array)
        np.testing.assert_array_equal(found, array)
        # what numpy wrote itself would be the same file
        np.save(tmp_path / "numpy.npy", np.ascontiguousarray(array))
        own, published = ((tmp_path / name).read_bytes() for name in (f"{number}.npy", "numpy.npy"))
        assert own == published
    labels = np.arange(5) - 2
    np.testing.assert_array_equal(packed(tmp_path / "labels.npy", lambda: labels), labels)


def test_writing_to_a_packed_tensor_leaves_the_file_alone(tmp_path):
    made = np.zeros((4, 4), np.uint8)
    packed(tmp_path / "a.npy", lambda: made)[0] = 7
    assert packed(tmp_path / "a.npy", lambda: pytest.fail("made again")).sum() == 0


@pytest.mark.parametrize("name", ["mnist5k", "folder"])
def test_a_disk_without_room_is_told(name, open_to_all, as_nobody, tmp_path):
    cache, folder = open_to_all / "cache", open_to_all / "images"
    cache.mkdir()
    cache.chmod(0o777)
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.pgm").write_bytes(b"P5 4 4 255 " + bytes(16))
    settings = {"path": str(folder), "size": 256} if name == "folder" else {}
    assert make_dataset(name, settings).parts(tmp_path)

    def short_of_room():
        # as a quota would: a file may not grow beyond these bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        return make_dataset(name, settings).parts(cache)

    kind, message = as_nobody(short_of_room)
    assert kind == "BenchError"
    assert message == (
        f"cannot write to the cache folder '{cache / 'data'}' (File too large); name another "
        "results folder with --results"
    )
    assert all(path.suffix == ".lock" for path in (cache / "data").iterdir())
    assert os.listdir(folder)
