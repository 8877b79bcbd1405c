"""What a machine offers, and what stands in the way of a run."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from bench.errors import BenchError
from bench.execution.devices import cores, visible_gpus
from bench.kinds import KINDS
from bench.measuring.inception import UNAVAILABLE, find_weights, vouched
from bench.registry import find, label_of, make_dataset
from bench.study import load_study
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


@dataclass(frozen=True)
class Finding:
    """One thing looked at; ``problem`` is empty where all is well."""

    what: str
    found: str
    problem: str = ""
    caution: bool = False
    """Whether it stops nothing, and may spoil a result."""


def examine(results: Path) -> list[Finding]:
    """Look at Python, packages, devices, folders, weights, MLflow and what is registered."""
    return [
        Finding("Python", platform.python_version()),
        *map(_package, PACKAGES),
        Finding("CPU cores", str(cores())),
        _gpus(),
        _compiler(),
        _folder(results),
        _inception(),
        Finding("MLflow", os.environ.get("MLFLOW_TRACKING_URI") or f"SQLite below {results}"),
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
    """The compiler of rounds; without one training runs all the same, several times as slowly."""
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
    """FID's weights; without them everything else runs, so that their absence is no problem."""
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


def _folder(results: Path) -> Finding:
    there = results
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding("results", "", f"{there} cannot be written to; name another with --results")
    free = shutil.disk_usage(there).free / 2**30
    problem = f"only {free:.1f} GiB free below {there}" if free < LEAST_FREE_GIB else ""
    return Finding("results", f"{results}, {free:.0f} GiB free", problem)
