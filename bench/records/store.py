"""Records on disk: one folder per cell, written whole or not at all.

``cells/<key>/record.json`` says how training went; ``series.npz`` holds losses and gradient norms
of every update, ``samples.npz`` the first samples of every checkpoint, ``networks/`` the networks
that are kept. The record names the size and hash of the files beside it, so that a damaged one is
noticed. ``measurements.json`` holds what was measured, and is written anew by every measuring.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.locks import hold
from bench.networks import update_of
from bench.records import measurements
from bench.records.cell import SCHEMA, Cell
from bench.records.measurements import Measurement
from bench.records.record import PARTS, Files, Record, read_json, share, stored_measurements
from bench.whole import sync, write_whole


class Store:
    """The records below one results folder."""

    def __init__(self, results: Path):
        self.results = results
        self.cells = results / "cells"
        self.set_aside: list[str] = []
        """Damaged files that were moved away, one line each."""
        self._records: dict[str, Record] | None = None
        self._older = 0
        # jobs are stored by threads of their own
        self._lock = threading.RLock()

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
        """Lock the results folder for one run; a second one raises, naming the holder."""
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            lock = open(self.results / ".lock", "a+", encoding="utf-8")  # noqa: SIM115 - closed by `with` below
        except OSError as error:
            raise BenchError(
                f"cannot write to the results folder '{self.results}' ({error.strerror}); "
                "name another with --results (make: RESULTS=…)"
            ) from error
        with lock:
            if holder := hold(
                lock, "name a folder on a local disk with --results (make: RESULTS=…)"
            ):
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
        """Return the record of one key, or None.

        A record of an older schema counts as none, as does a damaged one, which is set aside.
        """
        folder = self.cells / key
        if not folder.is_dir():
            return None
        try:
            data = read_json(folder / "record.json")
            schema = data["schema"]
            if schema < SCHEMA:
                self._older += 1
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
        share(data["cell"], data["cell"].keys() - {"seed"})
        share(data["result"], ("checkpoints", "cost"))
        return Record(data, folder, self._measurements(folder))

    def all(self) -> list[Record]:
        """Return every sound record, by key."""
        found = self.beginning("")
        if self._older:
            self.set_aside.append(
                f"{self._older} records of an older format than {SCHEMA} are left where they lie, "
                "and answer for nothing: train again, or read them with the version that wrote them"
            )
        return found

    def beginning(self, key: str) -> list[Record]:
        """Return every sound record whose key begins with ``key``; others are not read."""
        if not self.cells.is_dir():
            return []
        names = sorted(name for name in os.listdir(self.cells) if name[0] != ".")
        keys = [name for name in names if name.startswith(key)]
        return [record for each in keys if (record := self.get(each)) is not None]

    def put(self, data: dict[str, Any], files: Files) -> Record:
        """Write one record atomically, also in the case of a power cut."""
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
                sync(scratch / name)
            final = self.cells / key
            if final.exists():
                shutil.rmtree(final)
            os.rename(scratch, final)
        # as it would be read: JSON knows no tuples
        return self._remember(Record(json.loads(text), final))

    def measured(self, key: str, found: list[Measurement]) -> Record:
        """Add measurements to a record; they replace older ones of the same place."""
        with self._lock:
            return self._measured(key, found)

    def _measured(self, key: str, found: list[Measurement]) -> Record:
        record = self.records[key]
        if any(why.kind == "failed" for each in found for why in each.reasons.values()):
            record = self._without_damaged(record)
        assert record.folder is not None
        new = {each.place: each for each in found}
        for each in record.known.values():
            # numbers that cannot be measured again are worth more than the reason for that
            if each.place in new and new[each.place].lost(each, record.networks):
                new[each.place] = each
        kept = [each for each in record.known.values() if each.place not in new]
        known = {each.key: each for each in (*kept, *new.values())}
        text = json.dumps([each.to_json() for each in known.values()], allow_nan=False)
        with self._storing():
            write_whole(record.folder / measurements.FILE, text, durable=True)
        return self._remember(Record(record.data, record.folder, known))

    def _without_damaged(self, record: Record) -> Record:
        """Move damaged networks away, and return the record without them."""
        damaged = record.damaged_networks()
        for update in damaged:
            assert record.folder is not None
            file = record.folder / record.networks[update]
            aside = self.results / "damaged" / f"{record.key}-{uuid.uuid4().hex[:4]}-{file.name}"
            with suppress(OSError):
                aside.parent.mkdir(exist_ok=True)
                os.rename(file, aside)
            self.set_aside.append(
                f"the networks in {file} are damaged or gone; what was measured of them stays, and "
                "nothing new can be"
            )
        if damaged:
            self._drop_networks(record.key, damaged)
        return self.records[record.key]

    def drop_networks(self, key: str, updates: Collection[int]) -> int:
        """Delete the networks after these updates, and return the bytes that this frees."""
        with self._lock:
            return self._drop_networks(key, updates)

    def _drop_networks(self, key: str, updates: Collection[int]) -> int:
        record = self.records[key]
        assert record.folder is not None
        names = {name for update, name in record.networks.items() if update in updates}
        files = {n: told for n, told in record.data["files"].items() if n not in names}
        freed = sum(record.data["files"][name]["bytes"] for name in names)
        data = {**record.data, "files": files}
        text = json.dumps(data, indent=1, allow_nan=False)
        with self._storing():
            write_whole(record.folder / "record.json", text, durable=True)
            for name in names:
                (record.folder / name).unlink(missing_ok=True)
        self._remember(Record(data, record.folder, record.known))
        return freed

    def _remember(self, record: Record) -> Record:
        if self._records is not None:
            self._records[record.key] = record
        return record

    @contextmanager
    def _storing(self, scratch: Path | None = None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if scratch is not None:
                shutil.rmtree(scratch, ignore_errors=True)
            raise BenchError(
                f"cannot store a finished cell in '{self.cells}' ({error.strerror}); what was "
                "stored before is safe: make room and run again"
            ) from error

    def _measurements(self, folder: Path) -> dict[str, Measurement]:
        """Return the measurements; none if they cannot be read, so that they are taken again."""
        try:
            return stored_measurements(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._set_aside_measurements(folder, error)
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

    def _set_aside_measurements(self, folder: Path, error: Exception) -> None:
        aside = self.results / "damaged" / f"{folder.name}-{uuid.uuid4().hex[:4]}.json"
        with suppress(OSError):
            aside.parent.mkdir(exist_ok=True)
            os.rename(folder / measurements.FILE, aside)
        self.set_aside.append(
            f"the measurements in {folder} are damaged ({error}); they are taken again"
        )

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
        """Remove leftovers of runs that were killed: half-written records, jobs' folders, and
        checkpoints that no savepoint belongs to."""
        cache = self.results / "cache"
        blocks = (cache / "savepoints").glob("*-*")
        lost = [block for block in blocks if not any(block.glob("*.safetensors"))]
        for scratch in (*self.cells.glob(".*-*"), *(cache / "jobs").glob("bench-job-*"), *lost):
            shutil.rmtree(scratch, ignore_errors=True)
