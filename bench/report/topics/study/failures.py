"""Every cell that is not ok, and why."""

from __future__ import annotations

from collections import defaultdict

from bench.execution.plan import Planned
from bench.report.analysis.findings import Findings
from bench.report.analysis.ranking import status_of
from bench.report.page.document import (
    Details,
    Entry,
    Listing,
    Paragraph,
    Section,
    Table,
)
from bench.words import count, program, ranges


def failures(found: Findings) -> list[Section]:
    """List every cell that is not ok; seeds of one method with the same fate share a row."""
    grouped: dict[tuple[str, ...], list[Planned]] = defaultdict(list)
    for problem in found.problems:
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
        return [Section("Failures", "failures", [Paragraph("All runs finished.")])]
    rows, outputs = [], []
    for (label, method, status, reason, output), cells in grouped.items():
        seeds = ranges([planned.cell.seed for planned in cells])
        failed = cells[0].record is not None
        rows.append([Entry(label), Entry(method, method=method), Entry(seeds),
                     Entry(status.replace("_", " "), "failed" if failed else "quiet"),
                     Entry(reason)])  # fmt: skip
        if output.strip():
            summary = f"{method} on {label}, seed {seeds}: last lines of output"
            outputs.append(Details(summary, [Listing(output)]))
    # a run that is measured in two ways stands in two rows
    every = {planned.cell.key: planned for cells in grouped.values() for planned in cells}
    lost = sum(planned.record is not None for planned in every.values())
    absent = len(every) - lost
    told = [f"{count(lost, 'run')} failed"] if lost else []
    told += [f"{count(absent, 'run')} not trained"] if absent else []
    caption = (
        f"{' and '.join(told)}. None of them enters a mean; in an interquartile mean a failed run "
        "counts as the worst. Runs that crashed, were killed, or ran out of time or memory are "
        f"tried again by the next “{program()} run”."
    )
    header = ["dataset", "method", "seeds", "status", "reason"]
    table = Table("failures", caption, header, rows, names=1, texts=(2, 3, 4))
    return [Section("Failures", "failures", [table, *outputs])]
