"""Records on disk: one folder per cell, written whole or not at all.

``cells/<key>/record.json`` says everything but the long arrays; ``series.npz`` holds losses and
gradient norms of every update, ``samples.npz`` the samples of every evaluation. A record names
the size and hash of the files beside it, so that a damaged one is noticed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.locks import hold
from bench.records.cell import SCHEMA, Cell

Arrays = dict[str, NDArray[Any]]

TRANSIENT = ("crashed", "killed", "timed_out", "out_of_memory")
"""Statuses that say something of the machine or the code rather than of the method: such a
cell is tried again by the next run. ``ok`` and ``diverged`` are findings and are kept."""

PARTS: dict[str, type] = {
    "cell": dict, "ingredients": dict, "status": str, "reason": str,
    "result": dict, "run": dict, "files": dict,
}  # fmt: skip
"""What every record holds, and as what."""


@dataclass(frozen=True)
class Record:
    """All that is known of a finished cell."""

    data: dict[str, Any]
    folder: Path | None = None

    @property
    def key(self) -> str:
        return self.data["key"]

    @property
    def status(self) -> str:
        return self.data["status"]

    @property
    def reason(self) -> str:
        return self.data["reason"]

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        return self.data["result"].get("evaluations", [])

    @property
    def not_computed(self) -> dict[str, str]:
        """Why metrics have no value, by their names."""
        return self.data["result"].get("not_computed", {})

    @cached_property
    def cell(self) -> Cell:
        return Cell.from_json(self.data["cell"])

    def series(self) -> Arrays:
        """``discriminator_loss``, ``discriminator_norm`` and the generator's, (T,) each."""
        return self._arrays("series.npz")

    def samples(self) -> Arrays:
        """``samples`` (evaluations, n, …) and ``updates`` (evaluations,)."""
        return self._arrays("samples.npz")

    def _arrays(self, name: str) -> Arrays:
        if self.folder is None or name not in self.data["files"]:
            return {}
        content = (self.folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.data["files"][name]["sha256"]:
            raise BenchError(
                f"{self.folder / name} is damaged; delete the folder {self.folder} and run again"
            )
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)


def pack(arrays: Arrays) -> bytes:
    """Arrays as the bytes of an .npz file, the same bytes for the same arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def with_files(data: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    """A record's data with the size and hash of the files that go beside it."""
    described = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    return {**data, "files": described}


class Store:
    """The records below one results folder."""

    def __init__(self, results: Path):
        self.results = results
        self.cells = results / "cells"
        self.set_aside: list[str] = []
        """What was found damaged and moved away, one line each."""
        self._records: dict[str, Record] | None = None

    @property
    def records(self) -> dict[str, Record]:
        """Sound records by key: read from the folder once, then updated by every `put`.

        A command makes one store and passes it on, so that it reads the folder once.
        """
        if self._records is None:
            self._records = {record.key: record for record in self.all()}
        return self._records

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the results folder for one run; a second one is told who has it."""
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            lock = open(self.results / ".lock", "a+")  # noqa: SIM115 - closed by `with` below
        except OSError as error:
            raise BenchError(
                f"cannot write to the results folder '{self.results}' ({error.strerror}); "
                "name another with --results (make: RESULTS=…)"
            ) from error
        with lock:
            if holder := hold(lock):
                raise BenchError(
                    f"the results folder '{self.results}' is in use by {holder}; wait for it, "
                    "or name another with --results (make: RESULTS=…)"
                )
            self._clear_unfinished()
            # another run may have written between an earlier reading and the lock
            self._records = None
            yield
            lock.truncate(0)

    def get(self, key: str) -> Record | None:
        """The record of one key, or None. One of an older schema counts as none, and so does a
        damaged one, which is set aside."""
        folder = self.cells / key
        if not folder.is_dir():
            return None
        try:
            data = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            schema = data["schema"]
            if schema < SCHEMA:
                return None
            if schema == SCHEMA:
                self._check(folder, key, data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._set_aside(folder, error)
            return None
        if schema > SCHEMA:
            raise BenchError(
                f"the results folder '{self.results}' was written by a newer version (record "
                f"schema {schema}, this one knows {SCHEMA}); update, or use another --results"
            )
        return Record(data, folder)

    def all(self) -> list[Record]:
        """Every sound record, by key."""
        if not self.cells.is_dir():
            return []
        keys = sorted(folder.name for folder in self.cells.iterdir() if folder.name[0] != ".")
        return [record for key in keys if (record := self.get(key)) is not None]

    def put(self, data: dict[str, Any], files: dict[str, bytes]) -> Record:
        """Write one record; it is there whole or not at all, also after a power cut."""
        key = data["key"]
        scratch = self.cells / f".{key}-{uuid.uuid4().hex[:8]}"
        text = json.dumps(data, indent=1, allow_nan=False)
        content = {**files, "record.json": text.encode()}
        try:
            scratch.mkdir()
            for name, part in content.items():
                with open(scratch / name, "wb") as file:
                    file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
            final = self.cells / key
            if final.exists():
                shutil.rmtree(final)
            os.rename(scratch, final)
        except OSError as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise BenchError(
                f"cannot store a finished cell in '{self.cells}' ({error.strerror}); what was "
                "stored before is safe: make room and run again"
            ) from error
        # as it would be read: JSON knows no tuples
        record = Record(json.loads(text), final)
        if self._records is not None:
            self._records[key] = record
        return record

    def _check(self, folder: Path, key: str, data: dict[str, Any]) -> None:
        if data["key"] != key:
            raise ValueError(f"its key is {data['key']}")
        for part, kind in PARTS.items():
            if not isinstance(data[part], kind):
                raise ValueError(f"its {part} is {data[part]!r:.40}")
        Cell.from_json(data["cell"])
        for name, described in data["files"].items():
            size = (folder / name).stat().st_size
            if size != described["bytes"]:
                raise ValueError(f"{name} has {size} bytes instead of {described['bytes']}")

    def _set_aside(self, folder: Path, error: Exception) -> None:
        aside = self.results / "damaged" / f"{folder.name}-{uuid.uuid4().hex[:4]}"
        try:
            aside.parent.mkdir(exist_ok=True)
            os.rename(folder, aside)
            where = f"moved to {aside}"
        except OSError:
            where = f"still at {folder}"
        self.set_aside.append(f"record {folder.name} is damaged ({error}); {where}")

    def _clear_unfinished(self) -> None:
        """Remove what runs that were killed have left: half-written records and jobs' folders."""
        jobs = self.results / "cache" / "jobs"
        for scratch in (*self.cells.glob(".*-*"), *jobs.glob("bench-job-*")):
            shutil.rmtree(scratch, ignore_errors=True)
