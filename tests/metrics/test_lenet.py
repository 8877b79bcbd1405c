"""The LeNet that measures images of digits: trained once, cached, and good enough to trust."""

import multiprocessing
import time

import pytest
import torch

from bench.datasets.mnist5k import MNIST5k
from bench.extractors import lenet
from bench.extractors.lenet import LeNet, trained
from bench.measuring.evaluation import as_compared
from tests.measured import floor, scores, subject_of


@pytest.fixture(scope="module")
def all_digits(tmp_path_factory) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """mnist5k's two parts, each (byte images (N, 1, 28, 28), digits (N,))."""
    return MNIST5k().labelled_parts(tmp_path_factory.mktemp("digits"))


@pytest.fixture
def few_digits(all_digits):
    train, reference = all_digits
    return tuple(part[::40] for part in train), tuple(part[::10] for part in reference)


@pytest.fixture(autouse=True)
def two_epochs(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(lenet, "EPOCHS", 2)


def test_the_second_call_loads_what_the_first_has_trained(tmp_path, few_digits, monkeypatch):
    first = trained(*few_digits, tmp_path)
    monkeypatch.setattr(lenet, "_train", lambda *_: pytest.fail("trained again"))
    second = trained(*few_digits, tmp_path)
    assert second.weights_sha256 == first.weights_sha256
    assert second.accuracy == first.accuracy
    assert len(list(tmp_path.glob("*.pt"))) == 1


def test_training_again_gives_the_same_weights(tmp_path, few_digits):
    first, second = (trained(*few_digits, tmp_path / name) for name in "ab")
    assert first.weights_sha256 == second.weights_sha256


def test_other_data_or_another_recipe_have_a_network_of_their_own(
    tmp_path, few_digits, monkeypatch
):
    (images, digits), held_out = few_digits
    hashes = {trained(few_digits[0], held_out, tmp_path).weights_sha256}
    hashes.add(trained((images[:-1], digits[:-1]), held_out, tmp_path).weights_sha256)
    monkeypatch.setattr(lenet, "SEED", 2)
    hashes.add(trained(few_digits[0], held_out, tmp_path).weights_sha256)
    assert len(hashes) == len(list(tmp_path.glob("*.pt"))) == 3


@pytest.mark.parametrize("left", [0, 100, 20_000])
def test_a_damaged_file_is_trained_again(tmp_path, few_digits, left):
    sound = trained(*few_digits, tmp_path).weights_sha256
    (file,) = tmp_path.glob("*.pt")
    content = file.read_bytes()
    assert len(content) > left
    file.write_bytes(content[:left])
    assert trained(*few_digits, tmp_path).weights_sha256 == sound
    assert len(file.read_bytes()) == len(content)


def test_any_number_of_classes_has_as_many_labels(tmp_path):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(140, (90, 1, 28, 28), generator=generator, dtype=torch.uint8)
    labels = torch.arange(90) % 3
    images[torch.arange(90), 0, 5 * labels + 3] = 255
    extractor = trained((images, labels), (images[:9], labels[:9]), tmp_path)
    found, logits = extractor(images, batch=40)
    assert found.shape == (90, 84)
    assert logits.shape == (90, 1, 3)
    assert extractor.network.labels.out_features == 3
    assert trained((images, labels), (images[:9], labels[:9]), tmp_path).accuracy == (
        extractor.accuracy
    )


def _ask(cache, digits, counted, answers):
    torch.set_num_threads(1)
    train = lenet._train

    def slowly(*part):
        counted.put(1)
        time.sleep(0.5)
        return train(*part)

    lenet._train = slowly
    answers.put(trained(*digits, cache).weights_sha256)


def test_processes_that_ask_together_train_once(tmp_path, few_digits):
    context = multiprocessing.get_context("fork")
    counted, answers = context.Queue(), context.Queue()
    both = [
        context.Process(target=_ask, args=(tmp_path, few_digits, counted, answers))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    hashes = {answers.get(timeout=60) for _ in both}
    for process in both:
        process.join(60)
    assert len(hashes) == 1
    assert counted.get(timeout=5) == 1
    assert counted.empty()


def test_the_parts_are_balanced_and_share_no_image(all_digits):
    (train, digits), (reference, reference_digits) = all_digits
    assert torch.bincount(digits).tolist() == [400] * 10
    assert torch.bincount(reference_digits).tolist() == [100] * 10
    assert train.shape == (4000, 1, 28, 28)
    assert (train.min(), train.max()) == (0, 255)
    seen = {image.numpy().tobytes() for image in train}
    assert not any(image.numpy().tobytes() in seen for image in reference)


def test_an_epoch_shows_every_training_image_once(tmp_path, all_digits):
    dataset = MNIST5k()
    dataset.prepare(tmp_path, torch.device("cpu"))
    draw = dataset.source(torch.Generator().manual_seed(0), torch.device("cpu"))
    epoch = as_compared(torch.cat([draw(16, 50).flatten(0, 1) for _ in range(5)]))
    train = all_digits[0][0]
    assert sorted(i.numpy().tobytes() for i in epoch) == sorted(i.numpy().tobytes() for i in train)


@pytest.mark.slow
def test_the_network_of_mnist5k_is_accurate_and_its_distance_tells_digits_from_noise(
    tmp_path, all_digits
):
    subject = subject_of(MNIST5k(), tmp_path)
    told = subject.network(LeNet()).describe()
    assert told["LeNet held_out_accuracy"] >= 0.95
    begun = time.perf_counter()
    again = subject_of(MNIST5k(), tmp_path)
    assert again.network(LeNet()).describe() == told
    assert time.perf_counter() - begun < 3

    real = floor(subject)
    assert real["classes_20"] == real["classes_1"] == 10
    assert real["reverse_kl"] < 0.02
    noise = torch.rand(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert real["lenet_fd"] < scores(subject, noise)["lenet_fd"] / 20
    images, digits = all_digits[0]
    collapsed = scores(subject, images[digits == 1][:400])
    assert collapsed["classes_20"] == 1
    assert collapsed["lenet_fd"] > 10 * real["lenet_fd"]


def test_channels_are_looked_at_one_by_one(tmp_path, few_digits):
    extractor = trained(*few_digits, tmp_path)
    images = few_digits[1][0][:12]
    single = extractor(images)
    stacked = extractor(images.view(4, 3, 28, 28))
    assert torch.equal(stacked.values, single.values.view(4, -1))
    assert torch.equal(stacked.logits, single.logits.view(4, 3, 10))
    assert extractor(images[:0]).values.shape == (0, 84)


def test_it_draws_nothing_from_the_global_generator(tmp_path, few_digits):
    state = torch.random.get_rng_state()
    trained(*few_digits, tmp_path)
    assert torch.equal(torch.random.get_rng_state(), state)
