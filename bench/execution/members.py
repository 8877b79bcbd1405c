"""The workers of a cluster: which of them can be used, as which slots, and what they are sent."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError
from bench.execution.devices import Slot
from bench.execution.jobs import Job, MeasureJob
from bench.execution.remote import Answer, Order, Question, hashes, versions
from bench.kinds import KINDS, option, variable
from bench.measuring.inception import WEIGHTS_VARIABLE
from bench.records.record import load
from bench.registry import SHELVES

PARTS_BYTES = 10 * 2**20
"""Size of the user's folders of parts beyond which one of them is a slip."""
PORTION_BYTES = 256 * 2**20
"""Size of the stored runs that one task takes along, where it is more than one run."""


@dataclass(eq=False)
class Member:
    """A dask worker, as far as it is known."""

    address: str
    threads: int
    answer: Answer | None = None
    refused: str = ""
    """Why it is not used."""
    failed: int = 0
    """Slots that were set aside."""
    running: int = 0

    @property
    def usable(self) -> int:
        """Slots that take jobs: one a thread."""
        return self.threads - self.failed if self.answer and not self.refused else 0


class Package:
    """Holds workers against this machine, and says what they are sent."""

    def __init__(self, cache: Path, seen: Path, device: str):
        self._device, self._versions, self._hashes = device, versions(), hashes()
        own = {kind: _folder(kind) for kind in KINDS}
        shipped = {
            kind: _texts(
                [
                    file
                    for file in shelf.home.glob("*.py")
                    if file.stem not in shelf.shared | {"__init__"}
                ],
                kind,
            )
            for kind, shelf in SHELVES.items()
        }
        weights = os.environ.get(WEIGHTS_VARIABLE, "")
        weights = str(Path(weights).absolute()) if weights else ""
        self.question = Question(own, shipped, str(cache.absolute()), str(seen), weights)
        self._parts = {
            str(SHELVES[kind].home.relative_to(SHELVES["method"].home.parent) / name)
            for kind, files in shipped.items()
            for name in files
        }

    def objection(self, answer: Answer) -> str:
        """Say why a worker cannot be used; nothing where it can."""
        for name, ours in self._versions.items():
            if (theirs := answer.versions.get(name, "none")) != ours:
                return f"it has {name} {theirs}, and this machine {ours}"
        differing = [
            name
            for name, ours in self._hashes.items()
            if answer.hashes.get(name, ours if name in self._parts else "") != ours
        ]
        if differing:
            more = f" and {len(differing) - 1} more files" if len(differing) > 1 else ""
            return f"its {differing[0]}{more} differ from this machine's; install the same code"
        if self._device == "cuda" and answer.gpu is None:
            return "it has no GPU, which --device cuda asks for"
        return ""

    def slot(self, member: Member, members: list[Member]) -> Slot:
        """Return what a thread of a worker is, given all workers that are used."""
        assert member.answer is not None
        here = [
            (each, each.answer)
            for each in members
            if each.usable and each.answer and each.answer.host == member.answer.host
        ]
        threads = sum(each.threads for each, _ in here)
        # workers of one host may be bound to processors of their own
        processors = len(frozenset().union(*(answer.processors for _, answer in here)))
        variables, gpu = member.answer.variables, member.answer.gpu
        if gpu is None or self._device == "cpu":
            share = max(threads / processors, member.threads / member.answer.cores)
            return Slot("cpu", share=math.ceil(share), variables=variables)
        workers = sum(each.threads for each, answer in here if answer.gpu == gpu)
        return Slot("cuda", gpu, workers, max(1, processors // threads), variables)


def order(run: str, number: int, job: Job, slot: Slot, answer: Answer) -> tuple[Order, list[Job]]:
    """Return what a worker is handed of a job, and what is left of the job for later.

    Only a job whose stored runs have to be sent along, and are large, is divided.
    """
    rest: list[Job] = []
    files: dict[str, dict[str, bytes]] | None = None
    if isinstance(job, MeasureJob) and not answer.sees:
        job, rest = _divided(job)
        files = {key: _content(folder) for key, folder in job.records.items()}
    elif isinstance(job, MeasureJob):
        job = replace(job, records={key: at.absolute() for key, at in job.records.items()})
    job = replace(job, cache=Path(answer.cache))
    return Order(run, number, job, slot, answer.worker, files), rest


def _divided(job: MeasureJob) -> tuple[MeasureJob, list[Job]]:
    """Return the part of a job whose runs can be sent at once, and the others."""
    groups: list[list[str]] = []
    size = 0
    for key, folder in job.records.items():
        own = sum((folder / name).stat().st_size for name in _needed(folder))
        if not groups or size + own > PORTION_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(key)
        size += own
    first, *others = [
        replace(
            job,
            cells=[cell for cell in job.cells if cell.key in keys],
            records={key: job.records[key] for key in keys},
            wanted={key: job.wanted[key] for key in keys},
        )
        for keys in groups
    ]
    return first, [*others]


def _content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in _needed(folder)}


def _needed(folder: Path) -> list[str]:
    """Return the names of the existing files of a stored run that measuring reads."""
    own = [name for name in load(folder).data["files"] if name != "samples.npz"]
    return [n for n in (*own, "record.json", "measurements.json") if (folder / n).is_file()]


def _folder(kind: str) -> dict[str, str]:
    """Return the text of the source files in the user's folder of a kind.

    Those of packages below it come along.

    Raises:
        BenchError: they are too many.
    """
    named = os.environ.get(variable(kind))
    if not named:
        return {}
    found: dict[str, str] = {}
    folders = [Path(named)]
    while folders:
        folder = folders.pop()
        folders += [at.parent for at in folder.glob("*/__init__.py")]
        found |= _texts(list(folder.glob("*.py")), kind, Path(named))
    return found


def _texts(files: list[Path], kind: str, home: Path | None = None) -> dict[str, str]:
    if sum(file.stat().st_size for file in files) > PARTS_BYTES:
        raise BenchError(
            f"the folder '{files[0].parent}' holds more than {PARTS_BYTES // 2**20} MiB of source "
            f"to be sent to the workers; put your {kind}s into a folder of their own "
            f"({option(kind)})"
        )
    return {
        str(file.relative_to(home or file.parent)): file.read_text(encoding="utf-8")
        for file in sorted(files)
    }
