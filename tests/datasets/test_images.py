"""What all sets of images share: real sides, features that are computed once, packed bytes."""

import os
import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.architectures.mlp import MLP
from bench.datasets.digits8 import Digits8
from bench.datasets.images import as_floats, packed
from bench.errors import BenchError
from bench.extractors import inception
from bench.extractors.inception import InceptionV3
from bench.measuring.frechet import frechet_distance
from bench.measuring.inception import SHA256_VARIABLE, UNAVAILABLE, WEIGHTS_VARIABLE
from bench.method import Method
from bench.metric import Reason, Unavailable
from bench.registry import make_dataset
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training, train
from tests.measured import floor, scores, subject_of
from tests.metrics.random_inception import random_images, save_random_weights

CPU = torch.device("cpu")
ASKED = ["fid", "kid", "prdc"]
SLOW = ("kid", "precision", "recall", "density", "coverage")
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


def digits8(**hyperparameters) -> Digits8:
    return Digits8(**{"evaluation_samples": COUNT, **hyperparameters})


class Network:
    """Stands for Inception, with six features that cost nothing."""

    classes = torch.eye(10, 6)

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
    monkeypatch.setattr(inception, "find_weights", lambda: Path("weights.pth"))
    monkeypatch.setattr(inception, "vouched", lambda _: place["is"].sha256)
    monkeypatch.setattr(inception, "load_inception", lambda *_, **__: place["is"])
    return place


def test_without_being_asked_for_nothing_looks_for_inceptions_weights(tmp_path, monkeypatch):
    for name in ("find_weights", "provide_weights", "load_inception"):
        monkeypatch.setattr(inception, name, lambda *_, **__: pytest.fail("asked for weights"))
    dataset = digits8()
    dataset.fetch(tmp_path)
    assert set(scores(subject_of(dataset, tmp_path), dataset.held_out_samples())) == {"pixel_fd"}


def test_without_weights_the_reasons_are_told_and_the_rest_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(inception, "find_weights", lambda: None)
    monkeypatch.setattr(inception, "provide_weights", lambda: None)
    with pytest.raises(Unavailable, match="no Inception weights"):
        InceptionV3().fetch()
    found = floor(subject_of(digits8(), tmp_path), ASKED)
    assert found.pop("pixel_fd") > 0
    assert found == dict.fromkeys(("fid", *SLOW), Reason("unavailable", UNAVAILABLE))


def test_fid_is_the_distance_between_inceptions_features(tmp_path, network):
    dataset = digits8()
    subject = subject_of(dataset, tmp_path)
    real, held = dataset.reference_samples(), dataset.held_out_samples()
    found = floor(subject, ASKED)
    features = [network["is"].features(part).double().numpy() for part in (held, real)]
    assert found["fid"] == pytest.approx(frechet_distance(*features))
    assert found["kid"].kind == "too_few"
    assert 0 <= found["coverage"] <= 1
    assert scores(subject, real, ["fid"])["fid"] == pytest.approx(0, abs=1e-6)


def test_features_of_samples_and_of_the_reference_are_computed_once(tmp_path, network):
    found = floor(subject_of(digits8(), tmp_path), ASKED)
    # of the samples for all metrics at once; the reference's are kept for others, too
    assert sorted(network["is"].seen) == [COUNT, 359]
    assert floor(subject_of(digits8(), tmp_path), ASKED) == found
    assert sorted(network["is"].seen) == [COUNT, COUNT, 359]
    assert len(list(tmp_path.glob("digits8-inception-*.npz"))) == 1


def test_other_weights_have_a_reference_of_their_own(tmp_path, network):
    found = []
    for sha256 in ("a" * 64, "b" * 63):
        network["is"] = Network(sha256)
        subject = subject_of(digits8(), tmp_path)
        found.append(floor(subject, ["fid"])["fid"])
        told = subject.network(InceptionV3()).describe()
        assert told["Inception weights_sha256"] == sha256
    assert found[0] != found[1]
    assert InceptionV3().identity() == "b" * 16
    assert len(list(tmp_path.glob("digits8-inception-*.npz"))) == 2


def test_another_reference_has_a_file_of_its_own(tmp_path, network):
    for hyperparameters in ({}, {"reference": "train"}):
        floor(subject_of(digits8(**hyperparameters), tmp_path), ["fid"])
    assert sorted(network["is"].seen) == [60, 60, 359, 1438]
    assert len(list(tmp_path.glob("digits8-inception-*.npz"))) == 2


def test_held_out_samples_are_of_the_other_part_and_always_the_same(tmp_path):
    for reference in ("test", "train"):
        dataset = prepared(digits8(reference=reference), tmp_path)
        held, real = dataset.held_out_samples(), dataset.reference_samples()
        assert held.shape == (COUNT, 1, 8, 8)
        again = prepared(digits8(reference=reference), tmp_path)
        assert torch.equal(held, again.held_out_samples())
        seen = {image.numpy().tobytes() for image in real}
        assert not any(image.numpy().tobytes() in seen for image in held)


def prepared(dataset, cache: Path):
    dataset.prepare(cache, CPU)
    return dataset


def test_the_protocol_says_what_a_score_needs(tmp_path):
    protocol = prepared(digits8(), tmp_path).protocol()
    assert protocol == {
        "evaluation_samples": 60,
        "samples": "rounded to bytes, as in an image file",
        "training": "1438 images",
        "reference": "359 images of the test part",
        "floor": "60 images of the train part",
    }
    assert (
        "359 images of the test part"
        in prepared(digits8(reference="train", evaluation_samples=5000), tmp_path).protocol()[
            "floor"
        ]
    )


def test_few_real_images_are_told_as_a_caution(tmp_path):
    assert "cautions" not in prepared(digits8(evaluation_samples=700), tmp_path).protocol()
    (told,) = prepared(digits8(evaluation_samples=800), tmp_path).protocol()["cautions"]
    assert told.startswith("800 samples are compared with only 359 images")


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("count", [2, 5])
def test_a_handful_of_samples_is_trained_and_measured(tmp_path, count):
    dataset = digits8(evaluation_samples=count)
    subject = subject_of(dataset, tmp_path)
    (outcome,) = train(training(dataset), [0], CPU)
    assert outcome.status == "ok"
    samples = torch.from_numpy(outcome.samples[-1])[:count, None]
    for found in (scores(subject, samples, ASKED), floor(subject, ASKED)):
        reasons = {n: v for n, v in found.items() if isinstance(v, Reason)}
        assert reasons.keys().isdisjoint({"pixel_fd", "fid"})
        assert ("precision" in reasons) == (count < 4)
        assert all("needs at least" in reason.text for reason in reasons.values())


def test_samples_are_measured_as_the_bytes_they_are_stored_as(tmp_path):
    dataset = digits8()
    subject = subject_of(dataset, tmp_path)
    samples = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    stored = torch.from_numpy(dataset.pack(samples))[:, None]
    assert scores(subject, samples) == scores(subject, stored)
    beyond, limited = samples.clone(), samples.clone()
    beyond[0], limited[0] = 50.0, 1.0
    assert scores(subject, beyond) == scores(subject, limited)


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
    hyperparameters = {"path": str(tmp_path), "size": 16, "held_out": 0.4, "evaluation_samples": 10}
    files = [tmp_path / f"{number}.pth" for number in range(2)]
    hashes = [save_random_weights(file, seed) for seed, file in enumerate(files)]
    cache, floors = tmp_path / "cache", []
    for file, sha256 in zip(files, hashes, strict=True):
        monkeypatch.setenv(WEIGHTS_VARIABLE, str(file))
        monkeypatch.setenv(SHA256_VARIABLE, sha256[:8])
        dataset = make_dataset("folder", hyperparameters)
        dataset.fetch(cache)
        InceptionV3().fetch()
        subject = subject_of(dataset, cache)
        floors.append(floor(subject, ["fid", "inception_score"]))
        assert subject.network(InceptionV3()).describe()["Inception weights_sha256"] == sha256
    assert floors[0]["fid"] != floors[1]["fid"]
    assert min(floors[0]["fid"], floors[1]["fid"]) > 0
    assert 1 <= floors[0]["inception_score"] <= 1008
    assert len(list(cache.glob("folder-inception-*.npz"))) == 2
    # the variant with antialiasing has numbers of its own
    clean = floor(subject, [{"fd": {"extractor": "clean"}}])["clean_fid"]
    assert clean > 0
    assert clean != floors[1]["fid"]
    monkeypatch.setenv(SHA256_VARIABLE, "0" * 8)
    with pytest.raises(BenchError, match="SHA-256"):
        InceptionV3().fetch()


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
    hyperparameters = {"path": str(folder), "size": 256} if name == "folder" else {}
    assert make_dataset(name, hyperparameters).parts(tmp_path)

    def short_of_room():
        # as a quota would: a file may not grow beyond these bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        return make_dataset(name, hyperparameters).parts(cache)

    kind, message = as_nobody(short_of_room)
    assert kind == "BenchError"
    assert message == (
        f"cannot write to the cache folder '{cache / 'data'}' (File too large); name another "
        "results folder with --results"
    )
    assert all(path.suffix == ".lock" for path in (cache / "data").iterdir())
    assert os.listdir(folder)
