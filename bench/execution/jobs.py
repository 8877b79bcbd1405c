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
from bench.training.savepoints import EVERY


@dataclass(frozen=True)
class Job:
    """The cells that one worker trains: equal but for their seeds."""

    cells: list[Cell]
    cache: Path
    time_limit: float
    save_every: float = field(default=EVERY, kw_only=True)
    """Seconds from savepoint to savepoint."""

    def describe(self) -> dict[str, Any]:
        """Return the job as the worker reads it."""
        cells = [cell.to_json() for cell in self.cells]
        cache = str(self.cache.absolute())
        return {"cells": cells, "cache": cache, "save_every": self.save_every}


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
    """The result of one cell: a record and the files beside it, or its measurements."""

    data: dict[str, Any]
    files: dict[str, bytes | Path] = field(default_factory=dict)
    """Content, or files in the job's folder, which is gone after it."""
    measurements: list[Measurement] | None = None
    """Of a job that measures; then ``data`` names the cell and, without any, why.

    Where the process ended, ``asked`` holds the keys of what was to be measured.
    """


@dataclass(frozen=True)
class Ended:
    """The end of a job, for the cells without a result."""

    status: str
    reason: str
    output: str
    slot: Slot
    seconds: float


def is_done(job: Job, folder: Path, cell: Cell) -> bool:
    """Tell whether a cell's result lies in the job's folder, where it comes whole."""
    return (folder / (f"{cell.key}.json" if isinstance(job, MeasureJob) else cell.key)).exists()


def finished_rows(
    job: Job, folder: Path, done: list[Cell], slot: Slot, seconds: float
) -> list[Row]:
    """Return the rows of cells that are done, each of which took so many seconds."""
    if not isinstance(job, MeasureJob):
        return [_finished(folder / cell.key, slot, seconds) for cell in done]
    rows = []
    for cell in done:
        content = json.loads((folder / f"{cell.key}.json").read_text(encoding="utf-8"))
        for each in content:
            each["measured"]["device_shared"] = slot.share
        rows.append(Row({"key": cell.key}, {}, [Measurement.from_json(each) for each in content]))
    return rows


def unfinished_rows(job: Job, folder: Path, ended: Ended) -> list[Row]:
    """Return rows for a job's cells that nothing came back of, with the reasons."""
    if not isinstance(job, MeasureJob):
        return [_failed(cell, ended) for cell in job.cells]
    rows = []
    # where the process itself ended, one of the metrics may have ended it
    by_a_metric = ended.status in ("crashed", "timed_out") and not (folder / "reason.txt").is_file()
    for cell in job.cells:
        told = folder / f"{cell.key}.reason"
        data: dict[str, Any] = {"key": cell.key, "reason": ended.reason}
        if told.is_file():
            data["reason"] = told.read_text(encoding="utf-8")
        elif by_a_metric:
            data["asked"] = job.wanted[cell.key]
        rows.append(Row(data, {}, []))
    return rows


def _finished(folder: Path, slot: Slot, seconds: float) -> Row:
    files: dict[str, bytes | Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            # networks may be large: they are moved, not read
            own = file.parent == folder
            files[str(file.relative_to(folder))] = file.read_bytes() if own else file
    record = files.pop("record.json")
    assert isinstance(record, bytes)
    data = json.loads(record)
    data["run"] |= {"job_seconds": seconds, "device_shared": slot.share}
    return Row(data, files)


def failed_rows(job: Job, slot: Slot, status: str, reason: str, seconds: float = 0.0) -> list[Row]:
    """Return a row for every cell of a job that was not done."""
    if isinstance(job, MeasureJob):
        return [Row({"key": cell.key, "reason": reason}, {}, []) for cell in job.cells]
    return [_failed(cell, Ended(status, reason, "", slot, seconds)) for cell in job.cells]


def crashed_row(cell: Cell, reason: str, run: dict[str, Any]) -> Row:
    """Return the row of a cell whose result is of no use."""
    row = _failed(cell, Ended("crashed", reason, "", Slot(run["device"]), run["job_seconds"]))
    row.data["run"] |= {name: run[name] for name in ("commit", "uncommitted") if name in run}
    return row


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
