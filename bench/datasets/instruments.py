"""What images are measured by: a LeNet's features and labels, pixels, Inception-v3's features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from bench.datasets.base import Metric, Reasons, Values, to_numpy
from bench.metrics.coverage import balance
from bench.metrics.features import Extractor
from bench.metrics.frechet import Gaussian, Moments, distance, fit, frechet_infinity
from bench.metrics.inception import Inception
from bench.metrics.neighbours import TooFew
from bench.metrics.reference import Reference, scores

PIXEL_GRID = 8
PIXEL_BATCH = 1000
KEPT = 5000
"""Samples of either side that serve KID, precision, recall, density and coverage."""
INFINITY_SEED = 2020


class Instrument(Protocol):
    """Measures byte images (N, C, H, W) of 0 … 255."""

    def measure(self, images: Tensor) -> tuple[Values, Reasons]:
        """Values by metric name, and why those that are None have none."""

    def describe(self) -> dict[str, Any]:
        """What identifies the instrument: its part of a score's protocol."""


def as_floats(images: Tensor) -> Tensor:
    """Bytes 0 … 255 → [−1, 1]."""
    return images.float() / 127.5 - 1


def as_bytes(samples: Tensor) -> Tensor:
    """[−1, 1] → bytes, as an image file would hold them; bytes stay what they are."""
    if samples.dtype == torch.uint8:
        return samples
    return ((samples + 1) * 127.5).round().clamp(0, 255).byte()


def _feature_metrics(prefix: str, extractor: str, kid_digits: int) -> tuple[Metric, ...]:
    group = f"{extractor} features"
    reads = f"{extractor} "
    return (
        Metric(f"{prefix}kid", f"{reads}KID", "kernel distance: unbiased squared MMD with a "
               "cubic kernel, mean over 100 subsets of 1,000", False, kid_digits, group=group),
        Metric(f"{prefix}precision", f"{reads}precision", "share of generated samples within the "
               "reference's manifold, k = 3", True, 3, group=group),
        Metric(f"{prefix}recall", f"{reads}recall", "share of reference samples within the "
               "generated manifold, k = 3", True, 3, group=group),
        Metric(f"{prefix}density", f"{reads}density", "reference neighbourhoods that hold a "
               "generated sample, over k = 5", True, 3, group=group),
        Metric(f"{prefix}coverage", f"{reads}coverage", "share of reference neighbourhoods that "
               "hold a generated sample, k = 5", True, 3, group=group),
    )  # fmt: skip


LENET_FD = Metric("lenet_fd", "LeNet FD", "Fréchet distance between LeNet features of generated "
                  "and reference images; not FID", False, 1)  # fmt: skip
CLASSES = (
    Metric("classes_20", "classes (≥20)", "classes of ten with at least 20 samples, labelled by "
           "the LeNet", True, 2, ceiling=10),
    Metric("classes_1", "classes (≥1)", "classes of ten with at least one sample",
           True, 2, ceiling=10),
    Metric("reverse_kl", "reverse KL", "nats from the histogram over classes to the uniform one",
           False, 3),
    Metric("jsd", "JSD", "Jensen–Shannon divergence of the same histogram, nats", False, 3),
)  # fmt: skip
STACKED = (
    Metric("modes_1", "modes (≥1) of 1000", "triples of digits with at least one sample, labelled "
           "by the LeNet channel by channel", True, 1, ceiling=1000),
    Metric("reverse_kl", "reverse KL", "nats from the histogram over the 1,000 triples to the "
           "uniform one", False, 3),
)  # fmt: skip
LENET_FEATURES = _feature_metrics("lenet_", "LeNet", 1)
PIXEL_FD = Metric("pixel_fd", "pixel FD", "Fréchet distance between pixels averaged to 8 × 8 per "
                  "channel: coarse colours and shapes; not FID", False, 2)  # fmt: skip
FID = Metric("fid", "FID", "Fréchet distance between Inception-v3 features, pytorch-fid's network "
             "and weights", False, 2)  # fmt: skip
INCEPTION_FEATURES = _feature_metrics("", "Inception", 4)
FID_INFINITY = Metric("fid_infinity", "FID∞", "FID extrapolated to endless samples", False, 2,
                      group="Inception features")  # fmt: skip

INCEPTION_NAMES = (FID.name, FID_INFINITY.name, *(m.name for m in INCEPTION_FEATURES))


def _named(prefix: str, features: Tensor, reference: Reference) -> tuple[Values, Reasons]:
    """Scores under the names of the tables."""
    values, reasons = scores(features, reference, KEPT)
    names = {key: prefix + ("fd" if key == "frechet" else key) for key in values}
    return (
        {names[key]: value for key, value in values.items()},
        {names[key]: reason for key, reason in reasons.items()},
    )


def look_at(extractor: Extractor, images: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C, 28, 28) → a LeNet's features (N, 84·C), side by side, and labels (N, C)."""
    channels = images.shape[1]
    features, labels = extractor(as_floats(images.flatten(0, 1)[:, None]))
    return features.view(len(images), -1), labels.view(len(images), channels)


@dataclass(frozen=True)
class Labels:
    """A LeNet on each channel: distance between features, and the classes it finds.

    The labels of C channels make one of 10^C modes.
    """

    extractor: Extractor
    reference: Reference

    def measure(self, images: Tensor) -> tuple[Values, Reasons]:
        features, labels = look_at(self.extractor, images)
        places = 10 ** np.arange(labels.shape[1])
        counts = np.bincount(labels.cpu().numpy() @ places, minlength=10 * places[-1])
        found: Values = {
            "classes_20": float((counts >= 20).sum()),
            "classes_1": float((counts >= 1).sum()),
            "modes_1": float((counts >= 1).sum()),
            **balance(counts),
        }
        if len(images) < 2:
            return {**found, "lenet_fd": None}, {"lenet_fd": str(TooFew.of(2, len(images)))}
        gaussian = fit(to_numpy(features))
        return {**found, "lenet_fd": distance(gaussian, self.reference.gaussian)}, {}

    def describe(self) -> dict[str, Any]:
        return self.extractor.describe()


@dataclass(frozen=True)
class LabelFeatures:
    """KID, precision, recall, density and coverage on the LeNet's features."""

    extractor: Extractor
    reference: Reference

    def measure(self, images: Tensor) -> tuple[Values, Reasons]:
        return _named("lenet_", look_at(self.extractor, images)[0], self.reference)

    def describe(self) -> dict[str, Any]:
        return {"LeNet KID and neighbours": _told_kept(self.reference)}


@dataclass(frozen=True)
class Pixels:
    """Pixels themselves, averaged to 8 × 8."""

    reference: Gaussian

    @staticmethod
    def features(images: Tensor) -> np.ndarray:
        return to_numpy(adaptive_avg_pool2d(as_floats(images), PIXEL_GRID).flatten(1))

    def measure(self, images: Tensor) -> tuple[Values, Reasons]:
        if len(images) < 2:
            return {"pixel_fd": None}, {"pixel_fd": str(TooFew.of(2, len(images)))}
        return {"pixel_fd": distance(fit(self.features(images)), self.reference)}, {}

    def describe(self) -> dict[str, Any]:
        return {"pixel FD": f"pixels averaged to {PIXEL_GRID} × {PIXEL_GRID} in each channel"}


def by_pixels(reference: Tensor) -> tuple[list[Instrument], list[Instrument]]:
    """What needs nothing but the images, at every evaluation."""
    moments = Moments(reference.shape[1] * PIXEL_GRID**2)
    for part in reference.split(PIXEL_BATCH):
        moments.add(Pixels.features(part))
    return [Pixels(moments.gaussian())], []


@dataclass(frozen=True)
class InceptionScores:
    """FID and its relatives on the features of pytorch-fid's Inception-v3."""

    network: Inception
    reference: Reference
    infinity: bool

    def measure(self, images: Tensor) -> tuple[Values, Reasons]:
        features = self.network.features(images)
        values, reasons = _named("", features, self.reference)
        values["fid"] = values.pop("fd")
        if "fd" in reasons:
            reasons["fid"] = reasons.pop("fd")
        if self.infinity:
            try:
                values["fid_infinity"] = frechet_infinity(
                    to_numpy(features), self.reference.gaussian, seed=INFINITY_SEED
                )
            except TooFew as error:
                values["fid_infinity"], reasons["fid_infinity"] = None, str(error)
        return values, reasons

    def describe(self) -> dict[str, Any]:
        told = {f"Inception {name}": value for name, value in self.network.describe().items()}
        return {**told, "Inception KID and neighbours": _told_kept(self.reference)}


def _told_kept(reference: Reference) -> str:
    return f"at most {KEPT:,} samples against {len(reference.features):,} of the reference"
