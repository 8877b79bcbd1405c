"""Checks of the machine: its resources, and problems that would prevent a run."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

import torch

from bench.errors import BenchError
from bench.execution.devices import cores, visible_gpus
from bench.kinds import KINDS
from bench.locks import hold
from bench.measuring.inception import UNAVAILABLE, find_weights, vouched
from bench.registry import find, label_of, make_dataset
from bench.study import load_study
from bench.temporary import REMEDY
from bench.tracking.address import tracking_uri
from bench.tracking.telling import shown
from bench.training.engines import compiler

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "seaborn",
    "joblib",
    "distributed",
    "mlflow",
    "mlxtend",
    "torchvision",
    "pytorch-fid",
    "scikit-learn",
)
LEAST_FREE_GIB = 1.0
CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at; ``problem`` is empty where all is well."""

    what: str
    found: str
    problem: str = ""
    caution: bool = False
    """Whether it stops nothing, and may spoil a result."""


def examine(results: Path) -> list[Finding]:
    """Look at Python, packages, devices, disks, locks, weights, MLflow and what is registered."""
    return [
        Finding("Python", platform.python_version()),
        *map(_package, PACKAGES),
        _cores(),
        _gpus(),
        _compiler(),
        _folder("results", results, "name another with --results"),
        _locks(results),
        _temporary(),
        _inception(),
        _tracking(results),
        *map(_parts, KINDS),
    ]


def examine_data(study: str, results: Path) -> list[Finding]:
    """Prepare a study's datasets that are a user's own files, as a run would, and look at them.

    What is packed is kept for the run.

    Raises:
        BenchError: there is no such study, or it cannot be expanded.
    """
    cells = load_study(study).whole
    parts = {
        repr((cell.dataset.name, cell.dataset.hyperparameters)): cell.dataset for cell in cells
    }
    found: list[Finding] = []
    for part in parts.values():
        dataset = make_dataset(part.name, part.hyperparameters)
        if dataset.content() is None:
            continue
        label = label_of(dataset)
        try:
            dataset.fetch(results / "cache")
            dataset.prepare(results / "cache", torch.device("cpu"))
        except BenchError as error:
            found.append(Finding(label, "", str(error)))
            continue
        protocol = dataset.protocol()
        cautions = protocol.pop("cautions", [])
        found += [Finding(label, f"{name}: {told}") for name, told in protocol.items()]
        found += [Finding(label, told, caution=True) for told in cautions]
    return found or [Finding(study, "none of its datasets is a user's own files")]


def _compiler() -> Finding:
    """Find the compiler of rounds; without one training still runs, several times slower."""
    missing = "none was found (g++, or the one that CXX names); rounds are not compiled"
    return Finding("C++ compiler", compiler() or missing)


def _gpus() -> Finding:
    try:
        return Finding("GPUs", ", ".join(visible_gpus()) or "none, the CPU is used")
    except BenchError as error:
        return Finding("GPUs", "", str(error))


def _parts(kind: str) -> Finding:
    found = find(kind)
    broken = "; ".join(f"{name}: {each.reason}" for name, each in found.broken.items())
    return Finding(f"{kind}s", ", ".join(found.parts), broken)


def _inception() -> Finding:
    """Find FID's weights; without them everything else runs, so missing ones are no problem."""
    try:
        weights = find_weights()
        if weights is None:
            return Finding("FID", f"not computed: {UNAVAILABLE}")
        return Finding("FID", f"{weights}, SHA-256 {vouched(weights)[:16]}…")
    except BenchError as error:
        return Finding("FID", "", str(error))


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "", "not installed; run: make setup")


def _cores() -> Finding:
    own, all_of_them = cores(), os.cpu_count()
    why = "" if own == all_of_them else f" of {all_of_them}, by affinity or a container's quota"
    return Finding("CPU cores", f"{own}{why}")


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


def _folder(what: str, folder: Path, remedy: str) -> Finding:
    there = _existing(folder)
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding(what, "", f"{there} cannot be written to; {remedy}")
    free = shutil.disk_usage(there).free / 2**30
    problem = f"only {free:.1f} GiB free below {there}" if free < LEAST_FREE_GIB else ""
    return Finding(what, f"{folder}, {free:.0f} GiB free", problem)


def _locks(results: Path) -> Finding:
    """Check whether the results' file system supports locks, which separate runs."""
    try:
        with tempfile.NamedTemporaryFile("a+", dir=_existing(results)) as file:
            return Finding("locks", "work" if not hold(file, REMEDY) else "are held")
    except BenchError as error:
        return Finding("locks", "", str(error))
    except OSError:
        return Finding("locks", "not tried, as the results folder cannot be written to")


def _temporary() -> Finding:
    try:
        return _folder("temporary", Path(tempfile.gettempdir()), "set TMPDIR to another folder")
    except FileNotFoundError as error:  # none of the usual ones can be written to
        return Finding("temporary", "", f"{error.strerror}; set TMPDIR to a folder of yours")


def _tracking(results: Path) -> Finding:
    """Return where cells are sent, and for a server whether it can be reached."""
    uri = tracking_uri(results)
    address = urlsplit(uri)
    if address.scheme not in ("http", "https"):
        return Finding("MLflow", shown(uri))
    try:
        port = address.port or {"http": 80, "https": 443}[address.scheme]
        socket.create_connection((address.hostname or "", port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        return Finding("MLflow", "", f"nobody answers at {shown(uri)} ({error}); runs are stored, "
                       "and bench sync sends them later")  # fmt: skip
    return Finding("MLflow", shown(uri))
