"""The short trainings that checks look at."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.datasets.base import Dataset, Draw
from bench.datasets.images import Parts
from bench.datasets.mnist5k import MNIST5k
from bench.datasets.ring8 import Ring8
from bench.errors import BenchError
from bench.method import Method
from bench.training.block import Training
from bench.training.checkpoints import Outcome
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Engine
from bench.training.loop import train

BATCH = 32
ROUNDS = 60
"""Of the training that tells whether a generator comes nearer; half as many on images."""
CPU = torch.device("cpu")
SMALL_MLP = MLP(latent=4, generator_widths=(16,), discriminator_widths=(16,))
SMALL_DCGAN = DCGAN(
    latent=8,
    generator_widths=(4, 4, 4),
    discriminator_widths=(4, 4, 4),
    discriminator_batch_norm=False,
)


def small_training(
    method: Method,
    images: bool,
    seeds: list[int],
    updates: int | None = None,
    engine: Engine | None = None,
) -> list[Outcome]:
    training = Training(
        method=method,
        dataset=FewDigits() if images else Ring8(evaluation_samples=64),
        architecture=SMALL_DCGAN if images else SMALL_MLP,
        configuration=TrainingConfiguration(learning_rate=1e-3, betas=(0.5, 0.9), batch_size=BATCH),
        updates=updates or (10 if images else 40),
        evaluations=1,
    )
    return train(training, seeds, CPU, engine=engine)


@lru_cache(maxsize=1)
def _parts() -> Parts:
    with tempfile.TemporaryDirectory() as cache:
        return MNIST5k().parts(Path(cache))


class FewDigits(MNIST5k):
    """mnist5k without its LeNet, which a check of ten updates has no use for."""

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        self.hold(_parts())
        return super().source(generator, device)


@dataclass(frozen=True)
class Aside(Dataset):
    """One broad Gaussian in the plane, far from where generators begin."""

    name = "aside"
    kept_samples = 256

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (2,)

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        return lambda steps, batch: 2 + 0.5 * torch.randn((steps, batch, 2), generator=generator)


def distances_left(method: Method, images: bool) -> list[float]:
    """Train for some rounds; how far the mean sample is from the data's, as a share of before.

    One number a seed, not a number where it diverged.
    """
    training = Training(
        method=method,
        dataset=FewDigits() if images else Aside(evaluation_samples=256),
        architecture=SMALL_DCGAN if images else SMALL_MLP,
        configuration=TrainingConfiguration(learning_rate=3e-3, betas=(0.5, 0.9), batch_size=BATCH),
        updates=(ROUNDS // 2 if images else ROUNDS) * method.round_length(method.critic_steps),
        evaluations=1,
    )
    data = training.dataset
    real = data.pack(data.source(torch.Generator().manual_seed(0), CPU)(1, 256)[0])
    shares = []
    for outcome in train(training, [0] if images else [0, 1, 2], CPU):
        first, last = (
            np.linalg.norm(real.mean(0, dtype=float) - samples.mean(0, dtype=float))
            for samples in (outcome.samples[0], outcome.samples[-1])
        )
        shares.append(float(last / first) if outcome.status == "ok" else float("nan"))
    return shares


def sound(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.status != "ok":
            raise BenchError(f"training {outcome.status}: {outcome.reason}")
        for player in ("discriminator", "generator"):
            if not outcome.series[f"{player}_norm"].any():
                raise BenchError(f"the {player}'s gradient is zero at every update")


def same(first: Outcome, second: Outcome) -> bool:
    """Whether two members saw and made the same, bit for bit."""
    return all(
        np.array_equal(values, second.series[name], equal_nan=True)
        for name, values in first.series.items()
    ) and np.array_equal(first.samples, second.samples, equal_nan=True)
