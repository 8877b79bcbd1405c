"""Records on disk: one folder per cell, written whole or not at all.

``cells/<key>/record.json`` says how training went; ``series.npz`` holds losses and gradient norms
of every update, ``samples.npz`` the first samples of every checkpoint, ``networks/`` the networks
that are kept. The record names the size and hash of the files beside it, so that a damaged one is
noticed. ``measurements.json`` holds what was measured, and is written anew by every measuring.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import networks
from bench.errors import BenchError
from bench.locks import hold
from bench.metric import NotKept, Reason
from bench.networks import Checkpoint, update_of
from bench.records import measurements
from bench.records.cell import SCHEMA, Cell, Component
from bench.records.measurements import Measurement, Numbers

Arrays = dict[str, NDArray[Any]]
Files = Mapping[str, bytes | Path]
"""What lies beside a record, by name: content, or a file that is moved into place."""

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
    """All that is known of a finished cell: how it was trained, and what was measured of it."""

    data: dict[str, Any]
    folder: Path | None = None
    known: dict[str, Measurement] = field(default_factory=dict)
    """Every stored measurement, by its key."""
    shown: tuple[str, ...] | None = None
    """Keys of the measurements a study asks for; None: the newest of each metric."""
    absent: dict[str, Reason] = field(default_factory=dict)
    """Why there are no measurements of some quantities, by their names."""

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
    def checkpoints(self) -> list[dict[str, int]]:
        """``update`` and ``generator_update`` of every checkpoint, the untrained one first."""
        return self.data["result"].get("checkpoints", [])

    @property
    def cost(self) -> dict[str, Any]:
        """Updates made and gradients computed; empty where nothing was trained to an end."""
        return self.data["result"].get("cost", {})

    @cached_property
    def measurements(self) -> list[Measurement]:
        """The measurements that are shown, in the order of the study's metrics."""
        if self.shown is not None:
            return [self.known[key] for key in self.shown if key in self.known]
        newest = {each.metric: each for each in self.known.values()}
        return list(newest.values())

    def asked(self, keys: Sequence[str], absent: dict[str, Reason]) -> Record:
        """The same record, showing these measurements, and why others are not there."""
        return replace(self, shown=tuple(keys), absent=absent)

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        """``update``, ``generator_update`` and every number measured at each checkpoint."""
        found = []
        for checkpoint in self.checkpoints:
            numbers: dict[str, Any] = {}
            for each in self.measurements:
                numbers |= each.values.get(checkpoint["update"], {})
            found.append({**checkpoint, **numbers})
        return found

    @cached_property
    def whole(self) -> Numbers:
        """Numbers of metrics that are taken once, of the whole run."""
        return self._joined(lambda each: each.whole)

    @cached_property
    def floor(self) -> Numbers:
        """What real samples get, by the same metrics."""
        return self._joined(lambda each: each.floor)

    @cached_property
    def protocol(self) -> dict[str, Any]:
        """What scores need beside their numbers to be compared."""
        return self._joined(lambda each: each.protocol)

    @cached_property
    def not_computed(self) -> dict[str, Reason]:
        """Why numbers are missing, by their names."""
        return self.absent | self._joined(lambda each: each.reasons)

    @property
    def evaluation_seconds(self) -> float:
        """Seconds that the measurements took."""
        return float(sum(each.measured.get("seconds", 0.0) for each in self.measurements))

    def _joined(self, part: Callable[[Measurement], dict[str, Any]]) -> dict[str, Any]:
        joined: dict[str, Any] = {}
        for each in self.measurements:
            joined |= part(each)
        return joined

    @cached_property
    def cell(self) -> Cell:
        """The cell, with the metrics that it was measured by."""
        cell = Cell.from_json(self.data["cell"])
        measured = [(each.component, each.metric) for each in self.measurements]
        metrics = tuple(
            Component(p["name"], p["hyperparameters"], called) for p, called in measured
        )
        return replace(cell, metrics=metrics or cell.metrics)

    def series(self) -> Arrays:
        """``discriminator_loss``, ``discriminator_norm`` and the generator's, (T,) each."""
        return self._arrays("series.npz")

    def samples(self) -> Arrays:
        """``samples`` (checkpoints, n, …) and ``updates`` (checkpoints,)."""
        return self._arrays("samples.npz")

    @property
    def networks(self) -> dict[int, str]:
        """Names of the files of networks that are kept, by their update."""
        found = {update_of(name): name for name in self.data["files"]}
        return {update: name for update, name in found.items() if update is not None}

    def checkpoint(self, update: int) -> Checkpoint:
        """The networks after so many updates.

        Raises:
            NotKept: the run keeps none of then.
            BenchError: the file is damaged.
        """
        if update not in self.networks or self.folder is None:
            raise NotKept(
                f"the networks after {update:,} updates were not kept; a study with keep: all "
                "keeps those of every checkpoint, once it is trained again"
            )
        return networks.read(self._checked(self.networks[update]))

    def _arrays(self, name: str) -> Arrays:
        if self.folder is None or name not in self.data["files"]:
            return {}
        with np.load(self._checked(name), allow_pickle=False) as arrays:
            return dict(arrays)

    def _checked(self, name: str) -> Path:
        """A file's path, once its content was found to be what was written."""
        assert self.folder is not None
        file = self.folder / name
        try:
            with open(file, "rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
        except FileNotFoundError:
            found = "gone"
        if found != self.data["files"][name]["sha256"]:
            raise BenchError(
                f"{file} is {'gone' if found == 'gone' else 'damaged'}; delete the folder "
                f"{self.folder} and run again"
            )
        return file


def pack(arrays: Arrays) -> bytes:
    """Arrays as the bytes of an .npz file, the same bytes for the same arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def with_files(data: dict[str, Any], files: Files) -> dict[str, Any]:
    """A record's data with the size and hash of the files that go beside it."""
    described = {}
    for name, content in files.items():
        whole = content.read_bytes() if isinstance(content, Path) else content
        described[name] = {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    return {**data, "files": described}


def load(folder: Path) -> Record:
    """The record in a folder, with its measurements.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: something of it is damaged.
    """
    data = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return Record(data, folder, _measurements(folder))


def _measurements(folder: Path) -> dict[str, Measurement]:
    try:
        content = json.loads((folder / measurements.FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    found = [Measurement.from_json(each) for each in content]
    return {each.key: each for each in found}


def _sync(file: Path) -> None:
    """Have a file on the disk before anything says that it is there."""
    with open(file, "rb") as content:
        os.fsync(content.fileno())


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
        return Record(data, folder, self._measurements(folder))

    def all(self) -> list[Record]:
        """Every sound record, by key."""
        if not self.cells.is_dir():
            return []
        keys = sorted(folder.name for folder in self.cells.iterdir() if folder.name[0] != ".")
        return [record for key in keys if (record := self.get(key)) is not None]

    def put(self, data: dict[str, Any], files: Files) -> Record:
        """Write one record; it is there whole or not at all, also after a power cut."""
        key = data["key"]
        scratch = self.cells / f".{key}-{uuid.uuid4().hex[:8]}"
        text = json.dumps(data, indent=1, allow_nan=False)
        with self._storing(scratch):
            scratch.mkdir()
            for name, part in {**files, "record.json": text.encode()}.items():
                (scratch / name).parent.mkdir(exist_ok=True)
                if isinstance(part, Path):
                    shutil.move(part, scratch / name)
                else:
                    (scratch / name).write_bytes(part)
                _sync(scratch / name)
            final = self.cells / key
            if final.exists():
                shutil.rmtree(final)
            os.rename(scratch, final)
        # as it would be read: JSON knows no tuples
        return self._remember(Record(json.loads(text), final))

    def measured(self, key: str, found: list[Measurement]) -> Record:
        """Add measurements to a record, in place of older ones of the same place."""
        record = self.records[key]
        assert record.folder is not None
        new = {each.place: each for each in found}
        kept = [each for each in record.known.values() if each.place not in new]
        known = {each.key: each for each in (*kept, *new.values())}
        file = record.folder / measurements.FILE
        scratch = file.with_name(f".{file.name}")
        with self._storing(scratch):
            content = [each.to_json() for each in known.values()]
            scratch.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
            _sync(scratch)
            os.replace(scratch, file)
        return self._remember(Record(record.data, record.folder, known))

    def drop_networks(self, key: str, updates: Collection[int]) -> int:
        """Delete the networks after these updates, and return the bytes that are free by it."""
        record = self.records[key]
        assert record.folder is not None
        names = {name for update, name in record.networks.items() if update in updates}
        files = {n: told for n, told in record.data["files"].items() if n not in names}
        freed = sum(record.data["files"][name]["bytes"] for name in names)
        data, file = {**record.data, "files": files}, record.folder / "record.json"
        scratch = file.with_name(f".{file.name}")
        with self._storing(scratch):
            scratch.write_text(json.dumps(data, indent=1, allow_nan=False), encoding="utf-8")
            _sync(scratch)
            os.replace(scratch, file)
            for name in names:
                (record.folder / name).unlink(missing_ok=True)
        self._remember(Record(data, record.folder, record.known))
        return freed

    def _remember(self, record: Record) -> Record:
        if self._records is not None:
            self._records[record.key] = record
        return record

    @contextmanager
    def _storing(self, scratch: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise BenchError(
                f"cannot store a finished cell in '{self.cells}' ({error.strerror}); what was "
                "stored before is safe: make room and run again"
            ) from error

    def _measurements(self, folder: Path) -> dict[str, Measurement]:
        """What was measured; nothing, where it cannot be read: it is measured again."""
        try:
            return _measurements(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.set_aside.append(
                f"the measurements in {folder} are damaged ({error}); they are taken again"
            )
            return {}

    def _check(self, folder: Path, key: str, data: dict[str, Any]) -> None:
        if data["key"] != key:
            raise ValueError(f"its key is {data['key']}")
        for part, kind in PARTS.items():
            if not isinstance(data[part], kind):
                raise ValueError(f"its {part} is {data[part]!r:.40}")
        Cell.from_json(data["cell"])
        for name, described in data["files"].items():
            if update_of(name) is not None:
                continue  # networks that are gone or damaged cost what needs them
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
