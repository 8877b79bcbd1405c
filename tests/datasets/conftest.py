"""Published files in small, a server that hands them out, and a user without rights."""

import gzip
import hashlib
import io
import os
import pickle
import shutil
import struct
import tarfile
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, MNIST, FashionMNIST

from bench.datasets import downloaded
from tests.datasets.folders import paint

TRAIN, TEST = 40, 10
NOBODY = 65534


@dataclass
class Published:
    """A set as it is published: archives by name, and what is in them."""

    kind: str
    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray
    archives: dict[str, bytes] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder that torchvision unpacks to, below its root."""
        return "cifar-10-batches-py" if self.kind == "CIFAR10" else f"{self.kind}/raw"

    def put(self, root: Path) -> None:
        """Lay the unpacked files where torchvision looks for them."""
        place = root / self.folder
        place.mkdir(parents=True)
        for name, content in self.archives.items():
            if name.endswith(".tar.gz"):
                with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                    archive.extractall(root, filter="data")
            else:
                (place / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))

    def put_archives(self, root: Path) -> None:
        """Lay the archives where torchvision would have downloaded them to."""
        place = root if self.kind == "CIFAR10" else root / self.folder
        place.mkdir(parents=True, exist_ok=True)
        for name, content in self.archives.items():
            (place / name).write_bytes(content)


def idx(array: np.ndarray) -> bytes:
    """MNIST's format: big-endian magic number and sizes, then bytes."""
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def images_and_labels(count: int, shape: tuple[int, ...], seed: int):
    """Random images whose first byte is their label."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, *shape), dtype=np.uint8)
    labels = random.permutation(np.arange(count) % 10)
    images.reshape(count, -1)[:, 0] = labels
    return images, labels


def mnist_like(kind: str, seed: int) -> Published:
    train, train_labels = images_and_labels(TRAIN, (1, 28, 28), seed)
    test, test_labels = images_and_labels(TEST, (1, 28, 28), seed + 1)
    archives = {
        f"{part}-{what}-ubyte.gz": gzip.compress(idx(array))
        for part, images, labels in (("train", train, train_labels), ("t10k", test, test_labels))
        for what, array in (("images-idx3", images[:, 0]), ("labels-idx1", labels.astype("u1")))
    }
    return Published(kind, train, test, train_labels, test_labels, archives)


def cifar_like() -> tuple[Published, dict[str, str]]:
    train, train_labels = images_and_labels(TRAIN, (3, 32, 32), 5)
    test, test_labels = images_and_labels(TEST, (3, 32, 32), 6)
    files = {"batches.meta": pickle.dumps({"label_names": [*"abcdefghij"]}, 2)}
    each = TRAIN // 5
    for number in range(5):
        rows = slice(number * each, (number + 1) * each)
        files[f"data_batch_{number + 1}"] = batch(train[rows], train_labels[rows])
    files["test_batch"] = batch(test, test_labels)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    archives = {"cifar-10-python.tar.gz": packed.getvalue()}
    hashes = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    return Published("CIFAR10", train, test, train_labels, test_labels, archives), hashes


def batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    return pickle.dumps({"data": images.reshape(len(images), -1), "labels": labels.tolist()}, 2)


class Server:
    """Hands out files on the loopback address, or misbehaves as it is told."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.mood = "well"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                outer.asked[name] += 1
                content = outer.files.get(name)
                if outer.mood == "silent":
                    time.sleep(3)
                    return
                if content is None or outer.mood == "refusing":
                    self.send_error(503)
                    return
                # as long as it is said to be, and other than it is to be
                sent = bytes(reversed(content)) if outer.mood == "wrong" else content
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(sent[: len(sent) // 2] if outer.mood == "cut short" else sent)

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that gives up

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """From now on nothing answers under this address."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.fixture
def published(server, monkeypatch):
    """The three sets in small, at the server instead of where they are published."""
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.setattr(
        downloaded, "SIZES", dict.fromkeys(("MNIST", "FashionMNIST", "CIFAR10"), (TRAIN, TEST))
    )
    found = {}
    for make, seed in ((MNIST, 1), (FashionMNIST, 3)):
        one = found[make.__name__] = mnist_like(make.__name__, seed)
        names = [name for name, _ in make.resources]
        assert set(names) == set(one.archives)
        resources = [(name, hashlib.md5(one.archives[name]).hexdigest()) for name in names]
        monkeypatch.setattr(make, "mirrors", [f"{server.url}{one.kind}/"])
        monkeypatch.setattr(make, "resources", resources)
        server.files |= {f"{one.kind}/{name}": one.archives[name] for name in names}
    cifar, hashes = cifar_like()
    found["CIFAR10"] = cifar
    ((name, archive),) = cifar.archives.items()
    server.files[f"CIFAR10/{name}"] = archive
    monkeypatch.setattr(CIFAR10, "url", f"{server.url}CIFAR10/{name}")
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive).hexdigest())
    for names in ("train_list", "test_list"):
        listed = [[name, hashes[name]] for name, _ in getattr(CIFAR10, names)]
        monkeypatch.setattr(CIFAR10, names, listed)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": hashes["batches.meta"]})
    return found


def _run_as_nobody(function, answer) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        answer.put(("value", function()))
    except BaseException as error:
        answer.put((type(error).__name__, str(error)))


@pytest.fixture
def as_nobody():
    """Calls a function in a process that may write only what belongs to nobody.

    Returns ("value", what it returned) or an error's type and message.
    """

    def call(function):
        context = get_context("fork")
        answer = context.Queue()
        process = context.Process(target=_run_as_nobody, args=(function, answer))
        process.start()
        try:
            return answer.get(timeout=60)
        finally:
            process.join(60)

    return call


@pytest.fixture
def open_to_all():
    """A folder that every user reaches, as pytest's own are not."""
    place = Path(tempfile.mkdtemp(prefix="bench-test-"))
    place.chmod(0o755)
    yield place
    for folder in (place, *(each for each in place.rglob("*") if each.is_dir())):
        folder.chmod(0o755)
    shutil.rmtree(place)


@pytest.fixture
def images(tmp_path):
    """A folder of ten images, some below others, each of one gray: 10, 20 … 100."""
    folder = tmp_path / "images"
    for number in range(1, 11):
        below = "" if number < 6 else "b/" if number < 9 else "b/deep/er"
        paint(folder / below / f"{number:02}.png", (10 * number,) * 3)
    return folder
