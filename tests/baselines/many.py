"""Costs of every command on a results folder of many records.

Usage: python -m tests.baselines.many [RECORDS] [FOLDER] [COMMAND …]

Trains two seeds of each method for a moment, copies their records under the other seeds with
numbers of their own, and prints CPU seconds, wall seconds and peak memory of each command, or of
those named. A folder that was filled before is used again.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# a process begins with the peak memory of the one that started it: nothing large is imported here

METHODS = (
    *("consensus_optimization", "dragan", "generator_ema", "gradient_clipping", "hinge"),
    *("instance_noise", "label_smoothing", "lecam", "lsgan", "non_saturating", "optimistic_adam"),
    *("pacgan", "r1", "r2", "relativistic", "spectral_norm", "ttur", "vanilla", "wgan_clip"),
    "wgan_gp",
)
STUDY = """
description: Many seeds of many methods, to see what commands cost.
methods: [{methods}]
seeds: {seeds}
evaluations: 10
keep: none
experiments:
  - dataset: ring8
    architecture: {{mlp: {{generator_widths: [16], discriminator_widths: [16]}}}}
    training: {{batch_size: 16}}
    updates: 300
"""
TRAINED = 2


def commands(folder: Path, key: str) -> dict[str, list[str]]:
    """Return the command lines that are measured, by name, each for a filled folder."""
    study, results = str(folder / "many.yaml"), ["--results", str(folder / "results")]
    return {
        "plan": ["plan", study, *results],
        "report": ["report", study, *results],
        "run": ["run", study, *results],
        "status": ["status", *results],
        "show": ["show", key, *results],
        "list": ["list"],
        "export": ["export", study, *results],
    }


def bench(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench", *arguments]


def fill(folder: Path, records: int) -> None:
    """Write a study of so many cells into a folder, and a record for each of them."""
    seeds = records // len(METHODS)
    study, results = folder / "many.yaml", folder / "results"
    folder.mkdir(parents=True, exist_ok=True)
    study.write_text(STUDY.format(methods=", ".join(METHODS), seeds=seeds))
    subprocess.run(
        bench("run", str(study), "--results", str(results), "--seeds", str(TRAINED)), check=True
    )
    here = [sys.executable, "-m", "tests.baselines.many", "--copy", str(study), str(results)]
    subprocess.run(here, check=True)


def copy(study: str, results: str) -> None:
    """Copy the trained records of a study under its other seeds, and tell the ledger of all."""
    from bench.execution.plan import plan
    from bench.records.store import Store
    from bench.study import load_study
    from bench.tracking.ledger import identity
    from bench.tracking.tracker import tracking_uri

    cells = load_study(study).cells
    planned = plan(cells, Store(Path(results)))
    trained = {(p.cell.method.label, p.cell.seed): p for p in planned if p.record is not None}
    for each in planned:
        if each.record is None:
            example = trained[each.cell.method.label, each.cell.seed % TRAINED]
            _copy(example, each, Path(results) / "cells")
    stored = plan(cells, Store(Path(results)))
    assert all(each.state == "done" and not each.to_measure() for each in stored)
    sent = {p.cell.key: identity(p.record) for p in stored if p.record is not None}
    ledger = {tracking_uri(Path(results)): {Path(study).stem: sent}}
    (Path(results) / "tracked.json").write_text(json.dumps(ledger))


def _copy(example: Any, wanted: Any, cells: Path) -> None:
    """Write the record of one cell under the key and the seed of another."""
    data = example.record.data
    cell = {**data["cell"], "seed": wanted.cell.seed}
    ingredients = {**data["ingredients"], "seed": wanted.cell.seed}
    key, folder = wanted.cell.key, cells / wanted.cell.key
    new = {**data, "key": key, "cell": cell, "ingredients": ingredients}
    draw = random.Random(wanted.cell.seed)
    measured = []
    for old, own in zip(example.measures, wanted.measures, strict=True):
        numbers = example.record.known[old.wanted.key].to_json()
        values = {
            at: {name: value and value * draw.uniform(0.7, 1.3) for name, value in found.items()}
            for at, found in numbers["values"].items()
        }
        own_ingredients = {**own.wanted.ingredients}
        measured.append(
            {**numbers, "key": own.wanted.key, "ingredients": own_ingredients, "values": values}
        )
    folder.mkdir()
    for name in data["files"]:
        os.link(example.record.folder / name, folder / name)
    (folder / "measurements.json").write_text(json.dumps(measured))
    (folder / "record.json").write_text(json.dumps(new, indent=1))


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """Run a command; return CPU and wall seconds, its children's among them, and peak MiB."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(bench(*arguments), stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        if process.returncode:
            output.seek(0)
            raise SystemExit(output.read().decode())
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


def main(records: str = "10000", folder: str = "", *chosen: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        at = Path(folder or scratch)
        if not (at / "results" / "tracked.json").exists():
            fill(at, int(records))
        keys = sorted(each.name for each in (at / "results" / "cells").iterdir())
        print(f"{len(keys)} records\n\n| command | CPU s | wall s | peak MiB |\n|---|---|---|---|")
        for name, arguments in commands(at, keys[0]).items():
            if not chosen or name in chosen:
                cpu, wall, peak = measured(arguments)
                print(f"| {name} | {cpu:.1f} | {wall:.1f} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--copy"]:
        copy(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
