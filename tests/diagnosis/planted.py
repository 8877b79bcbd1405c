"""Trainings with a failure planted in each, or with none: small, and run by the harness's own jobs.

Their own parts lie in ``parts/``; :func:`with_parts` has the registry find them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.execution.worker import run_job
from bench.measuring.choice import components_of, expanded, metrics_of
from bench.measuring.keys import Keys
from bench.records.cell import Cell, Component
from bench.records.measurements import Measurement
from bench.records.record import Record, load
from bench.records.sources import sources_of
from bench.registry import find, label_of, make_architecture, make_dataset, make_method
from bench.training.configuration import TrainingConfiguration

PARTS = Path(__file__).parent / "parts"
CPU = torch.device("cpu")

Part = tuple[str, dict[str, Any]]
PLAIN: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.2, "batch_size": 2}
ADAM: dict[str, Any] = {"learning_rate": 1e-3, "betas": [0.0, 0.99], "batch_size": 64}
DIRAC: tuple[Part, Part] = ("dirac", {}), ("dirac", {})
LARGE = PLAIN | {"batch_size": 512}
FAST = ADAM | {"learning_rate": 3e-3}
QUADRATIC: tuple[Part, Part] = ("normal", {}), ("quadratic", {})


def ring(layers: int = 2, **dataset: Any) -> tuple[Part, Part]:
    widths = {"generator_widths": [32, 32], "discriminator_widths": [32] * layers}
    pair = {"latent": 2, **widths}
    return ("ring8", {"evaluation_samples": 1000, **dataset}), ("mlp", pair)


FIFTY: tuple[Part, Part] = (
    ("normal", {"size": 16, "training_points": 50}),
    ("mlp", {"latent": 16, "generator_widths": [32, 32], "discriminator_widths": [64, 64]}),
)


@dataclass(frozen=True)
class Planted:
    """A training, and the diagnosis that it is to get."""

    expected: str
    method: Part
    problem: tuple[Part, Part]
    """Dataset and architecture."""
    training: dict[str, Any]
    updates: int
    evaluations: int = 10
    iterate: str = "last"
    asked: list[str] = field(default_factory=lambda: ["anatomy"])

    def cell(self, seed: int = 0) -> Cell:
        (data, of_data), (pair, of_pair) = self.problem
        dataset = make_dataset(data, of_data)
        parts = (make_method(*self.method), dataset, make_architecture(pair, of_pair))
        told = [Component(each.name, each.hyperparameters(), label_of(each)) for each in parts]
        return Cell(
            *told,
            training=TrainingConfiguration(**self.training),
            seed=seed,
            updates=self.updates,
            evaluations=self.evaluations,
            sources=sources_of(*parts),
            metrics=components_of(metrics_of(dataset, expanded(self.asked, dataset))),
            iterate=self.iterate,  # type: ignore[arg-type]
        )

    def records(self, seeds: Sequence[int], folder: Path) -> list[Record]:
        """Train and measure these seeds in a folder that is not there yet."""
        cells = [self.cell(seed) for seed in seeds]
        trained, measured = folder / "trained", folder / "measured"
        common: dict[str, Any] = {
            "cells": [c.to_json() for c in cells],
            "cache": str(folder / "cache"),
        }
        _run(trained, common | {"save_every": 0})
        keys, dataset = Keys(), make_dataset(*self.problem[0])
        wanted = {c.key: [w.key for w in keys.wanted(c, dataset)] for c in cells}
        places = {c.key: str(trained / c.key) for c in cells}
        _run(measured, common | {"records": places, "wanted": wanted})
        return [_measured(load(trained / c.key), measured / f"{c.key}.json") for c in cells]


def _run(folder: Path, job: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(job))
    assert run_job(folder, CPU), "".join(f.read_text() for f in folder.glob("*.txt"))


def _measured(record: Record, file: Path) -> Record:
    found = [Measurement.from_json(each) for each in json.loads(file.read_text())]
    return Record(record.data, record.folder, {each.key: each for each in found})


@contextmanager
def with_parts() -> Iterator[None]:
    """Have the registry find the parts that only planted cases need."""
    names = {
        f"BENCH_{kind.upper()}_DIR": PARTS / kind
        for kind in ("methods", "datasets", "architectures")
    }
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: str(folder) for name, folder in names.items()})
    find.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        find.cache_clear()


HEALTHY = Planted(
    "healthy", ("r1", {"gamma": 0.1}), ring(sigma=0.1), FAST, 1900, iterate="averaged"
)
"""Reaches all eight modes with every seed that was tried; of it the false diagnoses are counted."""

CASES: dict[str, Planted] = {
    "Dirac-GAN with R1": Planted("healthy", ("r1", {"gamma": 1.0}), DIRAC, PLAIN, 400),
    "Dirac-GAN without": Planted("circling", ("vanilla", {}), DIRAC, PLAIN, 400),
    "quadratic game, minimax": Planted("healthy", ("vanilla", {}), QUADRATIC, LARGE, 400),
    "quadratic game, Wasserstein": Planted(
        "circling", ("wgan_clip", {"clip": 1e9, "critic_steps": 1}), QUADRATIC,
        LARGE | {"learning_rate": 0.07}, 480, asked=["forgetting"],
    ),
    "discriminator 100 steps ahead": Planted(
        "saturated discriminator", ("vanilla", {}), ring(), ADAM | {"critic_steps": 100}, 900, 9,
        asked=["discriminator"],
    ),
    "generator that does not move": Planted(
        "stuck", ("frozen", {}), ring(), ADAM, 300, asked=["discriminator"]
    ),
    "learning rate × 100, Adam": Planted(
        "vanishing", ("non_saturating", {}), ring(), ADAM | {"learning_rate": 0.1}, 500,
        asked=["discriminator"],
    ),
    "learning rate × 100, plain steps": Planted(
        "diverged", ("wgan_gp", {}), ring(), PLAIN | {"learning_rate": 0.1}, 300,
        asked=["discriminator"],
    ),
    "critic without a bound, data far away": Planted(
        "exploding", ("wgan_clip", {"clip": 1e9, "critic_steps": 25}), ring(3, radius=10),
        ADAM | {"learning_rate": 3e-4}, 1900, asked=["discriminator"],
    ),
    "50 training points": Planted(
        "overfitted", ("non_saturating", {}), FIFTY, ADAM, 1000, asked=["discriminator"]
    ),
    "modes 40 σ apart": Planted(
        "collapsed", ("ttur", {}), ring(sigma=0.1, radius=4), FAST, 1000, iterate="averaged",
        asked=["discriminator", "turnover"],
    ),
    "generator ten times as fast": Planted(
        "circling", ("ttur", {"ratio": 0.1}), ring(), ADAM, 1000, 20,
        asked=["discriminator", "forgetting"],
    ),
    "stopped too early": Planted(
        "not yet trained", ("r1", {"gamma": 0.1}), ring(sigma=0.1), ADAM, 100,
        asked=["discriminator"],
    ),
}  # fmt: skip
