"""The LeNet whose features and labels measure images of digits.

Trained once on a dataset's training part and cached beside the results, with the hash of its
weights and its accuracy on the part it has not seen. Distances between its features are called
``lenet_fd`` and never FID.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.metrics.once import once

EPOCHS, BATCH, LEARNING_RATE, SEED = 12, 64, 1e-3, 1998


class LeNet(nn.Module):
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
        """(N, 1, 28, 28) → features (N, 84) and logits (N, classes)."""
        features = self.features(images)
        return features, self.labels(features)


@dataclass(frozen=True)
class Extractor:
    """A trained LeNet and what identifies it."""

    network: LeNet
    weights_sha256: str
    accuracy: float
    """Share of the held-out part that is labelled correctly."""

    @torch.no_grad()
    def __call__(self, images: Tensor, batch: int = 500) -> tuple[Tensor, Tensor]:
        """Features (N, 84) and predicted labels (N,) of (N, 1, 28, 28), on the CPU."""
        device = self.network.labels.weight.device
        parts = [self.network(part.to(device)) for part in images.split(batch)]
        features, logits = (torch.cat(whole).cpu() for whole in zip(*parts, strict=True))
        return features, logits.argmax(1)

    def to(self, device: torch.device) -> Extractor:
        """The same extractor on another device."""
        return replace(self, network=copy.deepcopy(self.network).to(device))

    def describe(self) -> dict[str, Any]:
        return {
            "extractor": "LeNet-5, 84-dimensional features",
            "weights_sha256": self.weights_sha256,
            "held_out_accuracy": self.accuracy,
        }


def lenet(cache: Path, train: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor]) -> Extractor:
    """The LeNet for these images: from ``cache``, or trained now and put there.

    Processes that ask at the same time wait for the one that trains. A damaged file is
    trained again.

    Args:
        train, held_out: images (N, 1, 28, 28) in [−1, 1] and labels (N,) from 0; the largest
            label of ``train`` tells how many classes there are.
    """
    content = hashlib.sha256(train[0].numpy().tobytes() + train[1].numpy().tobytes())
    recipe = f"{EPOCHS}-{BATCH}-{LEARNING_RATE}-{SEED}".encode()
    content.update(Path(__file__).read_bytes() + recipe)
    classes = int(train[1].max()) + 1

    def load(file: Path) -> LeNet:
        network = LeNet(classes)
        network.load_state_dict(torch.load(file, weights_only=True))
        return network.eval()

    def make(file: Path) -> None:
        torch.save(_train(*train, classes).state_dict(), file)

    network = once(cache / f"lenet-{content.hexdigest()[:16]}.pt", load, make)
    extractor = Extractor(network, _hash(network), float("nan"))
    predicted = extractor(held_out[0])[1]
    return replace(extractor, accuracy=float((predicted == held_out[1]).double().mean()))


def _train(images: Tensor, labels: Tensor, classes: int) -> LeNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = LeNet(classes)
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(images)).split(BATCH):
                optimizer.zero_grad()
                cross_entropy(network(images[chosen])[1], labels[chosen]).backward()
                optimizer.step()
    return network


def _hash(network: LeNet) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()
