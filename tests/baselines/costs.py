"""What an update of each method costs, relative to the plain GAN's, measured side by side.

One discriminator update of the budget, with the generator's share of it. The plain GAN runs before
and after every method, each method's time is divided by the mean of both, and all of this is
repeated: what slows the machine down for a while slows down both sides of a ratio. The seconds are
those of the thread itself, so that other work on the machine does not count.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.check.trial import CPU, FewDigits
from bench.datasets.ring8 import Ring8
from bench.method import Method
from bench.training import loop
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training, train
from tests.baselines.speed import machine

FILE = Path(__file__).parents[2] / "results" / "reference" / "method-costs.csv"
COLUMNS = ("method", "on", "time", "low", "high", "gradients", "repetitions", "machine")
REPETITIONS = 7


def points() -> tuple[Training, list[int]]:
    """The mlp of the quick study at batch 64, a population of 5."""
    pair = MLP(latent=2, generator_widths=(64,) * 3, discriminator_widths=(64,) * 3)
    own = TrainingConfiguration(learning_rate=1e-3, betas=(0.0, 0.99), batch_size=64)
    return Training(Method(), Ring8(evaluation_samples=2), pair, own, 30, 1), [*range(5)]


def images() -> tuple[Training, list[int]]:
    """The DCGAN of the quick study at batch 32, one seed: for methods without meaning on points."""
    pair = DCGAN(16, (64, 32, 16), (16, 32, 64), discriminator_batch_norm=False, init="torch")
    own = TrainingConfiguration(learning_rate=1e-3, betas=(0.5, 0.9), batch_size=32)
    return Training(Method(), FewDigits(evaluation_samples=2), pair, own, 10, 1), [0]


def measure(methods: Iterable[Method], repetitions: int = REPETITIONS) -> list[dict[str, object]]:
    """One row a method, as :data:`COLUMNS` names it."""
    on_points, on_images = points(), images()
    sides: dict[str, tuple[Training, list[int], list[Method]]] = {}
    for method in methods:
        training, seeds = on_points
        if method.not_applicable(training.dataset, training.architecture) is not None:
            training, seeds = on_images
        sides.setdefault(training.dataset.name, (training, seeds, []))[2].append(method)
    ratios: dict[Method, list[float]] = {}
    gradients: dict[Method, float] = {}
    # the first repetition warms up
    for repetition in range(repetitions + 1):
        for plain, seeds, own in sides.values():
            before, usual = cost(plain, seeds)
            for method in own:
                here, spent = cost(replace(plain, method=method), seeds)
                after, _ = cost(plain, seeds)
                gradients[method] = spent / usual
                if repetition:
                    ratios.setdefault(method, []).append(2 * here / (before + after))
                before = after
        print(f"repetition {repetition} of {repetitions}", flush=True)
    rows = []
    for plain, seeds, own in sides.values():
        batch = plain.configuration.batch_size
        on = f"{plain.dataset.name}, {plain.architecture.name}, batch {batch}, "
        for method in own:
            low, middle, high = statistics.quantiles(ratios[method], n=4)
            numbers = (f"{value:.3f}" for value in (middle, low, high, gradients[method]))
            values = (method.name, f"{on}population of {len(seeds)}", *numbers)
            rows.append(dict(zip(COLUMNS, (*values, repetitions, machine()), strict=True)))
    return sorted(rows, key=lambda row: str(row["method"]))


def cost(training: Training, seeds: list[int]) -> tuple[float, float]:
    """Seconds of one thread and gradient evaluations for one update of the budget."""
    with patch.object(loop, "time", SimpleNamespace(perf_counter=time.thread_time)):
        outcomes = train(training, seeds, CPU)
    assert all(outcome.status == "ok" for outcome in outcomes), outcomes[0].reason
    spent = outcomes[0].cost["discriminator_updates"]
    seconds = sum(outcome.timing["training_seconds"] for outcome in outcomes)
    return seconds / spent, outcomes[0].cost["gradient_evaluations"] / spent


def write(rows: list[dict[str, object]]) -> None:
    with open(FILE, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def stored() -> dict[str, dict[str, str]]:
    """The rows of the file, by method."""
    with open(FILE, newline="", encoding="utf-8") as file:
        return {row["method"]: row for row in csv.DictReader(file)}
