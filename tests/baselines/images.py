"""`python -m tests.baselines.images`: measuring images, ours beside pytorch-fid's.

Both sides of a row run in turn, several times, in this process with one thread; the ratio is
taken pair by pair and its median is printed with the range. `--parity` runs the whole command
`python -m pytorch_fid` at 2048 dimensions on two folders instead, and our code on the same images.

Without the published weights the network is a random one of the same shape, which costs the same.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from bench.measuring.frechet import Gaussian, distance, fit, frechet_distance
from bench.measuring.inception import (
    SHA256_VARIABLE,
    WEIGHTS_NAME,
    Inception,
    find_weights,
    load_inception,
)
from tests.baselines.speed import machine
from tests.metrics.random_inception import random_images, save_images, save_random_weights

SAMPLES, DIMENSIONS = 10_000, 2048
Row = tuple[str, str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3, help="repetitions of every row")
    parser.add_argument("--images", type=int, help="images a repetition (default: 24, CUDA: 2000)")
    parser.add_argument("--parity", action="store_true", help="run the command pytorch_fid")
    parser.add_argument("--count", type=int, default=2100, help="images in each folder (parity)")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    # NumPy's and SciPy's own BLAS do not ask torch
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        weights = _weights(Path(folder))
        if chosen.parity:
            parity(Path(folder), weights, chosen.count)
            return
        rows = [*frechet(chosen.pairs), *network(weights, "cpu", chosen.images or 24, chosen.pairs)]
        if torch.cuda.is_available():
            rows += network(weights, "cuda", chosen.images or 2000, chosen.pairs)
        _print(rows)


def _weights(folder: Path) -> Path:
    """The published weights if this machine has them, else random ones, vouched for."""
    home = folder / "torch"
    file = home / "hub" / "checkpoints" / WEIGHTS_NAME
    file.parent.mkdir(parents=True)
    published = find_weights()
    print(f"weights: {'as found' if published else 'random'}")
    if published:
        file.symlink_to(published.resolve())
    else:
        os.environ[SHA256_VARIABLE] = save_random_weights(file)[:8]
    os.environ["TORCH_HOME"] = str(home)
    return file


def in_turn(
    works: dict[str, Callable[[], object]], pairs: int, warm: Callable[[], object]
) -> dict[str, list[float]]:
    """Seconds of every piece of work, one after another, ``pairs`` times."""
    warm()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(pairs):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def _ratio(name: str, one: list[float], other: list[float]) -> Row:
    ratios = [a / b for a, b in zip(one, other, strict=True)]
    times = f"{statistics.median(one):.2f} s / {statistics.median(other):.2f} s"
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    return name, f"{statistics.median(ratios):.1f}", spread, times


def frechet(pairs: int) -> list[Row]:
    """Distances between two sets of 10,000 × 2048 features of decaying variances."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    random = np.random.default_rng(0)
    scale = np.exp(-np.arange(DIMENSIONS) / 300)
    first = random.standard_normal((SAMPLES, DIMENSIONS)) * scale
    second = random.standard_normal((SAMPLES, DIMENSIONS)) * np.roll(scale, 3) + 0.01
    a, b = fit(first), fit(second)
    found: dict[str, float] = {}

    def theirs() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found["theirs"] = calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance)

    def theirs_from_features() -> None:
        for part in (first, second):
            np.cov(part, rowvar=False), part.mean(0)
        theirs()

    def fresh() -> None:
        found["ours"] = distance(a, Gaussian(b.count, b.mean, b.covariance))

    seconds = in_turn(
        {
            "theirs": theirs,
            "fresh": fresh,
            "cached": lambda: distance(a, b),
            "theirs from features": theirs_from_features,
            "from features": lambda: frechet_distance(first, second),
        },
        pairs,
        lambda: distance(a, b),
    )
    print(f"relative difference at 2048 dimensions: {found['ours'] / found['theirs'] - 1:.1e}")
    label = "Fréchet distance, 2048 dimensions: pytorch-fid / ours"
    return [
        _ratio(label, seconds["theirs"], seconds["fresh"]),
        _ratio(f"{label}, the reference's root at hand", seconds["theirs"], seconds["cached"]),
        _ratio(
            f"{label}, from 2 × 10,000 features",
            seconds["theirs from features"],
            seconds["from features"],
        ),
    ]


def network(weights: Path, device: str, count: int, pairs: int) -> list[Row]:
    """Images of 32 px a second through the network, in both precisions."""
    exact = load_inception(weights, device)
    rounded = load_inception(weights, device, dtype=torch.bfloat16)
    images = random_images(count)
    theirs = _pytorch_fids(device)
    features: dict[str, Tensor] = {}

    def ours(name: str, extractor: Inception) -> Callable[[], None]:
        return lambda: features.update({name: extractor.features(images)})

    seconds = in_turn(
        {
            "theirs": lambda: _forward(theirs, images, device),
            "float32": ours("float32", exact),
            "bfloat16": ours("bfloat16", rounded),
        },
        pairs,
        lambda: [exact.features(images[:2]), rounded.features(images[:2])],
    )
    for name, taken in seconds.items():
        print(f"Inception on {device}, {name}: {count / statistics.median(taken):.2f} images/s")
    other = fit(exact.features(random_images(count, seed=1)))
    full, half = (distance(fit(features[name]), other) for name in ("float32", "bfloat16"))
    print(
        f"Fréchet distance of {count} to {count} images on {device}: float32 {full:.5g}, "
        f"bfloat16 {half:.5g}, relative difference {half / full - 1:.1e}"
    )
    label = f"Inception, {count} images of 32 px on {device}"
    return [
        _ratio(f"{label}: pytorch-fid / ours, float32", seconds["theirs"], seconds["float32"]),
        _ratio(f"{label}: float32 / bfloat16", seconds["float32"], seconds["bfloat16"]),
    ]


def _pytorch_fids(device: str) -> torch.nn.Module:
    from pytorch_fid.inception import InceptionV3

    block = InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSIONS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return InceptionV3([block]).to(device).eval()


@torch.no_grad()
def _forward(model: torch.nn.Module, images: Tensor, device: str) -> None:
    """What pytorch-fid does with the images of a batch, without reading files."""
    for part in images.split(50):
        model(part.to(device).float() / 255)[0].cpu()


def parity(folder: Path, weights: Path, count: int) -> None:
    """pytorch-fid's command and our code on the same two folders, a fifth of each gray."""
    sets = []
    for name, seed in (("a", 1), ("b", 2)):
        gray = count // 5
        parts = [random_images(count - gray, 3, seed=seed), random_images(gray, 1, seed=seed + 10)]
        for begin, part in zip((0, count - gray), parts, strict=True):
            save_images(folder / name, part, begin)
        sets.append(parts)
    command = [sys.executable, "-W", "ignore", "-m", "pytorch_fid", "a", "b"]
    with patch.dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"):
        begun = time.perf_counter()
        run = subprocess.run(
            [*command, "--device", "cpu", "--num-workers", "0"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        theirs = time.perf_counter() - begun
    printed = re.search(r"FID:\s+(\S+)", run.stdout)
    if printed is None:
        sys.exit(f"pytorch-fid failed: {run.stderr[-2000:]}")
    begun = time.perf_counter()
    extractor = load_inception(weights, "cpu")
    features = [torch.cat([extractor.features(part) for part in parts]) for parts in sets]
    ours = frechet_distance(*features)
    seconds = time.perf_counter() - begun
    print(f"{count} + {count} images: pytorch-fid {printed[1]} in {theirs:.0f} s")
    print(
        f"ours {ours!r} in {seconds:.0f} s; relative difference {ours / float(printed[1]) - 1:.1e}"
    )


def _print(rows: list[Row]) -> None:
    print("\n| measurement | ratio | range | seconds |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    sys.exit(main())
