"""The LeNet whose features and labels measure images of digits.

Trained once on a dataset's training part and cached beside the results, with the hash of its
weights and its accuracy on the part it has not seen. Distances between its features are called
``lenet_fd`` and never FID.
"""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.metric import Extractor, Facts, Features
from bench.once import once

EPOCHS, BATCH, LEARNING_RATE, SEED = 12, 64, 1e-3, 1998

Labelled = tuple[Tensor, Tensor]
"""Byte images (N, 1, 28, 28) and labels (N,) from 0."""


@dataclass(frozen=True)
class LeNet(Extractor):
    """LeNet-5's 84 features of 28 × 28 pixels, channel by channel."""

    label: ClassVar[str] = "LeNet"
    has_classes: ClassVar[bool] = True
    distance_digits: ClassVar[int] = 1
    kernel_digits: ClassVar[int] = 1

    def not_applicable(self, dataset: Facts) -> str | None:
        return None if dataset.labelled else "a LeNet needs labelled images to learn from"

    def load(self, dataset: Any, cache: Path, device: torch.device) -> Trained:
        train, held_out = dataset.labelled_parts(cache)
        return trained(train, held_out, cache, device)


class LeNet5(nn.Module):
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling, for 28 × 28 pixels in [−1, 1]."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(),
            nn.Linear(120, 84), nn.ReLU(),
        )  # fmt: skip
        self.labels = nn.Linear(84, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, 1, 28, 28) to features (N, 84) and logits (N, classes)."""
        features = self.features(images)
        return features, self.labels(features)


@dataclass(frozen=True)
class Trained:
    """A trained LeNet and what identifies it."""

    network: LeNet5
    weights_sha256: str
    accuracy: float
    """Share of the held-out part that is labelled correctly."""

    @torch.no_grad()
    def __call__(self, samples: Tensor, batch: int = 500) -> Features:
        """Map bytes (N, C, 28, 28) to features (N, 84·C) and logits (N, C, classes)."""
        count, channels = samples.shape[:2]
        device = self.network.labels.weight.device
        images = samples.flatten(0, 1)[:, None].float() / 127.5 - 1
        parts = [self.network(part.to(device)) for part in images.split(batch)]
        features, logits = (torch.cat(whole).cpu() for whole in zip(*parts, strict=True))
        return Features(
            features.view(count, channels * features.shape[1]),
            logits.view(count, channels, logits.shape[1]),
        )

    def describe(self) -> dict[str, Any]:
        return {
            "LeNet": "LeNet-5, 84-dimensional features",
            "LeNet weights_sha256": self.weights_sha256,
            "LeNet held_out_accuracy": self.accuracy,
        }


def trained(
    train: Labelled, held_out: Labelled, cache: Path, device: torch.device | str = "cpu"
) -> Trained:
    """Return the LeNet for these images: from ``cache``, or trained now and put there.

    Processes that ask at the same time wait for the one that trains. A damaged file is trained
    again. The largest label of ``train`` tells how many classes there are.
    """
    content = hashlib.sha256(train[0].numpy().tobytes() + train[1].numpy().tobytes())
    recipe = [EPOCHS, BATCH, LEARNING_RATE, SEED, *_SOURCES]
    content.update(repr(recipe).encode())
    classes = int(train[1].max()) + 1

    def load(file: Path) -> LeNet5:
        with torch.random.fork_rng(devices=[]):
            network = LeNet5(classes)
        network.load_state_dict(torch.load(file, weights_only=True))
        return network.eval()

    def make(file: Path) -> None:
        torch.save(_train(*train, classes).state_dict(), file)

    network = once(cache / f"lenet-{content.hexdigest()[:16]}.pt", load, make)
    sha256 = _hash(network)
    logits = Trained(network, sha256, float("nan"))(held_out[0]).logits
    assert logits is not None
    correct = logits[:, 0].argmax(1) == held_out[1]
    return Trained(network.to(device), sha256, float(correct.double().mean()))


def _train(images: Tensor, labels: Tensor, classes: int) -> LeNet5:
    images = images.float() / 127.5 - 1
    threads = torch.get_num_threads()
    # the last digits of the weights depend on how many threads add up
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = LeNet5(classes)
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(images)).split(BATCH):
                optimizer.zero_grad()
                cross_entropy(network(images[chosen])[1], labels[chosen]).backward()
                optimizer.step()
    torch.set_num_threads(threads)
    return network


def _hash(network: LeNet5) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


_SOURCES = inspect.getsource(LeNet5), inspect.getsource(_train)
"""What a cached network depends on, beside the images."""
