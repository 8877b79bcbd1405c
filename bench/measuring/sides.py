"""Both sides of a comparison: samples from folders, files and datasets."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.datasets.decoding import Decoder, Widened
from bench.datasets.files import EXTENSIONS, below, content_of
from bench.datasets.paths import printable
from bench.datasets.points import hash_of_file, read_array
from bench.errors import BenchError, nearest
from bench.measuring.evaluation import as_compared
from bench.measuring.frechet import Gaussian
from bench.metric import NotMeasured
from bench.records.fingerprint import digest
from bench.registry import find, make_dataset

FEATURES = 2048
"""Of Inception, as pytorch-fid writes statistics by default."""
FEWEST = 2
"""Samples of a side: a covariance needs two."""


@dataclass
class Samples:
    """One side of a comparison; metrics use it as a dataset.

    A side that is a dataset (``dataset``) provides everything else that metrics need.
    """

    called: str
    """The side as the user typed it."""
    real: Tensor | None
    statistics: Gaussian | None = None
    """In place of samples: mean and covariance of Inception features."""
    dataset: Any = None
    content: str = ""
    """A hash of what the samples depend on."""
    shape: tuple[int, ...] = ()
    """Of a sample, where there are only statistics."""
    evaluation_samples: int = 0
    ranked_by: tuple[str, ...] = ()
    name: str = "samples"
    """Of files in the cache."""
    remarks: dict[str, Any] = field(default_factory=dict)
    """Conversions of the files that it was read from, and ``cautions``."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return self.shape if self.real is None else tuple(self.real.shape[1:])

    @property
    def labelled(self) -> bool:
        return self.dataset is not None and self.dataset.labelled

    def reference_samples(self) -> Tensor:
        if self.real is None:
            raise NotMeasured("the reference is statistics without samples")
        return self.real

    def protocol(self, side: str = "reference") -> dict[str, Any]:
        count = "statistics" if self.real is None else f"{len(self.real)} samples"
        told: dict[str, Any] = {
            f"{side} {name}": what for name, what in self.remarks.items() if name != "cautions"
        }
        cautions = [f"{side}: {each}" for each in self.remarks.get("cautions", ())]
        told |= {"cautions": cautions} if cautions else {}
        return {side: f"{count} of {self.called}", **told}

    def __getattr__(self, name: str) -> Any:
        # such as a mixture's centres
        if self.__dict__.get("dataset") is None:
            raise AttributeError(name)
        return getattr(self.dataset, name)


def read_side(side: str, cache: Path, device: torch.device, generated: bool) -> Samples:
    """Read one side of a comparison: a folder, a file, or a dataset by its name.

    Raises:
        BenchError: it is not one of these, or cannot be read.
    """
    path = Path(os.path.expanduser(side))
    if path.is_dir():
        return _images(side, path)
    name, colon, where = side.partition(":")
    known = list(find("dataset").parts)
    if path.suffix in (".npy", ".npz") and not (colon and name in known):
        return _array(path)
    if name not in known:
        raise BenchError(
            f"'{side}' is no folder, no .npy or .npz file and no dataset{nearest(name, known)}"
        )
    dataset = make_dataset(name, {"path": where} if colon else {})
    dataset.fetch(cache)
    dataset.prepare(cache, device)
    real = dataset.held_out_samples() if generated else dataset.reference_samples()
    content = digest([dataset.name, dataset.hyperparameters(), dataset.content()])
    remarks = getattr(dataset, "remarks", {})
    return Samples(side, as_compared(real), dataset=dataset, content=content, remarks=remarks)


def _images(side: str, folder: Path) -> Samples:
    """Return every image below a folder, as bytes (N, 3, H, W), or (N, 1, H, W) if all are gray."""
    try:
        found = below(folder)
    except OSError as error:
        place = printable(str(error.filename))
        raise BenchError(f"'{place}' cannot be read ({error.strerror})") from error
    files = [name for name, _ in found.images]
    if len(files) < FEWEST:
        raise BenchError(
            f"'{folder}' holds {len(files)} images, at least {FEWEST} are needed: a covariance "
            f"needs two; known are {', '.join(EXTENSIONS)}"
        )
    decoder = Decoder("rgb", called=f"'{folder}'", statable=False)
    while True:
        try:
            images = _stack(decoder, folder, files)
            break
        except Widened:
            decoder.restart()
    images = images[:, :1].contiguous() if decoder.gray else images.contiguous()
    remarks: dict[str, Any] = {**decoder.told(), **found.told()}
    cautions = [*decoder.cautions, *found.cautions]
    remarks |= {"cautions": cautions} if cautions else {}
    return Samples(side, images, content=content_of(folder, found.images), remarks=remarks)


def _stack(decoder: Decoder, folder: Path, files: list[str]) -> Tensor:
    """Return all images as bytes (N, 3, H, W)."""
    read: list[np.ndarray] = []
    for name in files:
        try:
            image, depth = decoder.read(folder / name)
        except (BenchError, Widened):
            raise
        except Exception as error:  # the exception of a damaged file depends on its format
            raise BenchError(
                f"'{folder / name}' cannot be read as an image ({error}); remove it, or mend it"
            ) from error
        read.append(np.asarray(image, np.uint8).transpose(2, 0, 1))
        decoder.seen(read[-1], depth)
        if read[-1].shape != read[0].shape:
            sizes = [f"{each.shape[2]} × {each.shape[1]}" for each in (read[0], read[-1])]
            raise BenchError(
                f"'{folder}' holds images of {sizes[0]} and of {sizes[1]} pixels ({name}); scores "
                "need one size: resize them"
            )
    return torch.from_numpy(np.stack(read))


def _array(path: Path) -> Samples:
    """Return points, bytes of images, or pytorch-fid's statistics."""
    content = hash_of_file(path)
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as stored:
                if {"mu", "sigma"} <= set(stored.files):
                    statistics = _gaussian(path, stored["mu"], stored["sigma"])
                    return Samples(str(path), None, statistics, content=content)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise BenchError(f"'{path}' cannot be read as an .npz file ({error})") from error
    array = read_array(path)
    if array.ndim < 2 or len(array) < FEWEST:
        raise BenchError(
            f"'{path}' holds an array of shape {array.shape}; at least {FEWEST} samples are needed"
        )
    if array.ndim == 2 and array.dtype.kind in "fiu":
        points = torch.from_numpy(array.astype(np.float32))
        return Samples(str(path), points, content=content)
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise BenchError(
            f"'{path}' holds {array.dtype} of shape {array.shape}; give points (N, d), or images "
            "as bytes (uint8) of shape (N, H, W), (N, H, W, C) or (N, C, H, W)"
        )
    tensor = torch.from_numpy(array)
    if array.ndim == 3:
        tensor = tensor[:, None]
    elif array.shape[1] not in (1, 3) and array.shape[1] > array.shape[3]:
        tensor = tensor.permute(0, 3, 1, 2)
    return Samples(str(path), tensor.contiguous(), content=content)


def _gaussian(path: Path, mean: np.ndarray, covariance: np.ndarray) -> Gaussian:
    if mean.shape != (FEATURES,) or covariance.shape != (FEATURES, FEATURES):
        raise BenchError(
            f"'{path}' holds mu of shape {mean.shape} and sigma of shape {covariance.shape}; FID's "
            f"have {FEATURES:,} features: write them with pytorch_fid --save-stats"
        )
    return Gaussian(0, mean, covariance)
