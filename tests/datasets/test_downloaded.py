"""Sets that are downloaded: once, whole, or not at all, and from what is there already."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets

from bench.datasets import downloaded
from bench.errors import BenchError
from bench.extractors import lenet
from bench.registry import make_dataset
from tests.measured import floor, scores, subject_of

pytestmark = pytest.mark.usefixtures("published")
CPU = torch.device("cpu")
AS_PUBLISHED = dict(downloaded.SIZES)
NAMES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}
every_set = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "results" / "cache"


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, with its size and time."""
    return {
        str(file.relative_to(folder)): (file.stat().st_size, file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def assert_as_published(parts, published) -> None:
    for part in ("train", "test"):
        images, labels = getattr(parts, part), getattr(parts, f"{part}_labels")
        assert images.dtype == torch.uint8
        np.testing.assert_array_equal(images, getattr(published, part))
        np.testing.assert_array_equal(labels, getattr(published, f"{part}_labels"))
        # the sets in small carry each image's label in its first byte
        assert torch.equal(images.flatten(1)[:, 0], labels.byte())


def one_line(name: str, cache: Path) -> str:
    with pytest.raises(BenchError) as told:
        make_dataset(name).fetch(cache)
    message = str(told.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


def only_locks(cache: Path) -> bool:
    return all(name.endswith(".lock") for name in tree(cache))


@every_set
def test_the_first_use_downloads_and_the_second_needs_neither_network_nor_torchvision(
    name, cache, published, server, monkeypatch
):
    make_dataset(name).fetch(cache)
    first = make_dataset(name).parts(cache)
    assert_as_published(first, published[NAMES[name]])
    assert server.asked
    server.asked.clear()
    monkeypatch.setattr(
        torchvision.datasets, NAMES[name], lambda *_, **__: pytest.fail("torchvision was asked")
    )
    second = make_dataset(name).parts(cache)
    assert_as_published(second, published[NAMES[name]])
    assert second.content == first.content
    assert not server.asked


@every_set
def test_nothing_is_left_beside_what_torchvision_and_the_cache_keep(name, cache):
    make_dataset(name).fetch(cache)
    make = getattr(torchvision.datasets, NAMES[name])
    left = {path for path in tree(cache / "data") if not path.endswith((".npy", ".lock"))}
    assert left == set(map(str, (*downloaded._files(make), *downloaded._archives(make))))


@every_set
def test_without_a_network_one_line_tells_the_folder_and_a_command(name, cache, server):
    server.close()
    message = one_line(name, cache)
    assert f"is not in '{cache / 'data'}' and cannot be downloaded" in message
    assert f"{NAMES[name]}('{cache / 'data'}', download=True)" in message
    assert only_locks(cache)


def test_a_named_folder_that_cannot_be_filled_is_not_made(cache, server, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "elsewhere"))
    server.close()
    assert f"is not in '{tmp_path / 'elsewhere'}'" in one_line("mnist", cache)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mood", ["cut short", "wrong", "refusing", "silent"])
@every_set
def test_a_download_that_fails_leaves_nothing_and_the_next_one_is_whole(
    name, mood, cache, published, server, monkeypatch
):
    monkeypatch.setattr(downloaded, "TIMEOUT", 0.3)
    server.mood = mood
    assert "cannot be downloaded" in one_line(name, cache)
    assert only_locks(cache)
    server.mood = "well"
    make_dataset(name).fetch(cache)
    assert_as_published(make_dataset(name).parts(cache), published[NAMES[name]])


def test_one_broken_file_of_four_leaves_none_of_the_set(cache, server):
    held_back = server.files.pop("MNIST/t10k-labels-idx1-ubyte.gz")
    assert "t10k-labels" in one_line("mnist", cache)
    assert only_locks(cache)
    server.files["MNIST/t10k-labels-idx1-ubyte.gz"] = held_back
    make_dataset("mnist").fetch(cache)


@every_set
def test_files_of_a_named_folder_are_used_though_it_may_only_be_read(
    name, published, server, open_to_all, monkeypatch, as_nobody
):
    folder, cache = open_to_all / "data", open_to_all / "cache"
    kind = NAMES[name]
    published[kind].put(folder)
    cache.mkdir()
    cache.chmod(0o777)
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        each.chmod(0o555)
    before = tree(folder)
    monkeypatch.setenv("BENCH_DATA", str(folder))
    server.close()

    def read():
        assert not os.access(folder, os.W_OK)
        parts = make_dataset(name).parts(cache)
        return [np.array(each) for each in (parts.train, parts.test, parts.train_labels)]

    found, (train, test, labels) = as_nobody(read)
    assert found == "value", (train, test, labels)
    np.testing.assert_array_equal(train, published[kind].train)
    np.testing.assert_array_equal(test, published[kind].test)
    np.testing.assert_array_equal(labels, published[kind].train_labels)
    assert tree(folder) == before


def test_a_named_folder_that_lacks_the_set_and_may_only_be_read_is_told(
    open_to_all, monkeypatch, as_nobody
):
    folder, cache = open_to_all / "data", open_to_all / "cache"
    folder.mkdir(mode=0o555)
    cache.mkdir()
    cache.chmod(0o777)
    monkeypatch.setenv("BENCH_DATA", str(folder))
    kind, message = as_nobody(lambda: make_dataset("mnist").fetch(cache))
    assert kind == "BenchError"
    assert f"MNIST is not in '{folder}' and cannot be downloaded ([Errno 13]" in message
    assert tree(folder) == {}


@every_set
def test_a_cache_that_may_only_be_read_is_told(name, open_to_all, as_nobody):
    cache = open_to_all / "cache"
    cache.mkdir(mode=0o555)
    kind, message = as_nobody(lambda: make_dataset(name).fetch(cache))
    assert kind == "BenchError"
    assert f"cannot write to the cache folder '{cache / 'data'}'" in message
    assert "--results" in message


@every_set
def test_archives_alone_are_unpacked_without_a_network(
    name, cache, published, server, tmp_path, monkeypatch
):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "mine"))
    published[NAMES[name]].put_archives(tmp_path / "mine")
    before = tree(tmp_path / "mine")
    server.asked.clear()
    server.mood = "refusing"
    assert_as_published(make_dataset(name).parts(cache), published[NAMES[name]])
    assert not server.asked
    after = tree(tmp_path / "mine")
    assert {path: after[path] for path in before} == before


def shorten(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def scribble(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[0] ^= 0xFF
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [shorten, empty, scribble])
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "train-images-idx3-ubyte"),
        ("fashion_mnist", "train-images-idx3-ubyte"),
        ("cifar10", "data_batch_3"),
    ],
)
def test_a_damaged_file_is_told_and_neither_used_nor_replaced(
    name, file, harm, cache, published, server, tmp_path, monkeypatch
):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "mine"))
    one = published[NAMES[name]]
    one.put(tmp_path / "mine")
    harm(tmp_path / "mine" / one.folder / file)
    before = tree(tmp_path / "mine")
    message = one_line(name, cache)
    assert f"cannot be read from '{tmp_path / 'mine' / one.folder.split('/')[0]}'" in message
    assert "delete that folder and run again" in message
    assert tree(tmp_path / "mine") == before
    assert not server.asked
    assert only_locks(cache)


def test_a_missing_file_is_downloaded_and_the_others_are_left_alone(
    cache, published, tmp_path, monkeypatch
):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "mine"))
    published["MNIST"].put(tmp_path / "mine")
    before = tree(tmp_path / "mine")
    (tmp_path / "mine/MNIST/raw/train-labels-idx1-ubyte").unlink()
    assert_as_published(make_dataset("mnist").parts(cache), published["MNIST"])
    after = tree(tmp_path / "mine")
    del before["MNIST/raw/train-labels-idx1-ubyte"]
    assert {path: after[path] for path in before} == before


def test_another_count_of_images_is_told(cache, monkeypatch):
    monkeypatch.setattr(downloaded, "SIZES", {"MNIST": (60_000, 10_000)})
    assert "(40 images and 40 labels, not 60,000)" in one_line("mnist", cache)


def test_the_named_folder_may_begin_with_a_tilde(cache, published, server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BENCH_DATA", "~/mine")
    published["MNIST"].put(tmp_path / "mine")
    server.close()
    assert_as_published(make_dataset("mnist").parts(cache), published["MNIST"])


@pytest.mark.parametrize("left", [0, 100, 10_000])
def test_a_damaged_packed_file_is_packed_again(left, cache, published, server):
    make_dataset("mnist").fetch(cache)
    server.asked.clear()
    (file,) = (cache / "data").glob("MNIST-*-train-images.npy")
    file.write_bytes(file.read_bytes()[:left])
    assert_as_published(make_dataset("mnist").parts(cache), published["MNIST"])
    assert not server.asked


def _ask(name: str, cache: Path, together, answers) -> None:
    together.wait(30)
    try:
        answers.put(make_dataset(name).parts(cache).content)
    except BaseException as error:
        answers.put(repr(error))


def ask_together(name: str, caches: list[Path]) -> list[str]:
    context = multiprocessing.get_context("fork")
    together, answers = context.Barrier(len(caches)), context.Queue()
    asking = [context.Process(target=_ask, args=(name, c, together, answers)) for c in caches]
    for process in asking:
        process.start()
    found = [answers.get(timeout=60) for _ in asking]
    for process in asking:
        process.join(60)
    return found


@every_set
def test_processes_that_start_together_download_once(name, cache, server):
    first, second = ask_together(name, [cache, cache])
    assert first == second == make_dataset(name).parts(cache).content
    # torchvision asks for a file twice: where it lies, and for its content
    assert set(server.asked.values()) == {2}


@every_set
def test_runs_with_one_data_folder_and_two_caches_do_not_harm_each_other(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "shared"))
    first, second = ask_together(name, [tmp_path / "one", tmp_path / "two"])
    assert first == second == make_dataset(name).parts(tmp_path / "one").content
    assert not list((tmp_path / "shared").glob(".download-*"))


@every_set
def test_the_small_set_is_measured_and_packed_for_pictures(name, cache, published, monkeypatch):
    monkeypatch.setattr(lenet, "EPOCHS", 1)
    dataset = make_dataset(name, {"evaluation_samples": 20})
    dataset.fetch(cache)
    subject = subject_of(dataset, cache)
    real, seen = floor(subject), scores(subject, dataset.parts(cache).test)
    distance = "pixel_fd" if name == "cifar10" else "lenet_fd"
    assert seen[distance] == pytest.approx(0, abs=1e-3)
    assert real[distance] > seen[distance] + 0.001
    protocol = dataset.protocol()
    assert protocol["training"] == "40 images"
    assert protocol["reference"] == "10 images of the test part"
    packed = dataset.pack(dataset.real(5))
    assert packed.dtype == np.uint8
    assert packed.shape == ((5, 32, 32, 3) if name == "cifar10" else (5, 28, 28))
    shown = {image.tobytes() for image in packed}
    images = published[NAMES[name]].train
    images = images.transpose(0, 2, 3, 1) if name == "cifar10" else images[:, 0]
    assert shown <= {image.tobytes() for image in images}


def test_the_published_sizes_are_what_epochs_are_counted_in():
    sizes = {name: make_dataset(name).training_size() for name in NAMES}
    assert sizes == {name: AS_PUBLISHED[kind][0] for name, kind in NAMES.items()}
    assert sizes == {"mnist": 60_000, "fashion_mnist": 60_000, "cifar10": 50_000}
