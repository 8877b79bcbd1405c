"""`make speed`: what docs/performance.md quotes, every row a ratio measured side by side.

Both sides of a row run in turn, several times, in this process with one thread; the ratio is
taken pair by pair and its median is printed with the range.
"""

from __future__ import annotations

import csv
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from bench.architectures.base import Architecture
from bench.architectures.mlp import MLP
from bench.datasets.mixtures import Ring8
from bench.method import Optimizer
from bench.metrics.frechet import frechet_distance
from bench.registry import make_method
from bench.training import game
from bench.training.loop import Training, _Run, train
from tests.baselines.textbook import train_textbook

CPU = torch.device("cpu")
PAIRS = 5


def main() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rows = []
    for batch in (64, 256):
        for seeds in (1, 5, 10):
            rows.append(
                measure(
                    f"mlp, batch {batch}: {seeds} seeds one after another / as one population",
                    lambda b=batch, s=seeds: [alone(seed, b, 100) for seed in range(s)],
                    lambda b=batch, s=seeds: population(list(range(s)), b, 100),
                )
            )
            rows.append(
                measure(
                    f"mlp, batch {batch}: {seeds} textbook loops / one population",
                    lambda b=batch, s=seeds: [textbook(b, 100, seed) for seed in range(s)],
                    lambda b=batch, s=seeds: population(list(range(s)), b, 100),
                )
            )
    rows.append(
        measure(
            "gradient norms on / off, mlp, batch 64, 5 seeds",
            lambda: population(list(range(5)), 64, 200),
            lambda: without_record(lambda: population(list(range(5)), 64, 200)),
            pairs=11,
        )
    )
    rows.append(frechet())
    file = Path("results") / "speed.csv"
    file.parent.mkdir(exist_ok=True)
    with open(file, "w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["measurement", "ratio", "lowest", "highest", "pairs", "machine"])
        writer.writerows([*row, machine()] for row in rows)
    print(f"written to {file}")


def measure(
    name: str, one: Callable[[], object], other: Callable[[], object], pairs: int = PAIRS
) -> list[object]:
    """Seconds of ``one`` over seconds of ``other``, in turn, after one warm-up of each."""
    one(), other()
    ratios = [_seconds(one) / _seconds(other) for _ in range(pairs)]
    row = [name, statistics.median(ratios), min(ratios), max(ratios), pairs]
    print(f"{row[0]}: {row[1]:.2f} ({row[2]:.2f} to {row[3]:.2f})", flush=True)
    return row


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def networks() -> Architecture:
    return MLP(latent=16, generator_widths=(128, 128), discriminator_widths=(128, 128))


def population(seeds: list[int], batch: int, updates: int) -> None:
    train(_training(batch, updates), seeds, CPU)


def alone(seed: int, batch: int, updates: int) -> None:
    """One seed by itself, without the twin that makes its bits those of a population."""
    _Run(_training(batch, updates), [seed], CPU, lambda _: None).outcomes()


def _training(batch: int, updates: int) -> Training:
    return Training(
        make_method("non_saturating"),
        Ring8(evaluation_samples=2),
        networks(),
        Optimizer(learning_rate=1e-3, betas=(0.5, 0.9)),
        batch,
        updates,
        1,
    )


def textbook(batch: int, updates: int, seed: int) -> None:
    train_textbook(networks(), (2,), batch, updates, seed)


def without_record(work: Callable[[], object]) -> None:
    """The same training with the gradient norms left out."""
    members = torch.zeros(5)
    with patch.object(game, "global_norms", lambda _: members):
        work()


def frechet() -> list[object]:
    """pytorch-fid's Fréchet distance over ours, at 512 dimensions from 2,000 samples each."""
    import warnings

    from pytorch_fid.fid_score import calculate_frechet_distance

    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((2, 2000, 512))
    second = second * 1.1

    def theirs() -> None:
        moments = [(x.mean(0), np.cov(x, rowvar=False)) for x in (first, second)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            calculate_frechet_distance(*moments[0], *moments[1])

    return measure(
        "Fréchet distance, 512 dimensions: pytorch-fid / ours",
        theirs,
        lambda: frechet_distance(first, second),
    )


def machine() -> str:
    return f"{platform.machine()}, torch {torch.__version__}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
