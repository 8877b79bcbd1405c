"""The report of a study: tables, figures and a page, made from the records and nothing else."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.records.fingerprint import digest
from bench.registry import described
from bench.report.publishing import is_published, publish, sha256
from bench.words import program

if TYPE_CHECKING:
    from bench.execution.plan import Planned
    from bench.report.page.document import Document
    from bench.study import Study

__all__ = ["write_report"]

BENCH = Path(__file__).parent.parent
PACKAGES = (
    "jinja2", "matplotlib", "numpy", "pandas", "pillow", "scikit-posthocs", "scipy", "seaborn"
)  # fmt: skip
"""Packages that a report's numbers, drawings and pages are made with."""


def write_report(
    study: Study,
    planned: list[Planned],
    results: Path,
    notes: Sequence[str] = (),
    baseline: str = "",
) -> Path:
    """Write the report into ``results``/``study.name`` and return the path of report.html.

    Nothing is written if the last report was made from the same records and options by the same
    code and packages, and all its files are still as they were written. Otherwise the files are
    made beside the old ones and then take their place.
    """
    labels = sorted({each.cell.method.label for each in planned})
    if baseline and baseline not in labels:
        raise BenchError(
            f"--baseline {baseline!r}: no method of this study is called that; "
            f"choose one of {', '.join(labels)}"
        )
    folder = results / study.name
    made_from = _made_from(study, planned, notes, baseline, results)
    if is_published(folder, "report", made_from):
        return folder / "report.html"
    # plotting takes seconds to import; a report that is published needs none of it
    from bench.report.writing import write

    def make(scratch: Path) -> Document:
        return write(study, planned, list(notes), scratch, baseline, results)

    return publish(folder, "report", make, made_from, "--results (make: RESULTS=…)")


def _made_from(
    study: Study, planned: list[Planned], notes: Sequence[str], baseline: str, results: Path
) -> str:
    """Return a digest of all that a report depends on: records, options, code and packages."""
    methods = {each.cell.method.label: each.cell.method for each in planned}
    told: dict[str, Any] = {
        "study": [
            study.name,
            study.description,
            study.source,
            study.comparison,
            study.margin,
            baseline,
            str(results),
            program(),
        ],
        "deciding": None if study.deciding is None else study.deciding.model_dump(),
        # the commands that reproduce a cell depend on which cells the study's file names
        "whole": sorted(cell.key for cell in study.whole),
        "cells": [
            [p.cell.key, p.cell.method.label, _varied(p), p.state, p.why, *_version(p)]
            for p in planned
        ],
        "methods": {label: described(m.name, m.hyperparameters) for label, m in methods.items()},
        "notes": list(notes),
        # by their bytes, as parsing them takes longer than everything else here
        "sources": {
            str(file.relative_to(BENCH)): sha256(file)
            for file in sorted(BENCH.rglob("*.*"))
            if file.suffix in (".py", ".html", ".css", ".js")
        },
        "python": platform.python_version(),
        "packages": {name: _installed(name) for name in PACKAGES},
    }
    return digest(told)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _varied(planned: Planned) -> list[Any]:
    """Return what the key does not say of the variant: its name, and the target it is judged by."""
    variation = planned.cell.variation
    return [] if variation is None else list(dataclasses.astuple(variation))


def _version(planned: Planned) -> list[Any]:
    """Return what tells a record from another one of the same key, and its files as they lie."""
    record = planned.record
    if record is None:
        return []
    lying: list[Any] = []
    # networks are not looked at
    files = set(record.data["files"]) - set(record.networks.values())
    for name in sorted(files) if record.folder is not None else ():
        try:
            stat = (record.folder / name).stat()
            lying.append([name, stat.st_size, stat.st_mtime_ns])
        except OSError:  # the report says that it is missing
            lying.append([name])
    taken = [[each.key, each.measured.get("finished_at")] for each in record.measurements]
    missing = {name: why.text for name, why in record.absent.items()}
    return [digest(record.data), lying, taken, missing]
