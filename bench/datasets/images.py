"""What all sets of images share: bytes in memory, epochs, instruments, and their protocol."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import (
    Dataset,
    Draw,
    Metric,
    Reasons,
    Snapshot,
    Values,
    epochs,
    floor_generator,
)
from bench.datasets.instruments import (
    FID,
    FID_INFINITY,
    INCEPTION_FEATURES,
    INCEPTION_NAMES,
    KEPT,
    InceptionScores,
    Instrument,
    as_bytes,
    as_floats,
)
from bench.metrics.inception import (
    UNAVAILABLE,
    find_weights,
    load_inception,
    provide_weights,
    vouched,
)
from bench.metrics.once import once
from bench.metrics.reference import Reference, cached_reference

T = TypeVar("T")

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
    """What the protocol is to say of them."""


@dataclass
class _Prepared:
    parts: Parts
    cache: Path
    quick: list[Instrument] = field(default_factory=list)
    slow: list[Instrument] = field(default_factory=list)
    reasons: Reasons = field(default_factory=dict)
    device: str = "cpu"
    """Kind of device that extracts features, whose last digits depend on it."""
    resident: dict[torch.device, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageDataset(Dataset):
    """Images of one size, in [−1, 1] for the networks and as bytes for the instruments."""

    block: ClassVar[int] = 16
    kept_samples: ClassVar[int] = 64

    evaluation_samples: int = 10_000
    reference: Literal["test", "train"] = "test"
    """The part that samples are compared with; the other one gives the floor."""
    inception: Literal["never", "last", "every"] = "never"
    """When FID, KID and the rest on Inception-v3's features are measured: ``last`` is the last
    and the best evaluation."""
    fid_infinity: bool = False

    def __post_init__(self) -> None:
        if self.evaluation_samples < 2:
            raise ValueError("evaluation_samples must be at least 2")
        if self.fid_infinity and self.inception == "never":
            raise ValueError("fid_infinity needs inception: last or every")

    @abstractmethod
    def parts(self, cache: Path) -> Parts:
        """The images; ``cache`` holds what was fetched or packed before."""

    @abstractmethod
    def instruments(
        self, parts: Parts, cache: Path, device: torch.device
    ) -> tuple[list[Instrument], list[Instrument]]:
        """What measures samples at every evaluation, and what at the best and the last one."""

    @property
    def inception_metrics(self) -> tuple[Metric, ...]:
        """KID and the rest, where they are asked for; FID stands where a set wants it."""
        if self.inception == "never":
            return ()
        return (*INCEPTION_FEATURES, *([FID_INFINITY] if self.fid_infinity else []))

    @property
    def fid(self) -> tuple[Metric, ...]:
        """FID, where it is asked for."""
        return () if self.inception == "never" else (FID,)

    def bring(self, cache: Path) -> None:
        """Download or pack the images, which takes long or may fail."""
        self.parts(cache)

    def fetch(self, cache: Path) -> Reasons:
        self.bring(cache)
        if self.inception == "never":
            return {}
        weights = provide_weights()
        if weights is None:
            return self._without_inception()
        vouched(weights)
        return {}

    def prepare(self, cache: Path, device: torch.device) -> None:
        ready = self.hold(self.parts(cache), cache)
        ready.device = device.type
        ready.quick, ready.slow = self.instruments(ready.parts, cache, device)
        if self.inception == "never":
            return
        weights = find_weights()
        if weights is None:
            ready.reasons = self._without_inception()
            return
        network = load_inception(weights, device)
        extractor = f"inception-{network.sha256[:16]}"
        reference = self.reference_of(ready.parts, cache, extractor, network.features)
        scores = InceptionScores(network, reference, self.fid_infinity)
        (ready.quick if self.inception == "every" else ready.slow).append(scores)

    def as_prepared(self) -> Self:
        own = super().as_prepared()
        # reasons are added while samples are measured; all else is only read
        object.__setattr__(own, "_prepared", replace(self._ready, reasons=self.not_computed()))
        return own

    def hold(self, parts: Parts, cache: Path) -> _Prepared:
        """Take these images for all that follows, without an instrument yet."""
        object.__setattr__(self, "_prepared", _Prepared(parts, cache))
        return self._ready

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        images = self._resident(device)
        order = epochs(generator, len(images))

        def draw(steps: int, batch: int) -> Tensor:
            chosen = order(steps * batch)
            picked = images[chosen.to(images.device)].to(device)
            return as_floats(picked).view(steps, batch, *self.sample_shape)

        return draw

    def evaluate(self, snapshot: Snapshot) -> Values:
        return self._measure(self._ready.quick, as_bytes(snapshot.samples))

    def condensed(self, samples: Tensor) -> Tensor:
        return as_bytes(samples)

    @property
    def looks_closer(self) -> bool:
        return bool(self._ready.slow)

    def look_closer(self, snapshot: Snapshot) -> Values:
        return self._measure(self._ready.slow, as_bytes(snapshot.samples))

    def not_computed(self) -> Reasons:
        return dict(self._ready.reasons)

    def pack(self, samples: Tensor) -> np.ndarray[Any, Any]:
        """Images as bytes: (n, 1, h, w) → (n, h, w), (n, 3, h, w) → (n, h, w, 3)."""
        images = as_bytes(samples).cpu().numpy()
        return images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)

    def floor(self) -> Values:
        """Real images against the reference, computed once for a machine."""
        ready = self._ready
        data = [self.name, self.settings(), ready.parts.content]
        known = [*data, self.protocol(), ready.device, _code()]
        key = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]

        def make(file: Path) -> None:
            other = self._others(ready.parts)
            chosen = torch.randperm(len(other), generator=floor_generator())
            images = other[chosen[: self.evaluation_samples]]
            values = self._measure([*ready.quick, *ready.slow], images)
            file.write_text(json.dumps([values, ready.reasons]), encoding="utf-8")

        def load(file: Path) -> tuple[Values, Reasons]:
            values, reasons = json.loads(file.read_text(encoding="utf-8"))
            return values, reasons

        values, reasons = once(ready.cache / f"floor-{self.name}-{key}.json", load, make)
        ready.reasons.update(reasons)
        return values

    def protocol(self) -> dict[str, Any]:
        ready = self._ready
        told = {
            **super().protocol(),
            "samples": "rounded to bytes, as in an image file",
            "training": f"{len(ready.parts.train)} images",
            "reference": f"{len(self.compared_with(ready.parts))} images of the {self.reference} "
            "part",
            # fewer than samples where the part has no more: its distance is then larger
            "floor": f"{min(self.evaluation_samples, len(self._others(ready.parts)))} images of "
            f"the {'train' if self.reference == 'test' else 'test'} part",
            **ready.parts.remarks,
        }
        for instrument in (*ready.quick, *ready.slow):
            told |= instrument.describe()
        if cautions := self._cautions(told):
            told["cautions"] = cautions
        return told

    def _cautions(self, told: dict[str, Any]) -> list[str]:
        """What a reader must know before any score."""
        lines, images = [], len(self.compared_with(self._ready.parts))
        if images < self.evaluation_samples / 2:
            lines.append(
                f"{self.evaluation_samples} samples are compared with only {images} images: the "
                "floor tells how little a score means then; use reference: train or more images"
            )
        if told.get("Inception weights", "published") != "published":
            lines.append(
                f"Inception's weights are not the published file ({told['Inception weights']}): "
                "FID and the Inception scores compare with nothing outside this report"
            )
        return lines

    def compared_with(self, parts: Parts) -> Tensor:
        """The images of the reference part."""
        return parts.test if self.reference == "test" else parts.train

    def _others(self, parts: Parts) -> Tensor:
        """The images of the other part, which give the floor."""
        return parts.train if self.reference == "test" else parts.test

    def reference_of(
        self, parts: Parts, cache: Path, extractor: str, features: Callable[[Tensor], Tensor]
    ) -> Reference:
        """The reference part as ``features`` see it, computed once for all cells and processes."""
        images = self.compared_with(parts)
        device = self._ready.device
        content = "-".join([parts.content, self.reference, extractor, device, _code()])
        name = f"{self.name}-{extractor.partition('-')[0]}"
        return cached_reference(cache, name, content, lambda: features(images), KEPT)

    def _measure(self, instruments: list[Instrument], images: Tensor) -> Values:
        values: Values = {}
        for instrument in instruments:
            found, reasons = instrument.measure(images)
            values |= {m.name: found[m.name] for m in self.metrics if m.name in found}
            self._ready.reasons.update(reasons)
        return values

    def _without_inception(self) -> Reasons:
        wanted = {m.name for m in self.metrics} & set(INCEPTION_NAMES)
        return dict.fromkeys(sorted(wanted), UNAVAILABLE)

    @property
    def _ready(self) -> _Prepared:
        return self._prepared  # type: ignore[attr-defined]

    def _resident(self, device: torch.device) -> Tensor:
        """The training part where batches are gathered: on the device if it fits there."""
        ready = self._ready
        if device not in ready.resident:
            images = ready.parts.train
            fits = device.type != "cuda" or (
                images.nbytes < SHARE_OF_FREE_MEMORY * torch.cuda.mem_get_info(device)[0]
            )
            ready.resident[device] = images.to(device) if fits else images
        return ready.resident[device]


@lru_cache(maxsize=1)
def _code() -> str:
    """A hash of the code that measures: what it has computed before, it may no longer stand for."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for file in sorted([*here.glob("*.py"), *(here.parent / "metrics").glob("*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def packed(file: Path, make: Callable[[], np.ndarray]) -> Tensor:
    """Bytes kept in an .npy file, mapped into memory rather than read; made once."""

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
    """A hash of tensors' shapes and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(tuple(array.shape)).encode() + array.numpy().tobytes())
    return digest.hexdigest()[:16]
