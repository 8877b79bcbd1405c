"""The LeNet that measures images of digits: trained once, cached, and good enough to trust."""

import multiprocessing
import time

import pytest
import torch

from bench.datasets.base import Snapshot
from bench.datasets.instruments import as_floats
from bench.datasets.mnist5k import MNIST5k
from bench.metrics import features
from bench.metrics.features import lenet


@pytest.fixture(scope="module")
def all_digits(tmp_path_factory) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """mnist5k's two parts, each (images (N, 1, 28, 28) in [−1, 1], digits (N,))."""
    parts = MNIST5k().parts(tmp_path_factory.mktemp("digits"))
    return (
        (as_floats(parts.train), parts.train_labels),
        (as_floats(parts.test), parts.test_labels),
    )


@pytest.fixture
def few_digits(all_digits):
    train, reference = all_digits
    return tuple(part[::40] for part in train), tuple(part[::10] for part in reference)


@pytest.fixture(autouse=True)
def two_epochs(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(features, "EPOCHS", 2)


def test_the_second_call_loads_what_the_first_has_trained(tmp_path, few_digits, monkeypatch):
    first = lenet(tmp_path, *few_digits)
    monkeypatch.setattr(features, "_train", lambda *_: pytest.fail("trained again"))
    second = lenet(tmp_path, *few_digits)
    assert second.weights_sha256 == first.weights_sha256
    assert second.accuracy == first.accuracy
    assert len(list(tmp_path.glob("*.pt"))) == 1


def test_training_again_gives_the_same_weights(tmp_path, few_digits):
    first, second = (lenet(tmp_path / name, *few_digits) for name in "ab")
    assert first.weights_sha256 == second.weights_sha256


def test_other_data_or_another_recipe_have_a_network_of_their_own(
    tmp_path, few_digits, monkeypatch
):
    (images, digits), held_out = few_digits
    hashes = {lenet(tmp_path, few_digits[0], held_out).weights_sha256}
    hashes.add(lenet(tmp_path, (images[:-1], digits[:-1]), held_out).weights_sha256)
    monkeypatch.setattr(features, "SEED", 2)
    hashes.add(lenet(tmp_path, few_digits[0], held_out).weights_sha256)
    assert len(hashes) == len(list(tmp_path.glob("*.pt"))) == 3


@pytest.mark.parametrize("left", [0, 100, 20_000])
def test_a_damaged_file_is_trained_again(tmp_path, few_digits, left):
    sound = lenet(tmp_path, *few_digits).weights_sha256
    (file,) = tmp_path.glob("*.pt")
    content = file.read_bytes()
    assert len(content) > left
    file.write_bytes(content[:left])
    assert lenet(tmp_path, *few_digits).weights_sha256 == sound
    assert len(file.read_bytes()) == len(content)


def test_any_number_of_classes_has_as_many_labels(tmp_path):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(90, 1, 28, 28, generator=generator) * 0.1
    labels = torch.arange(90) % 3
    images[torch.arange(90), 0, 5 * labels + 3] = 1
    extractor = lenet(tmp_path, (images, labels), (images[:9], labels[:9]))
    found, predicted = extractor(images, batch=40)
    assert found.shape == (90, 84)
    assert extractor.network.labels.out_features == 3
    assert set(predicted.tolist()) <= {0, 1, 2}
    assert lenet(tmp_path, (images, labels), (images[:9], labels[:9])).accuracy == (
        extractor.accuracy
    )


def _ask(cache, digits, trained, answers):
    torch.set_num_threads(1)
    train = features._train

    def slowly(*part):
        trained.put(1)
        time.sleep(0.5)
        return train(*part)

    features._train = slowly
    answers.put(lenet(cache, *digits).weights_sha256)


def test_processes_that_ask_together_train_once(tmp_path, few_digits):
    context = multiprocessing.get_context("fork")
    trained, answers = context.Queue(), context.Queue()
    both = [
        context.Process(target=_ask, args=(tmp_path, few_digits, trained, answers))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    hashes = {answers.get(timeout=60) for _ in both}
    for process in both:
        process.join(60)
    assert len(hashes) == 1
    assert trained.get(timeout=5) == 1
    assert trained.empty()


def test_the_parts_are_balanced_and_share_no_image(all_digits):
    (train, digits), (reference, reference_digits) = all_digits
    assert torch.bincount(digits).tolist() == [400] * 10
    assert torch.bincount(reference_digits).tolist() == [100] * 10
    assert train.shape == (4000, 1, 28, 28)
    assert (train.min(), train.max()) == (-1, 1)
    seen = {image.numpy().tobytes() for image in train}
    assert not any(image.numpy().tobytes() in seen for image in reference)


def test_an_epoch_shows_every_training_image_once(tmp_path, all_digits):
    dataset = MNIST5k()
    dataset.prepare(tmp_path, torch.device("cpu"))
    draw = dataset.source(torch.Generator().manual_seed(0), torch.device("cpu"))
    epoch = torch.cat([draw(16, 50).flatten(0, 1) for _ in range(5)])
    train = all_digits[0][0]
    assert sorted(i.numpy().tobytes() for i in epoch) == sorted(i.numpy().tobytes() for i in train)


@pytest.mark.slow
def test_the_network_of_mnist5k_is_accurate_and_its_distance_tells_digits_from_noise(
    tmp_path, all_digits
):
    dataset = MNIST5k()
    dataset.prepare(tmp_path, torch.device("cpu"))
    assert dataset.protocol()["held_out_accuracy"] >= 0.95
    begun = time.perf_counter()
    again = MNIST5k()
    again.prepare(tmp_path, torch.device("cpu"))
    assert time.perf_counter() - begun < 3
    assert again.protocol() == dataset.protocol()

    floor = dataset.floor()
    assert floor["classes_20"] == floor["classes_1"] == 10
    assert floor["reverse_kl"] < 0.02
    noise = torch.rand(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert floor["lenet_fd"] < dataset.evaluate(Snapshot(noise))["lenet_fd"] / 20
    images, digits = all_digits[0]
    ones = images[digits == 1][:400]
    collapsed = dataset.evaluate(Snapshot(ones))
    assert collapsed["classes_20"] == 1
    assert collapsed["lenet_fd"] > 10 * floor["lenet_fd"]
