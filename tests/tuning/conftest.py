"""A trainer that takes no time: the score of a cell is a formula of its learning rate and seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.execution.coordinator import Finished
from bench.execution.plan import Planned
from bench.records.cell import Cell
from bench.records.measurements import Measurement
from bench.records.record import Record
from bench.records.store import Store
from bench.registry import make_metric
from bench.study import Study, load_study
from bench.tuning import tune as tuning

STUDY = """
description: Three methods, of which one diverges where it learns fast.
methods: [non_saturating, wgan_gp, label_smoothing]
seeds: 4
evaluations: 2
experiments:
  - dataset: dirac
    architecture: dirac
    training: {optimizer: sgd, learning_rate: 0.1, batch_size: 2}
    updates: 60
"""
BEST_RATE = 0.5


def radius(cell: Cell) -> float:
    """Least at one learning rate, a little apart from seed to seed, worse by one a decade."""
    rate = cell.training.learning_rate
    return abs(math.log10(rate / BEST_RATE)) + 0.01 * (cell.seed % 7)


class Trainer:
    """Stands for the coordinator: remembers what it trained and never does it twice."""

    def __init__(self):
        self.records: dict[str, Record] = {}
        self.trained: list[Cell] = []
        self.stop_after: int | None = None
        self.fails: Callable[[Cell], str] = lambda _: ""
        """Gives the status of a cell that is not to be ok."""

    def run(self, study, store, tracker, console, **_):
        before = len(self.trained)
        for cell in study.cells:
            known = self.records.get(cell.key)
            if known is not None and known.status in ("ok", "diverged"):
                continue
            if self.stop_after is not None and len(self.trained) >= self.stop_after:
                raise KeyboardInterrupt
            self.trained.append(cell)
            self.records[cell.key] = self._record(cell)
        planned = [self._planned(cell) for cell in study.cells]
        return Finished(len(self.trained) - before, 0, planned)

    def _planned(self, cell: Cell) -> Planned:
        record = self.records[cell.key]
        state = "done" if record.status in ("ok", "diverged") else "failed"
        return Planned(cell, state, f"{record.status}: {record.reason}", record)

    def _record(self, cell: Cell) -> Record:
        status = self.fails(cell) or "ok"
        rest = dict.fromkeys(("distance", "theta", "psi"), 1.0)
        values = {0: {"radius": 1.5, **rest}}
        if status == "ok":
            values[60] = {"radius": radius(cell), **rest}
        part = {"name": "dirac", "hyperparameters": make_metric("dirac").hyperparameters()}
        measured = Measurement("dirac", "dirac", part, {}, values, floor={"radius": 0.0})
        return Record(
            {
                "key": cell.key,
                "cell": cell.to_json(),
                "status": status,
                "reason": "" if status == "ok" else "as the test wants it",
                "result": {"checkpoints": [{"update": u, "generator_update": u} for u in values]},
                "run": {"training_seconds": 2.0, "device_name": "a processor", "commit": "abc"},
            },
            known={measured.key: measured},
        )


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(tuning, "run", made.run)
    return made


@pytest.fixture
def study(tmp_path: Path) -> Study:
    file = tmp_path / "by_hand.yaml"
    file.write_text(STUDY, encoding="utf-8")
    return replace(load_study(str(file)), source="by_hand.yaml")


@pytest.fixture
def tune(study: Study, tmp_path: Path, trainer: Trainer):  # noqa: ARG001 - it replaces run
    """Tunes the study, or another one, with a trainer that takes no time."""

    def call(trials: int = 4, seeds: int = 2, of: Study = study, results: str = "results"):
        store = Store(tmp_path / results)
        with store.writing():
            console = Console(file=open("/dev/null", "w"))  # noqa: SIM115
            return tuning.tune(of, store, None, console, trials=trials, seeds=seeds)

    return call
