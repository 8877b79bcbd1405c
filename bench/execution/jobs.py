"""Jobs as workers are given them, and the rows that come back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.execution.devices import Slot
from bench.records.cell import SCHEMA, Cell
from bench.records.measurements import Measurement
from bench.records.record import with_files


@dataclass(frozen=True)
class Job:
    """The cells that one worker trains: equal but for their seeds."""

    cells: list[Cell]
    cache: Path
    time_limit: float

    def describe(self) -> dict[str, Any]:
        """What the worker reads."""
        cells = [cell.to_json() for cell in self.cells]
        return {"cells": cells, "cache": str(self.cache.absolute())}


@dataclass(frozen=True)
class MeasureJob(Job):
    """Stored runs of one dataset that one worker measures."""

    records: dict[str, Path]
    """Folders of the runs, by key."""
    wanted: dict[str, list[str]]
    """Keys of the measurements that each is to get."""

    def describe(self) -> dict[str, Any]:
        records = {key: str(folder.absolute()) for key, folder in self.records.items()}
        return {**super().describe(), "records": records, "wanted": self.wanted}


@dataclass(frozen=True)
class Row:
    """What came back for one cell: a record and the files beside it, or its measurements."""

    data: dict[str, Any]
    files: dict[str, bytes | Path] = field(default_factory=dict)
    """Content, or files in the job's folder, which is gone after it."""
    measurements: list[Measurement] | None = None
    """Of a job that measures; then ``data`` names the cell and, without any, why."""


@dataclass(frozen=True)
class Ended:
    """How a job ended, for the cells of which nothing came back."""

    status: str
    reason: str
    output: str
    slot: Slot
    seconds: float


def trained_rows(job: Job, folder: Path, ended: Ended) -> list[Row]:
    return [
        _finished(folder / cell.key, ended)
        if (folder / cell.key).is_dir()
        else _failed(cell, ended)
        for cell in job.cells
    ]


def measured_rows(job: Job, folder: Path, ended: Ended) -> list[Row]:
    rows = []
    for cell in job.cells:
        file = folder / f"{cell.key}.json"
        found: list[Measurement] = []
        if file.is_file():
            content = json.loads(file.read_text(encoding="utf-8"))
            for each in content:
                each["measured"]["device_shared"] = ended.slot.share
            found = [Measurement.from_json(each) for each in content]
        told = folder / f"{cell.key}.reason"
        reason = told.read_text(encoding="utf-8") if told.is_file() else ended.reason
        rows.append(Row({"key": cell.key, "reason": reason}, {}, found))
    return rows


def _finished(folder: Path, ended: Ended) -> Row:
    files: dict[str, bytes | Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            # networks may be large: they are moved, not read
            own = file.parent == folder
            files[str(file.relative_to(folder))] = file.read_bytes() if own else file
    record = files.pop("record.json")
    assert isinstance(record, bytes)
    data = json.loads(record)
    data["run"] |= {"job_seconds": ended.seconds, "device_shared": ended.slot.share}
    return Row(data, files)


def failed_rows(job: Job, slot: Slot, status: str, reason: str, seconds: float = 0.0) -> list[Row]:
    """Return a row for every cell of a job that was not done."""
    if isinstance(job, MeasureJob):
        return [Row({"key": cell.key, "reason": reason}, {}, []) for cell in job.cells]
    return [_failed(cell, Ended(status, reason, "", slot, seconds)) for cell in job.cells]


def _failed(cell: Cell, ended: Ended) -> Row:
    data = {
        "schema": SCHEMA,
        "key": cell.key,
        "cell": cell.to_json(),
        "ingredients": cell.ingredients(),
        "status": ended.status,
        "reason": ended.reason,
        "output": ended.output,
        "result": {},
        "run": {"device": ended.slot.device, "job_seconds": ended.seconds},
    }
    return Row(with_files(data, {}))
