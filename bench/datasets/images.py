"""Shared by all sets of images: bytes in memory, epochs, both parts, and their protocol."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Draw, epochs, evaluation, floor_generator
from bench.once import once
from bench.values import CountFrom2

SHARE_OF_FREE_MEMORY = 0.5
"""A training part that takes less of a GPU's free memory lives there; others are streamed."""


@dataclass(frozen=True)
class Parts:
    """A set of images as bytes (N, C, H, W) of 0 … 255, and labels (N,) where there are some."""

    train: Tensor
    test: Tensor
    content: str
    """A hash of the images, their split and order."""
    train_labels: Tensor | None = None
    test_labels: Tensor | None = None
    remarks: dict[str, Any] = field(default_factory=dict)
    """Remarks for the protocol."""


@dataclass
class _Prepared:
    parts: Parts
    resident: dict[torch.device, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageDataset(Dataset):
    """Images of one size, in [−1, 1] for the networks and as bytes for metrics."""

    block: ClassVar[int] = 16
    kept_samples: ClassVar[int] = 64

    evaluation_samples: CountFrom2 = evaluation(10_000)
    reference: Literal["test", "train"] = evaluation("test")
    """The part that samples are compared with; the other one gives the floor."""

    def __post_init__(self) -> None:
        if self.evaluation_samples < 2:
            raise ValueError("evaluation_samples must be at least 2")

    @abstractmethod
    def parts(self, cache: Path) -> Parts:
        """Return the images; ``cache`` holds what was fetched or packed before."""

    def fetch(self, cache: Path) -> None:
        self.parts(cache)

    def prepare(self, cache: Path, device: torch.device) -> None:
        self.hold(self.parts(cache))

    def hold(self, parts: Parts) -> None:
        """Take these images for all that follows."""
        object.__setattr__(self, "_prepared", _Prepared(parts))

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        images = self._resident(device)
        order = epochs(generator, len(images))

        def draw(steps: int, batch: int) -> Tensor:
            chosen = order(steps * batch)
            picked = images[chosen.to(images.device)].to(device)
            return as_floats(picked).view(steps, batch, *self.sample_shape)

        return draw

    def reference_samples(self) -> Tensor:
        parts = self._ready.parts
        return parts.test if self.reference == "test" else parts.train

    def held_out_samples(self) -> Tensor:
        others = self._others
        chosen = torch.randperm(len(others), generator=floor_generator())
        return others[chosen[: self.evaluation_samples]]

    @property
    def _others(self) -> Tensor:
        """The images of the other part, which give the floor."""
        parts = self._ready.parts
        return parts.train if self.reference == "test" else parts.test

    def pack(self, samples: Tensor) -> np.ndarray[Any, Any]:
        """Return images as bytes: (n, 1, h, w) → (n, h, w), (n, 3, h, w) → (n, h, w, 3)."""
        images = as_bytes(samples).cpu().numpy()
        return images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)

    def protocol(self) -> dict[str, Any]:
        parts, images = self._ready.parts, len(self.reference_samples())
        told = {
            **super().protocol(),
            "samples": "rounded to bytes, as in an image file",
            "training": f"{len(parts.train)} images",
            "reference": f"{images} images of the {self.reference} part",
            # fewer than samples where the part has no more: its distance is then larger
            "floor": f"{min(self.evaluation_samples, len(self._others))} images of the "
            f"{'train' if self.reference == 'test' else 'test'} part",
            **parts.remarks,
        }
        if images < self.evaluation_samples / 2:
            told["cautions"] = [
                f"{self.evaluation_samples} samples are compared with only {images} images: the "
                "floor tells how little a score means then; use reference: train or more images"
            ]
        return told

    @property
    def _ready(self) -> _Prepared:
        return self._prepared  # type: ignore[attr-defined]

    def _resident(self, device: torch.device) -> Tensor:
        """Return the training part, moved to the device if it fits there."""
        ready = self._ready
        if device not in ready.resident:
            images = ready.parts.train
            fits = device.type != "cuda" or (
                images.nbytes < SHARE_OF_FREE_MEMORY * torch.cuda.mem_get_info(device)[0]
            )
            ready.resident[device] = images.to(device) if fits else images
        return ready.resident[device]


def as_floats(images: Tensor) -> Tensor:
    """Convert bytes 0 … 255 to [−1, 1]."""
    return images.float() / 127.5 - 1


def as_bytes(samples: Tensor) -> Tensor:
    """Turn [−1, 1] into bytes, as an image file would hold them; bytes stay what they are."""
    if samples.dtype == torch.uint8:
        return samples
    return ((samples + 1) * 127.5).round().clamp(0, 255).byte()


def packed(file: Path, make: Callable[[], np.ndarray]) -> Tensor:
    """Return bytes of an .npy file, mapped into memory rather than read; made once."""

    def write(scratch: Path) -> None:
        array = np.ascontiguousarray(make())
        with open(scratch, "wb") as content:
            # not np.save, whose error for a full disk does not say so
            header = np.lib.format.header_data_from_array_1_0(array)
            np.lib.format.write_array_header_1_0(content, header)
            content.write(array.data)

    # copy on write: torch wants arrays it could write to
    return once(file, lambda path: torch.from_numpy(np.load(path, mmap_mode="c")), write)


def hash_of(*arrays: Tensor) -> str:
    """Return a hash of tensors' shapes and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(tuple(array.shape)).encode() + array.numpy().tobytes())
    return digest.hexdigest()[:16]
