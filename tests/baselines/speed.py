"""`make speed`: what docs/performance.md quotes, in microseconds and as ratios of one run.

Every row times two sides in turn, several times, in processes with one thread each; the ratio is
taken pair by pair, and its median is printed with the range. Seconds are those of the thread
itself. With ``--against FOLDER`` another checkout is one of the sides.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from bench.architectures.base import Architecture
from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.measuring.frechet import frechet_distance
from tests.baselines.textbook import train_textbook

HERE = Path(__file__).parents[2]
METHODS = ("non_saturating", "vanilla", "ttur", "label_smoothing", "wgan_gp", "spectral_norm")
COLUMNS = ("measurement", "ratio", "lowest", "highest", "first_us", "second_us", "pairs", "machine")

Side = Callable[[], float]
"""Seconds for an update and member."""


@dataclass
class Checkout:
    """A process that times trainings of one checkout."""

    folder: Path
    cache: Path | None = None
    """Compiled rounds are kept there; None: they are played plainly."""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def seconds(
        self, what: str, method: str, members: int, updates: int, silent: bool = False
    ) -> float:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("probe.py")), str(self.folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            )  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        ask = {
            "what": what, "method": method, "seeds": list(range(members)), "updates": updates,
            "cache": str(self.cache or ""), "silent": silent,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(ask) + "\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline()))


def measure(name: str, one: Side, other: Side, pairs: int) -> list[object]:
    """Time both in turn after a warm-up: a row as :data:`COLUMNS` names it."""
    one(), other()
    found = [(one(), other()) for _ in range(pairs)]
    ratios = [first / second for first, second in found]
    micro = [1e6 * statistics.median(side) for side in zip(*found, strict=True)]
    row = [name, statistics.median(ratios), min(ratios), max(ratios), *micro, pairs, machine()]
    told = f"{row[1]:.2f} ({row[2]:.2f} to {row[3]:.2f})"
    print(f"{name}: {told}; {micro[0]:.0f} and {micro[1]:.0f} µs", flush=True)
    return row


def textbook(architecture: Architecture, shape: tuple[int, ...], batch: int, updates: int) -> float:
    """Seconds of the plain loop for an update of one seed."""
    begun = time.thread_time()
    train_textbook(architecture, shape, batch, updates, 0)
    return (time.thread_time() - begun) / updates


def floor(members: int) -> float:
    """Seconds that the products of an update and member of ring8 take at the least.

    12.9 MFLOP (non-saturating, both players) at the speed of a batched product of that size.
    """
    one, other = torch.randn(2, members, 64, 64).unbind(0)
    begun = time.thread_time()
    for _ in range(2000):
        torch.bmm(one, other)
    a_flop = (time.thread_time() - begun) / (2000 * members * 2 * 64**3)
    return 12.9e6 * a_flop


def frechet(pairs: int) -> list[object]:
    """pytorch-fid's Fréchet distance and ours, at 512 dimensions from 2,000 samples each."""
    import warnings

    from pytorch_fid.fid_score import calculate_frechet_distance

    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((2, 2000, 512))
    second = second * 1.1

    def theirs() -> float:
        begun = time.process_time()
        moments = [(x.mean(0), np.cov(x, rowvar=False)) for x in (first, second)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            calculate_frechet_distance(*moments[0], *moments[1])
        return time.process_time() - begun

    def ours() -> float:
        begun = time.process_time()
        frechet_distance(first, second)
        return time.process_time() - begun

    return measure("Fréchet distance, 512 dimensions: pytorch-fid / ours", theirs, ours, pairs)


def compiling(cache: Path) -> list[list[object]]:
    """Wall seconds of a process that trains 50 updates, with an empty and with a filled cache."""
    rows = []
    for what, method in (
        ("points", "non_saturating"),
        ("points", "wgan_gp"),
        ("images", "vanilla"),
    ):
        with tempfile.TemporaryDirectory(dir=cache) as empty:
            took = []
            for _ in range(2):
                begun = time.perf_counter()
                Checkout(HERE, Path(empty)).seconds(what, method, 1, 10)
                took.append(time.perf_counter() - begun)
        print(f"{what}, {method}: 50 updates after {took[0]:.1f} s cold, {took[1]:.1f} s warm")
        name = f"{what}, {method}: seconds of a process of 50 updates, cold and warm"
        rows.append([name, took[0] / took[1], "", "", took[0] * 1e6, took[1] * 1e6, 1, machine()])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--against", type=Path, help="another checkout to compare with")
    parser.add_argument("--cache", type=Path, default=HERE / "results" / "cache" / "speed")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    asked.cache.mkdir(parents=True, exist_ok=True)
    compiled, eager = Checkout(HERE, asked.cache), Checkout(HERE)
    small = MLP(latent=2, generator_widths=(64,) * 3, discriminator_widths=(64,) * 3)
    images = DCGAN(100, (64, 32, 16), (16, 32, 64), discriminator_batch_norm=False, init="torch")
    rows, pairs = [], asked.pairs

    def add(name: str, one: Side, other: Side) -> None:
        rows.append(measure(name, one, other, pairs))

    for members in (1, 5, 10, 20):
        add(
            f"ring8, {members} seeds: textbook loops / compiled",
            lambda: textbook(small, (2,), 64, 100),
            lambda m=members: compiled.seconds("points", "non_saturating", m, 200),
        )
    add(
        "ring8, 10 seeds: compiled / floor",
        lambda: compiled.seconds("points", "non_saturating", 10, 200),
        lambda: floor(5),
    )
    for method in METHODS:
        add(
            f"ring8, 5 seeds, {method}: eager / compiled",
            lambda m=method: eager.seconds("points", m, 5, 50),
            lambda m=method: compiled.seconds("points", m, 5, 200),
        )
    add(
        "ring8, 5 seeds: gradient norms recorded / not",
        lambda: compiled.seconds("points", "non_saturating", 5, 400),
        lambda: compiled.seconds("points", "non_saturating", 5, 400, silent=True),
    )
    add(
        "mnist5k, 1 seed: textbook loop / compiled",
        lambda: textbook(images, (1, 28, 28), 32, 20),
        lambda: compiled.seconds("images", "non_saturating", 1, 20),
    )
    add(
        "mnist5k, 1 seed: eager / compiled",
        lambda: eager.seconds("images", "non_saturating", 1, 20),
        lambda: compiled.seconds("images", "non_saturating", 1, 20),
    )
    if asked.against:
        other = Checkout(asked.against)
        for method in METHODS:
            add(
                f"ring8, 5 seeds, {method}: the other checkout / compiled",
                lambda m=method: other.seconds("points", m, 5, 50),
                lambda m=method: compiled.seconds("points", m, 5, 200),
            )
        for method in ("non_saturating", "wgan_gp"):
            add(
                f"mnist5k, 1 seed, {method}: the other checkout / compiled",
                lambda m=method: other.seconds("images", m, 1, 20),
                lambda m=method: compiled.seconds("images", m, 1, 20),
            )
    rows += compiling(asked.cache)
    rows.append(frechet(pairs))
    file = HERE / "results" / "speed.csv"
    with open(file, "w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    print(f"written to {file}")


def machine() -> str:
    return f"{platform.machine()}, torch {torch.__version__}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
