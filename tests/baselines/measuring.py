"""How fast stored runs are measured: ``python -m tests.baselines.measuring --runs 1000``.

One run of ring8 as in the study ``quick`` (untrained networks serve as well as trained ones) is
copied under other seeds; then ``bench measure`` takes one metric of all copies. Prints seconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.execution.coordinator import run
from bench.records.store import Store
from bench.study import load_study
from bench.tracking import Tracker

STUDY = """
description: ring8 of the study quick, hardly trained.
methods: [non_saturating]
seeds: 1
evaluations: 10
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [128, 128], discriminator_widths: [128, 128]}}
    updates: 10
"""


def main() -> None:
    """Copy, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--metric", default="modes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "copies.yaml"
        file.write_text(STUDY, encoding="utf-8")
        study, results = load_study(str(file)), folder / "results"
        _do(study, results)
        _copy(Store(results), asked.runs)
        file.write_text(STUDY.replace("seeds: 1", f"seeds: {asked.runs}"), encoding="utf-8")
        study = replace(load_study(str(file)), metrics=(asked.metric,))
        begun = time.perf_counter()
        measured = _do(study, results).measured
        seconds = time.perf_counter() - begun
    print(f"{measured} runs of 11 checkpoints, {asked.metric}: {seconds:.1f} s")


def _do(study, results):
    store = Store(results)
    with store.writing(), Tracker(results, study.name, on=False) as tracker:
        return run(study, store, tracker, Console(quiet=True), device="cpu")


def _copy(store: Store, runs: int) -> None:
    """Store the only record again under other seeds, without measurements."""
    (record,) = store.records.values()
    contents = {name: (record.folder / name).read_bytes() for name in record.data["files"]}
    for seed in range(1, runs):
        cell = replace(record.cell, seed=seed)
        data = {**record.data, "key": cell.key, "cell": cell.to_json()}
        data["ingredients"] = json.loads(json.dumps(cell.ingredients()))
        store.put(data, contents)


if __name__ == "__main__":
    main()
