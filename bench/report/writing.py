"""Puts a report's files together."""

from __future__ import annotations

import time
from pathlib import Path

from bench.execution.plan import Planned
from bench.report.analysis.problems import problems
from bench.report.analysis.ranking import standings
from bench.report.analysis.tables import runs_table, summary_table
from bench.report.figures import draw_all
from bench.report.figures.style import Style
from bench.report.page.html import render_page
from bench.report.page.markdown import render_markdown
from bench.report.sections.content import compose
from bench.study import Study


def write(study: Study, planned: list[Planned], notes: list[str], folder: Path) -> None:
    """Write report.html, report.md, runs.csv, summary.csv and figures/ into an empty folder."""
    found = problems(planned)
    ranked = [standings(problem) for problem in found]
    runs = runs_table(found)
    runs.to_csv(folder / "runs.csv", index=False)
    summary_table(found, ranked).to_csv(folder / "summary.csv", index=False)
    style = Style(sorted({name for problem in found for name in problem.by_method}))
    figures = draw_all(found, ranked, style, folder, notes)
    document = compose(study, found, ranked, runs, figures, notes, style.colour)
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    (folder / "report.html").write_text(render_page(document, folder, made), encoding="utf-8")
    (folder / "report.md").write_text(render_markdown(document, made), encoding="utf-8")
