"""The report of a study: tables, figures and a page, made from the records and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.records.fingerprint import digest
from bench.registry import described

if TYPE_CHECKING:
    from bench.execution.plan import Planned
    from bench.study import Study

__all__ = ["write_report"]

BENCH = Path(__file__).parent.parent
DIGEST = ".digest"
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
    content = _content(study, planned, notes, baseline, results)
    if _is_written(folder, content):
        return folder / "report.html"
    # plotting takes seconds to import; a report that stands needs none of it
    from bench.report.writing import write

    scratch = folder / f".new-{uuid.uuid4().hex[:8]}"
    try:
        scratch.mkdir(parents=True)
        write(study, planned, list(notes), scratch, baseline, results)
        _replace(scratch, folder, content)
    except OSError as error:
        raise BenchError(
            f"cannot write the report to '{folder}' ({error.strerror or error}); make room there, "
            "or name another folder with --results (make: RESULTS=…)"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder / "report.html"


def _content(
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
            str(file.relative_to(BENCH)): _sha256(file)
            for file in sorted(BENCH.rglob("*.*"))
            if file.suffix in (".py", ".html", ".css", ".js")
        },
        "python": platform.python_version(),
        "packages": {name: _installed(name) for name in PACKAGES},
    }
    return digest(told)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _varied(planned: Planned) -> list[Any]:
    """What the key does not say of the variant: its name, and the target it is judged by."""
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


def _written(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / DIGEST).read_text(encoding="utf-8"))
        files = told["files"]
        # before there were hashes it was a list of names, which says nothing of their content
        hashes = files if isinstance(files, dict) else dict.fromkeys(map(str, files), "")
        return {"content": str(told["content"]), "files": hashes}
    except (OSError, ValueError, KeyError, TypeError):
        return {"content": "", "files": {}}


def _is_written(folder: Path, content: str) -> bool:
    written = _written(folder)
    if written["content"] != content or not written["files"]:
        return False
    try:
        return all(_sha256(folder / name) == sha256 for name, sha256 in written["files"].items())
    except OSError:  # one is missing or cannot be read
        return False


def _replace(scratch: Path, folder: Path, content: str) -> None:
    """Move every new file to its place; figures of the last report that are no more go."""
    files = sorted(str(f.relative_to(scratch)) for f in scratch.rglob("*") if f.is_file())
    before = _written(folder)["files"]
    # without its digest a report that is half replaced is made anew by the next call
    (folder / DIGEST).unlink(missing_ok=True)
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        os.replace(scratch / name, folder / name)
    for name in before:
        # the list is read from a file: nothing outside these two folders is ever deleted
        file = Path(name)
        if name not in files and file.parts[:-1] in (("figures",), ("tables",)):
            (folder / file).unlink(missing_ok=True)
    hashes = {name: _sha256(folder / name) for name in files}
    told = json.dumps({"content": content, "files": hashes}, indent=1)
    (folder / DIGEST).write_text(told + "\n", encoding="utf-8")
