"""What stands behind the numbers: failures and provenance."""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from bench.execution.plan import Planned
from bench.records.store import Record
from bench.registry import find_methods
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import status_of
from bench.report.figures.style import named
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Details,
    Entry,
    Items,
    Listing,
    Paragraph,
    Section,
    Table,
)


def failures(problems: list[Problem]) -> Section:
    """Every cell that is not ok; seeds of one method with the same fate share a row."""
    grouped: dict[tuple[str, ...], list[Planned]] = defaultdict(list)
    for problem in problems:
        for planned in problem.planned:
            status = status_of(planned)
            if status == "ok":
                continue
            reason = planned.record.reason if planned.record else planned.why
            output = planned.record.data["output"] if planned.record else ""
            grouped[problem.label, planned.cell.method.label, status, reason, output].append(
                planned
            )
    if not grouped:
        return Section("Failures", "failures", [Paragraph("Every cell is ok.")])
    rows, outputs = [], []
    for (label, method, status, reason, output), cells in grouped.items():
        seeds = numbers.ranges([planned.cell.seed for planned in cells])
        failed = cells[0].record is not None
        rows.append([Entry(label), Entry(method), Entry(seeds),
                     Entry(status.replace("_", " "), "failed" if failed else "quiet"),
                     Entry(reason)])  # fmt: skip
        if output.strip():
            summary = f"{method} on {label}, seed {seeds}: last lines of output"
            outputs.append(Details(summary, [Listing(output)]))
    caption = (
        f"{numbers.count(sum(map(len, grouped.values())), 'cell')} not ok. None of them enters a "
        "mean. Crashed, killed and timed-out cells are tried again by the next run."
    )
    header = ["dataset", "method", "seeds", "status", "reason"]
    table = Table("failures", caption, header, rows, names=1, texts=(2, 3, 4))
    return Section("Failures", "failures", [table, *outputs])


def provenance(problems: list[Problem]) -> Section:
    """Where the numbers come from: versions, devices, commits, and the methods' settings."""
    cells = [planned for problem in problems for planned in problem.planned]
    records = [record for problem in problems for record in problem.records()]
    keys = {planned.cell.key for planned in cells}
    finished = sorted(filter(None, (r.data["run"].get("finished_at") for r in records)))
    items = [
        ("Cells", f"{len(cells)}, with {len(keys)} different keys; {len(records)} have a record"),
        ("Finished", f"between {finished[0]} and {finished[-1]}" if finished else "no cell yet"),
        ("Devices", _counted(_device(record) for record in records)),
        ("Versions", _counted(_versions(record) for record in records)),
        ("Commits", _counted(_commit(record) for record in records)),
    ]
    blocks: list[Block] = [Items(items)]
    methods = {p.cell.method.label: p.cell.method for p in cells}
    if methods:
        rows = [[Entry(label), Entry(listed(method.settings) or "none")]
                for label, method in sorted(methods.items())]  # fmt: skip
        blocks.append(
            Table("settings", "Settings of each method.", ["method", "settings"], rows, texts=(1,))
        )
    found = find_methods().methods
    for name in sorted({method.name for method in methods.values()} & found.keys()):
        if text := inspect.getdoc(found[name]):
            blocks.append(Details(f"{named(name, 60)}: what it is", [Listing(text)]))
    return Section("Provenance", "provenance", blocks)


def mixed(problem: Problem) -> list[str]:
    """Where cells of one table differ in device, versions or protocol, one line each."""
    measured = [record for record in problem.records() if record.evaluations]
    protocols = _differing([record.data["result"].get("protocol", {}) for record in measured])
    told = {
        "devices": [_device(record) for record in measured],
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
    return record.data["run"].get("commit") or "unknown"


def _counted(values: Iterable[str]) -> str:
    counted = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return "; ".join(f"{value} ({numbers.count(n, 'cell')})" for value, n in counted) or "none"


def listed(settings: dict[str, Any]) -> str:
    """``name value, name value``."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())
