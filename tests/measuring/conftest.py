"""A small study, run once for all tests of a module, and copies of what it has stored."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from bench.execution.coordinator import Finished, run
from bench.execution.plan import Planned, plan
from bench.records.store import Store
from bench.study import Study, load_study
from bench.study.selection import parse
from bench.tracking import Tracker

STUDY = """
description: Two players, and points.
methods: [non_saturating]
seeds: 2
evaluations: 2
{extra}
experiments:
  - dataset: {{ring8: {{evaluation_samples: 200}}}}
    architecture: {{mlp: {{latent: 4, generator_widths: [8], discriminator_widths: [8]}}}}
    training: {{learning_rate: 0.001, batch_size: 8}}
    updates: 20
"""


@dataclass
class Bench:
    """A study file beside a results folder, and what commands do with them."""

    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def study(self, extra: str = "", overrides: tuple[str, ...] = (), **keys: str) -> Study:
        """The study with more keys of its own, and other values of the numbers it states."""
        text = STUDY.format(extra=extra)
        for key, value in keys.items():
            text = re.sub(rf"\b{key}: [\d.]+", f"{key}: {value}", text)
        file = self.folder / "small.yaml"
        file.write_text(text, encoding="utf-8")
        return load_study(str(file), parse("", "", "", list(overrides)))

    def plan(self, study: Study) -> list[Planned]:
        return plan(study.cells, Store(self.results))

    def run(self, study: Study, train: bool = True) -> Finished:
        store = Store(self.results)
        with store.writing(), Tracker(self.results, study.name, on=False) as tracker:
            return run(
                study, store, tracker, Console(quiet=True), device="cpu", jobs=1, train=train
            )

    def store(self) -> Store:
        return Store(self.results)

    def work(self, study: Study) -> tuple[int, set[str]]:
        """How many cells would be trained, and which metrics would be taken of stored ones."""
        planned = self.plan(study)
        names = {
            measure.wanted.component.label
            for each in planned
            for measure in each.measures
            if measure.wanted.key in each.to_measure()
        }
        return sum(each.to_train for each in planned), names


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A results folder with the small study, trained and measured."""
    bench = Bench(tmp_path_factory.mktemp("finished"))
    done = bench.run(bench.study())
    assert (done.trained, done.measured) == (2, 2)
    return bench


@pytest.fixture
def bench(finished, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "own")
    return Bench(tmp_path / "own")
