"""Any table of numbers as a dataset: ``points:PATH``."""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor

from bench.datasets.base import Dataset, Draw, epochs, floor_generator
from bench.datasets.paths import check_path, printable
from bench.errors import BenchError

SPLIT_SEED = 1
FEWEST = 4


@dataclass(frozen=True)
class Points(Dataset):
    """Every row of an array, (N, d), which numpy has saved: .npy, or .npz with one or ``array``.

    A share ``test_share`` of the rows, chosen with a fixed seed, is what samples are compared
    with; the others train. With ``standardise`` the mean of the training rows is taken off every
    column, and it is divided by their standard deviation.

    An instance reads the file once; a relative path begins where the command was called.
    """

    name: ClassVar[str] = "points"
    ranked_by: ClassVar[tuple[str, ...]] = ("data_fd",)
    told_by_label: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    array: str = ""
    """Name of the array in an .npz file that holds several."""
    test_share: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    standardise: bool = False

    def __post_init__(self) -> None:
        check_path(self.path)
        if not 0 < self.test_share < 1:
            raise ValueError("test_share must lie between 0 and 1")
        if self.evaluation_samples < 2:
            raise ValueError("evaluation_samples must be at least 2")

    @property
    def label(self) -> str:
        return f"points:{printable(Path(self.path).name or self.path)}"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (self._parts[0].shape[1],)

    def content(self) -> str:
        """Return a hash of the whole file."""
        return self._content

    def training_size(self) -> int:
        return len(self._parts[0])

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        points = self._parts[0]
        order = epochs(generator, len(points))
        return lambda steps, batch: points[order(steps * batch)].view(steps, batch, -1)

    def reference_samples(self) -> Tensor:
        return self._parts[1]

    def held_out_samples(self) -> Tensor:
        """Return rows of the training part, which are not in the reference."""
        train = self._parts[0]
        chosen = torch.randperm(len(train), generator=floor_generator())
        return train[chosen[: self.evaluation_samples]]

    def protocol(self) -> dict[str, Any]:
        train, test = self._parts
        scale = ", in standard deviations of the training rows" if self.standardise else ""
        return {
            **super().protocol(),
            "training": f"{len(train)} rows of {train.shape[1]} numbers{scale}",
            "reference": f"{len(test)} rows held out",
            "floor": f"{min(self.evaluation_samples, len(train))} rows of the training part",
        }

    @property
    def _called(self) -> str:
        return f"dataset points:{printable(self.path)}"

    @cached_property
    def _content(self) -> str:
        if not self.path:
            raise BenchError("dataset points: which file? write it as points:PATH")
        return hash_of_file(self.path, self._called)

    @cached_property
    def _parts(self) -> tuple[Tensor, Tensor]:
        """The training and the held-out rows, (n, d) each."""
        points = self._read()
        order = torch.randperm(len(points), generator=torch.Generator().manual_seed(SPLIT_SEED))
        held = min(max(2, round(len(points) * self.test_share)), len(points) - 2)
        train, test = points[order[held:]], points[order[:held]]
        if self.standardise:
            mean, spread = train.mean(0), train.std(0)
            # a column of one value is only moved
            spread = torch.where(spread > 0, spread, 1)
            train, test = (train - mean) / spread, (test - mean) / spread
        return train.float(), test.float()

    def _read(self) -> Tensor:
        """Return all rows, (N, d), in double precision."""
        self.content()  # says first whether there is a file
        array = read_array(self.path, self.array, self._called)
        if array.dtype.kind not in "fiu":
            raise BenchError(
                f"{self._called}: its values are of type {array.dtype}, not numbers; save "
                "array.astype('float32')"
            )
        if array.ndim != 2 or not array.shape[1]:
            hint = "array.reshape(-1, 1)" if array.ndim == 1 else "array.reshape(len(array), -1)"
            raise BenchError(
                f"{self._called}: its shape is {array.shape}, but (N, d), a row for each point, is "
                f"expected; save {hint}"
            )
        if len(array) < FEWEST:
            raise BenchError(
                f"{self._called}: it has {len(array)} row{'s' * (len(array) != 1)}, at least "
                f"{FEWEST} are needed"
            )
        with np.errstate(over="ignore"):
            bad = np.flatnonzero(~np.isfinite(array.astype(np.float32)).all(1))
        if len(bad):
            raise BenchError(
                f"{self._called}: {len(bad)} of {len(array)} rows hold values that are not finite "
                f"in single precision, row {bad[0]} first; save array[np.isfinite(array).all(1)], "
                "or smaller numbers"
            )
        return torch.from_numpy(array.astype(np.float64))


def hash_of_file(path: str | Path, called: str = "") -> str:
    """Return a hash of a whole file.

    Raises:
        BenchError: it is not there, or cannot be read.
    """
    called = called or f"'{path}'"
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except FileNotFoundError as error:
        raise BenchError(
            f"{called}: there is no such file; mend the path, or write the file with "
            "numpy.save(path, array)"
        ) from error
    except OSError as error:
        raise BenchError(f"{called}: it cannot be read ({error.strerror})") from error


def read_array(path: str | Path, name: str = "", called: str = "") -> np.ndarray:
    """Return the array in a .npy file, or the one of that name, or the only one, in a .npz file.

    Raises:
        BenchError: there is no such array, or it holds Python objects.
    """
    called = called or f"'{path}'"
    try:
        loaded = np.load(os.path.expanduser(path), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            if name:
                raise BenchError(f"{called}: it holds one array without a name; leave `array` out")
            return loaded
        with loaded:
            return np.asarray(loaded[_chosen(loaded.files, name, called)])
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if "Object arrays" in str(error):
            told = "it holds Python objects, which are not loaded as they could run code"
        else:
            told = "it is no whole .npy or .npz file"
        raise BenchError(
            f"{called}: {told}; save plain numbers: numpy.save(path, array.astype('float32'))"
        ) from error


def _chosen(names: list[str], name: str, called: str) -> str:
    """Return the selected array of an .npz file."""
    if name in names or (len(names) == 1 and not name):
        return name or names[0]
    there = ", ".join(names) or "none"
    if name:
        raise BenchError(f"{called}: it has no array '{name}'; there are: {there}")
    raise BenchError(
        f"{called}: it holds {len(names)} arrays; say which with the hyperparameter `array`: "
        f"{there}"
    )
