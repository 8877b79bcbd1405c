"""Makes a report: its numbers, figures and words."""

from __future__ import annotations

from pathlib import Path

from bench.execution.plan import Planned
from bench.report.analysis.findings import find
from bench.report.analysis.tables import summary_table
from bench.report.content import compose
from bench.report.drawing import drawn
from bench.report.drawing.style import Style
from bench.report.page.document import Document
from bench.study import Study


def write(
    study: Study,
    planned: list[Planned],
    notes: list[str],
    folder: Path,
    baseline: str = "",
    results: Path = Path("results"),
) -> Document:
    """Write runs.csv, summary.csv and figures/ into ``folder`` and return the report."""
    found = find(study, planned, notes, baseline, results)
    found.runs.to_csv(folder / "runs.csv", index=False)
    summary_table(found.problems, found.standings).to_csv(folder / "summary.csv", index=False)
    style = Style(found.methods)
    return drawn(compose(found, style.colour), style, folder)
