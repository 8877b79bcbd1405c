"""Where the numbers come from, and how to make them again."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bench.records.record import Record
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, status_of
from bench.report.page import numbers
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
from bench.report.topics.study.reproduce import reproducer
from bench.words import program

UNKNOWN = "unknown"
COMMIT = re.compile(r"([0-9a-f]{7,64})(\+changes)?")
"""As records hold it. Anything else is not put into a command."""


def provenance(found: Findings) -> list[Section]:
    """Versions, devices, commits, and the command behind every cell."""
    cells = [planned for problem in found.problems for planned in problem.planned]
    records = [record for problem in found.problems for record in problem.records()]
    keys = {planned.cell.key for planned in cells}
    finished = sorted(filter(None, (r.data["run"].get("finished_at") for r in records)))
    items = [
        ("Cells", f"{len(cells)}, with {len(keys)} different keys; {len(records)} have a record"),
        ("Finished", f"between {finished[0]} and {finished[-1]}" if finished else "no cell yet"),
        ("Devices", _counted(_device(record) for record in records)),
        ("Engines", _counted(record.data["run"].get("engine") or "unknown" for record in records)),
        ("Versions", _counted(_versions(record) for record in records)),
        ("Commits", _counted(_commit(record) for record in records)),
        (
            "Data",
            "runs.csv (a row per cell), summary.csv, tables/ and figures/ lie beside this page; "
            f"`{program()} export` writes every series",
        ),
    ]
    return [Section("Provenance", "provenance", [Items(items), *_again(found)])]


def _again(found: Findings) -> list[Block]:
    """How to train everything again, and each cell."""
    planned = [(problem, each) for problem in found.problems for each in problem.planned]
    if not planned:
        return []
    study, command = found.study.source or found.study.name, reproducer(found.study)
    lines = [
        shlex.join([program(), "run", study, "--results", "again"]),
        shlex.join([program(), "compare", str(found.results), "again", "--study", study]),
    ]
    commits = Counter(_commit(record) for problem in found.problems for record in problem.records())
    told = "To train the whole study again, and compare:"
    if len(commits) == 1 and (known := COMMIT.fullmatch(next(iter(commits)))):
        lines.insert(0, f"git checkout {known[1]}")
        if known[2]:
            told += " (its code held changes that were not committed)"
    rows = [
        [Entry(problem.label), Entry(each.cell.method.label, method=each.cell.method.label),
         Entry(str(each.cell.seed), value=each.cell.seed), Entry(status_of(each).replace("_", " ")),
         Entry(command(each.cell))]
        for problem, each in planned
    ]  # fmt: skip
    table = Table(
        "commands",
        "The command that trains each cell. A cell that is stored is not trained again: add "
        "--results and an empty folder to see whether it comes out the same. Cells that options "
        "brought into the study have them in their commands.",
        ["dataset", "method", "seed", "status", "command"],
        rows,
        names=1,
        texts=(3, 4),
    )
    return [
        Paragraph(told),
        Listing("\n".join(lines), is_command=True),
        Details("The command for each cell", [table]),
    ]


def mixed_conditions(_: Findings, problem: Problem, __: list[Standing]) -> list[Block]:
    """Return a notice where runs of one problem were made under different conditions."""
    lines = mixed(problem)
    return [Notice("Not all runs were made under the same conditions", lines)] if lines else []


def mixed(problem: Problem) -> list[str]:
    """Where cells of one table differ in device, engine, versions or protocol, one line each."""
    measured = [record for record in problem.records() if record.evaluations]
    protocols = _differing([record.protocol for record in measured])
    told = {
        "devices": [_device(record) for record in measured],
        "engines": [record.data["run"].get("engine") or "unknown" for record in measured],
        "versions": [_versions(record) for record in measured],
        "protocols": [listed(protocol) or "none of these" for protocol in protocols],
    }
    return [
        f"{problem.label} mixes {what}: {_counted(values)}"
        for what, values in told.items()
        if len(set(values)) > 1
    ]


def _differing(protocols: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries that are not the same everywhere: a whole protocol is too long to compare."""
    names = dict.fromkeys(name for protocol in protocols for name in protocol)
    apart = [name for name in names if len({str(p.get(name)) for p in protocols}) > 1]
    return [{name: p[name] for name in apart if name in p} for p in protocols]


def _device(record: Record) -> str:
    run = record.data["run"]
    return " ".join(filter(None, [run.get("device"), run.get("device_name")])) or "unknown"


def _versions(record: Record) -> str:
    return listed(record.data["run"].get("versions", {})) or "unknown"


def _commit(record: Record) -> str:
    return record.data["run"].get("commit") or UNKNOWN


def _counted(values: Iterable[str]) -> str:
    counted = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return "; ".join(f"{value} ({numbers.count(n, 'cell')})" for value, n in counted) or "none"


def listed(hyperparameters: dict[str, Any]) -> str:
    """``name value, name value``."""
    return ", ".join(f"{name} {value}" for name, value in hyperparameters.items())
