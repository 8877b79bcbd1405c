"""A record: all that is known of a finished cell."""

from __future__ import annotations

import hashlib
import io
import json
import marshal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from bench import networks
from bench.errors import BenchError
from bench.metric import Iterate, NotKept, Reason
from bench.networks import Checkpoint, update_of
from bench.records import measurements
from bench.records.cell import Cell, Component
from bench.records.measurements import Measurement, Numbers, joined

Arrays = dict[str, NDArray[Any]]
Files = Mapping[str, bytes | Path]
"""Files beside a record, by name: content, or a file that is moved into place."""

TRANSIENT = ("crashed", "killed", "timed_out", "out_of_memory")
"""Statuses that say something of the machine or the code rather than of the method: such a
cell is tried again by the next run. ``ok`` and ``diverged`` are findings and are kept."""

PARTS: dict[str, type] = {
    "cell": dict, "ingredients": dict, "status": str, "reason": str,
    "result": dict, "run": dict, "files": dict,
}  # fmt: skip
"""Keys of every record, with their types."""


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
    ranked: Iterate | None = None
    """The generator that a study ranks by; None: the one that was measured last."""

    @property
    def key(self) -> str:
        return self.data["key"]

    @property
    def coordinates(self) -> tuple[str, str, str, int]:
        """Return :meth:`Cell.coordinates` of its cell."""
        cell = self.data["cell"]
        method, dataset, pair = (
            cell[name]["name"] for name in ("method", "dataset", "architecture")
        )
        return method, dataset, pair, cell["seed"]

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
        newest = {
            each.metric: each
            for each in self.known.values()
            if each.evaluation in ({}, self._evaluation)
            and (each.is_of_iterate or each.iterate in (None, self.iterate))
        }
        return list(newest.values())

    @cached_property
    def iterate(self) -> Iterate:
        """The iterate that is shown: the one that a study ranks by, or the one last measured."""
        if self.ranked is not None:
            return self.ranked
        measured = [each.iterate for each in self.known.values() if not each.is_of_iterate]
        stated = self.data["cell"].get("iterate", "last")
        return next((each for each in reversed(measured) if each is not None), stated)

    @property
    def _evaluation(self) -> dict[str, Any]:
        """The evaluation of the newest measurement that has one; {} without any."""
        return next(
            (each.evaluation for each in [*self.known.values()][::-1] if each.evaluation), {}
        )

    def asked(
        self, keys: Sequence[str], absent: dict[str, Reason], ranked: Iterate | None = None
    ) -> Record:
        """Return the same record, showing these measurements, and why others are not there.

        ``ranked`` is the generator that the study ranks by.
        """
        return replace(self, shown=tuple(keys), absent=absent, ranked=ranked)

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
        """Scores of real samples, by the same metrics."""
        return self._joined(lambda each: each.floor)

    @cached_property
    def protocol(self) -> dict[str, Any]:
        """Counts, splits and extractors that two scores must share to be comparable."""
        return joined(each.protocol for each in self.measurements)

    @cached_property
    def not_computed(self) -> dict[str, Reason]:
        """Reasons for missing numbers, by name."""
        return self.absent | self._joined(lambda each: each.reasons)

    @property
    def evaluation_seconds(self) -> float:
        """Seconds that the measurements took."""
        return float(sum(each.measured.get("seconds", 0.0) for each in self.measurements))

    def _joined(self, part: Callable[[Measurement], dict[str, Any]]) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for each in self.measurements:
            whole |= part(each)
        return whole

    @cached_property
    def cell(self) -> Cell:
        """The cell, with the metrics that it was measured by."""
        cell = Cell.from_json(self.data["cell"])
        if self.shown is None:
            evaluated = replace(
                cell.dataset, hyperparameters=cell.dataset.hyperparameters | self._evaluation
            )
            cell = replace(cell, dataset=evaluated)
        measured = [(each.component, each.metric) for each in self.measurements]
        metrics = tuple(
            Component(p["name"], p["hyperparameters"], called) for p, called in measured
        )
        return replace(cell, metrics=metrics or cell.metrics, iterate=self.iterate)

    def series(self) -> Arrays:
        """Return ``discriminator_loss``, ``discriminator_norm`` and the generator's, (T,) each."""
        return self._arrays("series.npz")

    def samples(self) -> Arrays:
        """Return ``samples`` (checkpoints, n, …), ``updates`` (checkpoints,), ``real`` (n, …).

        Of images also ``interpolations`` (paths, steps, …).
        """
        begins = f"{self.iterate} "
        arrays = self._arrays("samples.npz")
        if "samples" in arrays:  # a record of when one iterate was kept
            return arrays
        own = {name: a for name, a in arrays.items() if name in ("updates", "real")}
        return own | {
            name.removeprefix(begins): array
            for name, array in arrays.items()
            if name.startswith(begins)
        }

    @property
    def networks(self) -> dict[int, str]:
        """Names of the files of networks that are kept, by their update."""
        found = {update_of(name): name for name in self.data["files"]}
        return {update: name for update, name in found.items() if update is not None}

    def checkpoint(self, update: int) -> Checkpoint:
        """Return the networks after so many updates.

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

    def damaged_networks(self) -> list[int]:
        """Return the updates whose networks are missing or damaged; reads all of them."""
        found = []
        for update, name in self.networks.items():
            try:
                self._checked(name)
            except BenchError:
                found.append(update)
        return found

    def _arrays(self, name: str) -> Arrays:
        if self.folder is None or name not in self.data["files"]:
            return {}
        with np.load(self._checked(name), allow_pickle=False) as arrays:
            return dict(arrays)

    def _checked(self, name: str) -> Path:
        """Return a file's path after checking its content against the stored hash."""
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
    """Return arrays as the bytes of an .npz file, the same bytes for the same arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def with_files(data: dict[str, Any], files: Files) -> dict[str, Any]:
    """Return a record's data with the size and hash of the files that go beside it."""
    described = {}
    for name, content in files.items():
        whole = content.read_bytes() if isinstance(content, Path) else content
        described[name] = {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    return {**data, "files": described}


def read_json(file: Path) -> Any:
    """Return the content of a JSON file; equal short texts of all files are one object.

    Raises:
        OSError, ValueError: it cannot be read, or is no JSON.
    """
    content = file.read_bytes()
    try:
        return from_json(content)
    except ValueError:
        # half a surrogate pair, which a worker may have printed, is read by the slower one only
        return json.loads(content)


_known: dict[bytes, Any] = {}


def share(told: dict[str, Any], names: Iterable[str]) -> None:
    """Put in place of these parts equal ones of other records: many cells differ by little.

    What is shared must not be changed.
    """
    for name in names:
        if name in told:
            # without references, of which it would write how many there are
            told[name] = _known.setdefault(marshal.dumps(told[name], 2), told[name])


def load(folder: Path) -> Record:
    """Return the record in a folder, with its measurements as far as they can be read.

    Raises:
        OSError, ValueError: the record is damaged.
    """
    data = read_json(folder / "record.json")
    try:
        known = stored_measurements(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        known = {}
    return Record(data, folder, known)


def stored_measurements(folder: Path) -> dict[str, Measurement]:
    """Return the measurements of the run in a folder, by key; raises as :func:`load` does."""
    try:
        content = read_json(folder / measurements.FILE)
    except FileNotFoundError:
        return {}
    for each in content:
        share(each, ("component", "floor", "protocol"))
    found = [Measurement.from_json(each) for each in content]
    return {each.key: each for each in found}
