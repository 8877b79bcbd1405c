"""Measures the stored runs of one job; ``worker.py`` calls it.

The job's folder gets a file ``<key>.json`` with the measurements of each run as it is done.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from bench.errors import BenchError
from bench.execution.prepared import KEPT, Heartbeat
from bench.execution.worker import surroundings
from bench.measuring.evaluation import Subject
from bench.measuring.field import Field, field_of
from bench.measuring.keys import Keys, Wanted
from bench.measuring.runs import Measurer
from bench.networks import Checkpoint
from bench.records.cell import Cell
from bench.records.fingerprint import digest
from bench.records.record import load
from bench.records.sources import sources_of_part
from bench.registry import make_architecture, make_dataset, make_method
from bench.whole import write_whole


def measure_all(cells: list[Cell], job: dict[str, Any], device: torch.device, folder: Path) -> None:
    """Measure runs of one dataset, whatever their methods and architectures."""
    part = cells[0].dataset
    dataset = KEPT.prepare(
        make_dataset(part.name, part.hyperparameters), Path(job["cache"]), device
    )
    real = [part.name, part.hyperparameters, dataset.content(), sources_of_part(dataset)]
    subject, keys = Subject(dataset, digest(real), Path(job["cache"]), device), Keys()
    where, beat = surroundings(device), Heartbeat(folder, len(cells))
    for number, cell in enumerate(cells):
        wanted = {each.key: each for each in keys.wanted(cell, dataset)}
        missing = [key for key in job["wanted"][cell.key] if key not in wanted]
        if missing:
            raise BenchError(
                "the code that measures was changed after this had been planned, or an extractor "
                "has other weights here; run again"
            )
        try:
            found = _measured(cell, job, subject, wanted)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # costs this run, and no other of the job
            told = str(error) or type(error).__name__
            (folder / f"{cell.key}.reason").write_text(told, encoding="utf-8")
            continue
        for each in found:
            each["measured"] |= where
        write_whole(folder / f"{cell.key}.json", json.dumps(found, allow_nan=False))
        beat(number + 1)


def _measured(
    cell: Cell, job: dict[str, Any], subject: Subject, wanted: dict[str, Wanted]
) -> list[dict[str, Any]]:
    architecture = make_architecture(cell.architecture.name, cell.architecture.hyperparameters)
    method = make_method(cell.method.name, cell.method.hyperparameters)

    def play(cell: Cell, checkpoint: Checkpoint, batch: int) -> Field:
        return field_of(cell, method, architecture, subject, checkpoint, batch)

    measurer = Measurer(subject, architecture, method.packing, play)
    record = load(Path(job["records"][cell.key]))
    asked = [wanted[key] for key in job["wanted"][cell.key]]
    return [each.to_json() for each in measurer.measure(record, asked)]
