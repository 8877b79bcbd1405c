"""Shared by the sets of images that torchvision downloads on first use."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from bench.datasets.images import ImageDataset, Parts, hash_of, packed
from bench.errors import BenchError

TIMEOUT = 30.0
"""Seconds without a byte after which a download is given up."""


class Downloaded(ImageDataset):
    """One of torchvision's sets; ``kind`` is its class there."""

    kind: ClassVar[str]
    training_images: ClassVar[int] = 60_000

    def training_size(self) -> int:
        return self.training_images

    def parts(self, cache: Path) -> Parts:
        return downloaded(self.kind, cache)


SIZES = {"MNIST": (60_000, 10_000), "FashionMNIST": (60_000, 10_000), "CIFAR10": (50_000, 10_000)}


def data_folder(cache: Path) -> Path:
    """Return the folder of torchvision's files: ``BENCH_DATA``, or ``data`` in the cache."""
    named = os.environ.get("BENCH_DATA")
    return Path(os.path.expanduser(named)) if named else cache / "data"


def downloaded(kind: str, cache: Path) -> Parts:
    """Return one of torchvision's sets; download, check and pack it to bytes if needed.

    Raises:
        BenchError: the set is missing and cannot be downloaded, or its files are damaged.
    """
    arrays: dict[str, Tensor] = {}
    # files of another origin may be others: torchvision knows MNIST's by their names only
    origin = hashlib.sha256(str(data_folder(cache).absolute()).encode()).hexdigest()[:8]
    for part in ("train", "test"):
        # images and labels come from the same file, which is read once for both
        read: dict[str, np.ndarray] = {}

        def array(what: str, part: str = part, read: dict[str, np.ndarray] = read) -> np.ndarray:
            if not read:
                read |= _read(kind, data_folder(cache), part == "train")
            return read[what]

        for what in ("images", "labels"):
            file = cache / "data" / f"{kind}-{origin}-{part}-{what}.npy"
            arrays[f"{part}_{what}"] = packed(file, lambda w=what, a=array: a(w))  # type: ignore[misc]
    return Parts(
        arrays["train_images"],
        arrays["test_images"],
        hash_of(*arrays.values()),
        arrays["train_labels"],
        arrays["test_labels"],
    )


def _read(kind: str, folder: Path, train: bool) -> dict[str, np.ndarray]:
    """Return images (N, C, H, W) and labels (N,) of one part."""
    whole = _torchvision(kind, folder, train)
    images, labels = np.asarray(whole.data), np.asarray(whole.targets, np.int64)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    expected = SIZES[kind][0 if train else 1]
    if not len(images) == len(labels) == expected:
        raise _damaged(
            kind, folder, f"{len(images):,} images and {len(labels):,} labels, not {expected:,}"
        )
    return {"images": np.ascontiguousarray(images, np.uint8), "labels": labels}


def _torchvision(kind: str, folder: Path, train: bool) -> Any:
    from torchvision import datasets

    make = getattr(datasets, kind)
    if not all(os.path.isfile(folder / file) for file in _files(make)):
        try:
            _provide(make, folder)
        except Exception as error:  # whatever a network, an archive or a disk can come up with
            told = " ".join(str(error).split()) or type(error).__name__
            raise BenchError(
                f"{kind} is not in '{folder}' and cannot be downloaded ({told:.40}); run where "
                f'it can: python -c "from torchvision.datasets import {kind}; '
                f"{kind}('{folder}', download=True)\" and copy the folder, or name one that "
                "has it with BENCH_DATA"
            ) from error
    try:
        return make(str(folder), train=train)
    except RuntimeError as error:  # torchvision's words for it: "not found or corrupted"
        raise _damaged(kind, folder, "a file is not the published one") from error
    except Exception as error:  # a truncated file raises many exceptions
        told = " ".join(str(error).split()) or "a file is cut short or of another format"
        raise _damaged(kind, folder, f"{told:.120}") from error


def _damaged(kind: str, folder: Path, why: str) -> BenchError:
    from torchvision import datasets

    place = folder / _files(getattr(datasets, kind))[0].parts[0]
    return BenchError(
        f"{kind} cannot be read from '{place}' ({why}); delete that folder and run again, or put "
        "a whole copy in its place"
    )


def _files(make: Any) -> list[Path]:
    """Return the unpacked files that torchvision reads, below its root."""
    if hasattr(make, "resources"):
        return [archive.with_suffix("") for archive in _archives(make)]
    names = [name for name, _ in (*make.train_list, *make.test_list)]
    return [Path(make.base_folder) / name for name in (*names, make.meta["filename"])]


def _archives(make: Any) -> list[Path]:
    """Return the archives that torchvision downloads, below its root."""
    if hasattr(make, "resources"):
        return [Path(make.__name__) / "raw" / name for name, _ in make.resources]
    return [Path(make.filename)]


def _provide(make: Any, folder: Path) -> None:
    """Download into a folder beside the set's own, and move what was found whole.

    A download that breaks off leaves nothing, and no file that is there already is replaced:
    neither a user's nor that of a run which was faster.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as name, _patient():
            scratch = Path(name)
            for archive in _archives(make):
                if (folder / archive).is_file():
                    (scratch / archive).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / archive, scratch / archive)
            for train in (True, False):
                make(name, train=train, download=train)
            for found in sorted(scratch.rglob("*")):
                place = folder / found.relative_to(scratch)
                if found.is_dir():
                    place.mkdir(exist_ok=True)
                elif not place.exists():
                    os.replace(found, place)
    except BaseException:
        if made:
            with suppress(OSError):  # not empty: another run has put something there
                folder.rmdir()
        raise


@contextmanager
def _patient() -> Iterator[None]:
    """Set a time limit for connections that do not answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
