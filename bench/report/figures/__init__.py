"""Every figure of a report, drawn into a folder."""

from __future__ import annotations

from pathlib import Path

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.figures.curves import draw_curves
from bench.report.figures.latents import draw_evolution, draw_interpolations
from bench.report.figures.norms import draw_norms
from bench.report.figures.overview import draw_overview
from bench.report.figures.phase import draw_phase
from bench.report.figures.samples import draw_samples
from bench.report.figures.seeds import chosen
from bench.report.figures.style import Style
from bench.report.page.document import Figure


def draw_all(
    problems: list[Problem],
    standings: list[list[Standing]],
    style: Style,
    folder: Path,
    notes: list[str],
) -> dict[str, list[Figure]]:
    """Draw into ``folder``/figures; the figures by problem label, the overview's under ``""``.

    Records that cannot be read are named in ``notes``.
    """
    (folder / "figures").mkdir()
    found: dict[str, list[Figure]] = {}
    if problems:
        found[""] = [draw_overview(problems, standings, folder)]
    for problem, ranked in zip(problems, standings, strict=True):
        order = [standing.method for standing in ranked]
        shown = chosen(problem, order, notes)
        drawn = [
            draw_curves(problem, order, style, folder),
            draw_phase(problem, order, style, folder),
            draw_samples(problem, shown, style, folder),
            draw_evolution(problem, shown, folder),
            draw_interpolations(problem, shown, folder),
            draw_norms(problem, order, style, folder, notes),
        ]
        found[problem.label] = [figure for figure in drawn if figure is not None]
    return found
