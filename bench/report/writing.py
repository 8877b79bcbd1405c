"""Puts a report's files together."""

from __future__ import annotations

import time
from pathlib import Path

from bench.execution.plan import Planned
from bench.report.analysis.findings import find
from bench.report.analysis.tables import summary_table
from bench.report.content import compose
from bench.report.drawing import drawn
from bench.report.drawing.style import Style
from bench.report.page.copies import write_copies
from bench.report.page.html import render_page
from bench.report.page.markdown import render_markdown
from bench.study import Study


def write(
    study: Study,
    planned: list[Planned],
    notes: list[str],
    folder: Path,
    baseline: str = "",
    results: Path = Path("results"),
) -> None:
    """Write report.html, report.md, runs.csv, summary.csv, figures/ and tables/ into ``folder``."""
    found = find(study, planned, notes, baseline, results)
    found.runs.to_csv(folder / "runs.csv", index=False)
    summary_table(found.problems, found.standings).to_csv(folder / "summary.csv", index=False)
    style = Style(found.methods)
    document = drawn(compose(found, style.colour), style, folder)
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    (folder / "report.html").write_text(render_page(document, folder, made), encoding="utf-8")
    (folder / "report.md").write_text(render_markdown(document, made), encoding="utf-8")
    write_copies(document, folder)
