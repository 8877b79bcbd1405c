"""Stacked MNIST: a thousand modes whose channels are digits of one part or the other."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom

from bench.datasets.images import as_floats
from bench.datasets.mnist5k import MNIST5k
from bench.datasets.stacked_mnist import StackedMNIST
from bench.errors import BenchError
from bench.extractors import lenet
from bench.measuring.choice import metrics_of, primary
from bench.registry import make_dataset
from tests.measured import floor, scores, subject_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def stacked(**hyperparameters) -> StackedMNIST:
    return StackedMNIST(**{"training_triples": 300, "test_triples": 100, **hyperparameters})


def digits_of(part: torch.Tensor, labels: torch.Tensor) -> dict[bytes, int]:
    return {
        image.numpy().tobytes(): label for image, label in zip(part, labels.tolist(), strict=True)
    }


def modes(images: torch.Tensor, digits: dict[bytes, int]) -> np.ndarray:
    """Each image's mode, 0 … 999, by looking its channels up; KeyError for any other digit."""
    return np.array([
        sum(digits[channel.numpy().tobytes()] * 10**place for place, channel in enumerate(image))
        for image in images
    ])  # fmt: skip


def test_channels_are_digits_of_the_same_part(cache):
    single = MNIST5k().parts(cache)
    parts = stacked().parts(cache)
    train = digits_of(single.train, single.train_labels)
    test = digits_of(single.test, single.test_labels)
    assert not train.keys() & test.keys()
    assert parts.train.shape == (300, 3, 28, 28)
    assert parts.test.shape == (100, 3, 28, 28)
    assert parts.train.dtype == parts.test.dtype == torch.uint8
    assert len(set(modes(parts.train, train))) > 200
    assert len(set(modes(parts.test, test))) > 80
    # three draws, not one digit three times
    assert not (parts.train[:, 0] == parts.train[:, 1]).all((1, 2)).all()


def test_triples_are_always_the_same(cache, tmp_path):
    first, again = (stacked().parts(place) for place in (cache, tmp_path))
    assert torch.equal(first.train, again.train)
    assert torch.equal(first.test, again.test)
    assert first.content == again.content
    assert stacked(test_triples=99).parts(cache).content != first.content


def test_labels_of_real_data_are_nearly_uniform(cache):
    single = MNIST5k().parts(cache)
    digits = digits_of(single.train, single.train_labels)
    count = 20_000
    parts = stacked(training_triples=count).parts(cache)
    counts = np.bincount(modes(parts.train, digits), minlength=1000)
    assert (counts > 0).sum() == 1000
    chi_squared = ((counts - count / 1000) ** 2 / (count / 1000)).sum()
    assert 999 - 5 * math.sqrt(2 * 999) < chi_squared < 999 + 5 * math.sqrt(2 * 999)


def test_epochs_count_triples(cache):
    dataset = stacked()
    dataset.hold(dataset.parts(cache))
    assert dataset.training_size() == 300
    assert StackedMNIST().training_size() == 128_000
    batch = dataset.source(torch.Generator().manual_seed(0), CPU)(3, 100)
    assert sorted(i.numpy().tobytes() for i in batch.flatten(0, 1)) == sorted(
        i.numpy().tobytes() for i in as_floats(dataset.parts(cache).train)
    )


def test_one_triple_over_and_over_is_one_mode(cache, monkeypatch):
    monkeypatch.setattr(lenet, "EPOCHS", 1)
    dataset = stacked(evaluation_samples=60)
    subject = subject_of(dataset, cache)
    copies = dataset.parts(cache).train[:1].expand(60, -1, -1, -1)
    seen = scores(subject, copies)
    assert seen["modes_1"] == 1
    assert seen["reverse_kl"] == pytest.approx(math.log(1000))
    assert seen["lenet_fd"] > floor(subject)["lenet_fd"]
    assert seen["lenet_recall"] == 0
    assert primary(metrics_of(dataset), dataset).name == "modes_1"


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"digits": "cifar10"}, "stacked_mnist.digits is 'cifar10'"),
        ({"training_triples": 0}, "training_triples is 0; give a whole number from 2"),
        ({"test_triples": 1}, "test_triples is 1; give a whole number from 2"),
        ({"training_triples": 1.5}, "stacked_mnist.training_triples is 1.5"),
        ({"evaluation_samples": -1}, "evaluation_samples is -1; give a whole number from 2"),
    ],
)
def test_settings_that_make_no_sense_are_told(hyperparameters, message):
    with pytest.raises(BenchError, match=message):
        make_dataset("stacked_mnist", hyperparameters)


@pytest.mark.usefixtures("published")
def test_it_stacks_the_whole_of_mnist_where_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(lenet, "EPOCHS", 1)
    dataset = stacked(digits="mnist", evaluation_samples=20)
    dataset.fetch(tmp_path)
    subject = subject_of(dataset, tmp_path)
    single = make_dataset("mnist").parts(tmp_path)
    modes(dataset.parts(tmp_path).train, digits_of(single.train, single.train_labels))
    modes(dataset.parts(tmp_path).test, digits_of(single.test, single.test_labels))
    assert floor(subject)["modes_1"] > 1


def test_mnist_that_cannot_be_had_is_told(published, server, tmp_path):
    assert published
    server.close()
    with pytest.raises(BenchError, match=r"MNIST is not in .* and cannot be downloaded"):
        stacked(digits="mnist").fetch(tmp_path)
    stacked().fetch(tmp_path)


def expected(count: int, classes: int = 1000) -> tuple[float, float]:
    """Modes found and nats of reverse KL, on average, in so many draws of equal classes."""
    held = np.arange(1, count + 1)
    odds = binom.pmf(held, count, 1 / classes)
    share = held / count
    return (
        classes * (1 - (1 - 1 / classes) ** count),
        math.log(classes) + classes * float((odds * share * np.log(share)).sum()),
    )


@pytest.mark.slow
def test_fresh_triples_have_the_modes_and_the_balance_that_chance_leaves(cache):
    count = 8000
    dataset = stacked(evaluation_samples=count, training_triples=count, test_triples=2000)
    subject = subject_of(dataset, cache)
    real = floor(subject)
    found, nats = expected(count)
    assert found == pytest.approx(999.7, abs=0.1)
    assert nats == pytest.approx(0.065, abs=0.005)
    assert real["modes_1"] >= 997
    # what the LeNet gets wrong makes the histogram a little less even
    assert nats - 0.005 < real["reverse_kl"] < nats + 0.02
    assert real["lenet_precision"] > 0.7
    noise = torch.rand(1000, 3, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = scores(subject, noise)
    assert seen["lenet_fd"] > 50 * real["lenet_fd"]
    assert seen["modes_1"] < 300
