"""Where the numbers come from, and how to make them again."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from bench.errors import BenchError
from bench.records.cell import Cell, Component
from bench.records.record import Record
from bench.registry import make_method
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, status_of
from bench.report.page.document import (
    Block,
    Details,
    Entry,
    Items,
    Listing,
    Notice,
    Paragraph,
    Section,
    Table,
)
from bench.study import Study
from bench.words import count, listing, program
from bench.yaml12 import write_value

UNKNOWN = "unknown"
COMMIT = re.compile(r"([0-9a-f]{7,64})(\+changes)?")
"""As records hold it. Anything else is not put into a command."""
DIGITS = 12
"""Of a key that a command shows."""


def provenance(found: Findings) -> list[Section]:
    """Versions, devices, commits, and the command behind every cell."""
    # a run may be measured in two ways, and then belongs to two problems
    stored = {record.key: record for problem in found.problems for record in problem.records()}
    records = list(stored.values())
    keys = {planned.cell.key for problem in found.problems for planned in problem.planned}
    finished = sorted(filter(None, (r.data["run"].get("finished_at") for r in records)))
    items = [
        ("Runs", f"{len(records)} stored of {len(keys)}"),
        ("Finished", f"between {finished[0]} and {finished[-1]}" if finished else "no run yet"),
        ("Devices", _counted(_device(record) for record in records)),
        ("Engines", _counted(_of_run(record, "engine") for record in records)),
        ("Versions", _counted(_versions(record) for record in records)),
        ("Commits", _counted(_of_run(record, "commit") for record in records)),
        *([("Not in the commits", "; ".join(lacking))] if (lacking := _uncommitted(found)) else []),
        (
            "Data",
            "runs.csv (a row per run), summary.csv, tables/ and figures/ are beside this page; "
            f"“{program()} export” writes every series",
        ),
    ]
    return [Section("Provenance", "provenance", [Items(items), *_again(found)])]


def _again(found: Findings) -> list[Block]:
    """Say how to train everything again, and each cell."""
    planned = [(problem, each) for problem in found.problems for each in problem.planned]
    if not planned:
        return []
    study, command = found.study.source or found.study.name, reproducer(found.study)
    lines = [
        shlex.join([program(), "run", study, "--results", "again"]),
        shlex.join([program(), "compare", str(found.results), "again", "--study", study]),
    ]
    commits = {_of_run(r, "commit") for problem in found.problems for r in problem.records()}
    told = "To train the whole study again, and compare:"
    if len(commits) == 1 and (known := COMMIT.fullmatch(next(iter(commits)))):
        lines.insert(0, f"git checkout {known[1]}")
        if lacking := _uncommitted(found):
            told += f" (put back first, as the commit does not hold them: {listing(lacking)})"
        elif known[2]:
            told += " (its code held changes that were not committed)"
    rows = [
        [Entry(problem.label), Entry(each.cell.method.label, method=each.cell.method.label),
         Entry(str(each.cell.seed), value=each.cell.seed), Entry(status_of(each).replace("_", " ")),
         Entry(command(each.cell))]
        for problem, each in planned
    ]  # fmt: skip
    table = Table(
        "commands",
        "The command for each run. A stored run is not trained again: add --results and an empty "
        "folder to check that it comes out the same.",
        ["dataset", "method", "seed", "status", "command"],
        rows,
        names=1,
        texts=(3, 4),
    )
    return [
        Paragraph(told),
        Listing("\n".join(lines), is_command=True),
        Details("The command for each run", [table]),
    ]


def mixed_conditions(_: Findings, problem: Problem, __: list[Standing]) -> list[Block]:
    """Return a notice where runs of one problem were made under different conditions."""
    lines = mixed(problem)
    return [Notice("Not all runs were made under the same conditions", lines)] if lines else []


def mixed(problem: Problem) -> list[str]:
    """Return where cells of a table differ in device, engine, versions or protocol, by line."""
    measured = [record for record in problem.records() if record.evaluations]
    protocols = _differing([record.protocol for record in measured if record.protocol])
    told = {
        "devices": [_device(record) for record in measured],
        "engines": [_of_run(record, "engine") for record in measured],
        "versions": [_versions(record) for record in measured],
        "protocols": [listed(protocol) or "none of these" for protocol in protocols],
    }
    return [
        f"{problem.label} mixes {what}: {_counted(values)}"
        for what, values in told.items()
        if len(set(values)) > 1
    ]


def _differing(protocols: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries that are not the same everywhere: a whole protocol is too long to read."""
    names = dict.fromkeys(name for protocol in protocols for name in protocol)
    apart = [name for name in names if len({str(p.get(name)) for p in protocols}) > 1]
    return [{name: p[name] for name in apart if name in p} for p in protocols]


def _device(record: Record) -> str:
    run = record.data["run"]
    return " ".join(filter(None, [run.get("device"), run.get("device_name")])) or UNKNOWN


def _versions(record: Record) -> str:
    return listed(record.data["run"].get("versions", {})) or UNKNOWN


def _uncommitted(found: Findings) -> list[str]:
    """Return the files of code that runs were trained with and that their commits lack."""
    runs = [r.data["run"] for problem in found.problems for r in problem.records()]
    return sorted({file for run in runs for file in run.get("uncommitted", ())})


def _of_run(record: Record, name: str) -> str:
    return record.data["run"].get(name) or UNKNOWN


def _counted(values: Iterable[str]) -> str:
    counted = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return "; ".join(f"{value} ({count(n, 'run')})" for value, n in counted) or "none"


def listed(hyperparameters: dict[str, Any]) -> str:
    """``name value, name value``."""
    return ", ".join(f"{name} {value}" for name, value in hyperparameters.items())


def reproducer(study: Study) -> Callable[[Cell], str]:
    """Return the function from a cell of a study to the command that trains it.

    Cells that the study's file names need only their key. Others came in by options, which the
    command repeats.
    """
    name, plain = study.source or study.name, study.whole
    keys = {cell.key for cell in plain}

    def command(cell: Cell) -> str:
        words = [program(), "run", name, "--cell", cell.key[:DIGITS]]
        if cell.key in keys:
            words += ["--decide"] if study.deciding is not None else []
        else:
            words += ["--methods", cell.method.name, "--seeds", f"{cell.seed},"]
            for path, value in _overrides(cell, plain).items():
                words += ["--set", f"{path}={write_value(value)}"]
        return shlex.join(words)

    return command


def _overrides(cell: Cell, plain: list[Cell]) -> dict[str, Any]:
    """Return what a cell has otherwise than its like in the study's file, as ``--set`` takes it."""

    def place(cell: Cell) -> tuple[str, ...]:
        variant = cell.variation.name if cell.variation is not None else ""
        return cell.dataset.name, cell.architecture.name, variant

    like = next((own for own in plain if place(own) == place(cell)), None)
    method = next((own.method for own in plain if own.method.name == cell.method.name), None)
    if method is None:
        with suppress(BenchError):  # a method that is gone
            method = Component(cell.method.name, make_method(cell.method.name).hyperparameters())
    given, usual = _settings(cell, cell.method), _settings(cell, method or cell.method)
    if like is not None:
        usual = _settings(like, method or cell.method)
    return {path: value for path, value in given.items() if usual.get(path) != value}


def _settings(cell: Cell, method: Component) -> dict[str, Any]:
    """Return all that ``--set`` could change of a cell, with a method's hyperparameters."""
    dataset = cell.dataset.name
    found = {
        f"{part.name}.{name}": value
        for part in (method, cell.dataset, cell.architecture)
        for name, value in part.hyperparameters.items()
    }
    found |= {f"{dataset}.training.{name}": value for name, value in asdict(cell.training).items()}
    found[f"{dataset}.evaluations"] = cell.evaluations
    spent = ("budget", cell.budget) if cell.budget else ("updates", cell.updates)
    return found | {f"{dataset}.{spent[0]}": spent[1]}
