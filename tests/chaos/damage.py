"""Every sort of file that a run leaves, cut short: it is noticed, and nothing raises."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from bench.records.store import Store
from bench.tracking.ledger import Ledger
from bench.training.savepoints import Saved, Savepoints
from tests.chaos.campaign import stored
from tests.chaos.faults import Met, environment_of

PLACES = 16
"""At which MLflow's database is cut."""


def of_files(results: Path) -> list[Met]:
    """Cut every sort of file at every 64th byte: it is noticed, and nothing raises."""
    folder = next(results.glob("cells/[!.]*"))
    names = ("record.json", "series.npz", "samples.npz", "measurements.json")
    met = [_cut(folder / name, partial(_read_record, folder, name)) for name in names]
    work = results.parent / "savepoint"
    savepoints = Savepoints(work)
    savepoints.write(10, Saved.of({"state": {"x": torch.arange(500)}}, {}))
    met.append(_cut(next(work.glob("*.safetensors")), _read_savepoint))
    ledger = work / "tracked.json"
    ledger.write_text(json.dumps({"uri": {"study": {f"{n:040x}": "1" * 64 for n in range(20)}}}))
    met.append(_cut(ledger, _read_ledger))
    return met


def of_database(results: Path, study: Path) -> Met:
    """Cut MLflow's database at some places: `bench sync` says so, and records stay."""
    folder = results.parent / "database"
    shutil.copytree(results, folder)
    sync = (sys.executable, "-m", "bench", "sync", str(study), "--results", str(folder))
    environment = environment_of(study.parent, study.parent / "methods", {})
    subprocess.run(sync, env=environment, check=True, capture_output=True)
    whole, known = (folder / "mlflow.db").read_bytes(), stored(folder)
    places = [len(whole) * number // PLACES for number in range(PLACES)]
    met = Met(f"MLflow's database cut at {PLACES} places", "")
    for length in places:
        (folder / "mlflow.db").write_bytes(whole[:length])
        run = subprocess.run(sync, env=environment, capture_output=True, text=True, timeout=300)
        met.seen = (run.stdout + run.stderr).strip()
        if run.returncode or f"{len(known)} cells sent" not in met.seen:
            met.lost.append(f"cut at {length}: {met.seen[-300:]}")
    if stored(folder) != known:
        met.lost.append("a cut database has changed records")
    return met


def _cut(file: Path, read: Callable[[Path], str]) -> Met:
    """Read copies of a file that end early; ``read`` returns what is told, nothing if nothing is.

    It is called with a file whose folder is its own.
    """
    whole = file.read_bytes()
    places = range(0, len(whole), 64)
    met = Met(f"{file.name[-40:]} cut at every 64th byte ({len(places)} places)", "")
    for length in places:
        copy = file.parent.parent / "cut"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(file.parent, copy / "cells" / file.parent.name)
        target = copy / "cells" / file.parent.name / file.name
        target.write_bytes(whole[:length])
        try:
            met.seen = read(target)
        except Exception as error:
            met.lost.append(f"{file.name} cut at {length}: {type(error).__name__}: {error}")
        if not met.seen:
            met.lost.append(f"{file.name} cut at {length} was not noticed")
    return met


def _read_record(folder: Path, name: str, file: Path) -> str:
    store = Store(file.parents[2])
    record = store.get(folder.name)
    if record is not None and name in ("series.npz", "samples.npz"):
        return "" if record.series() and record.samples() else "empty"
    return store.set_aside[0] if store.set_aside else ""


def _read_savepoint(file: Path) -> str:
    savepoints = Savepoints(file.parent)
    found = savepoints.restore(lambda saved: saved)
    return savepoints.set_aside[0] if found is None else ""


def _read_ledger(file: Path) -> str:
    Ledger(file, "uri", "study")
    return "it is made anew"
