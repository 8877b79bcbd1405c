"""Every figure of a report by its name, drawn one by one into a folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.robustness import varied
from bench.report.figures.charts.axes import draw_axes
from bench.report.figures.charts.costs import draw_costs
from bench.report.figures.charts.curves import draw_curves
from bench.report.figures.charts.norms import draw_norms
from bench.report.figures.charts.overview import draw_overview
from bench.report.figures.charts.phase import draw_phase, has_phases
from bench.report.figures.charts.profiles import draw_profiles
from bench.report.figures.charts.ranks import draw_critical_difference
from bench.report.figures.charts.robustness import draw_robustness, draw_variants
from bench.report.figures.drawing.sheets import sheets
from bench.report.figures.drawing.style import Style
from bench.report.figures.pictures.latents import draw_evolution, draw_interpolations
from bench.report.figures.pictures.samples import draw_samples
from bench.report.page.document import Drawn, Figure, Paragraph

Ranked = list[Standing]

OVERVIEW, COST = "overview", "cost"
"""Sections whose figures are of no single problem."""
OF_A_VARIANT = ("curves", "samples", "norms")
"""Figures of a problem that is one of many variants; the others are drawn when asked for."""


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn: nothing is until ``draw`` is called."""

    name: str
    """As ``bench figure`` is told: ``overview``, ``ring8/curves``, ``ring8/samples-2``."""
    section: str
    """A problem's label, the anchor of an experiment that is varied, or one of the sections that
    are of no single problem."""
    draw: Callable[[], Figure | str | None]
    """Words say why there is nothing to draw."""
    in_report: bool = True
    """Whether the report shows it. Of many methods, the report shows only the first sheet."""

    @property
    def kind(self) -> str:
        """The name within its section: ``curves``."""
        return self.name.rpartition("/")[2]


def draw_all(
    problems: list[Problem],
    standings: list[Ranked],
    style: Style,
    folder: Path,
    notes: list[str],
) -> dict[str, dict[str, Drawn]]:
    """Draw into ``folder``/figures all that a report shows; figures by section and kind.

    Where there is nothing to draw for a reason, its words stand in the figure's place. Records that
    cannot be read are named in ``notes``.
    """
    (folder / "figures").mkdir()
    found: dict[str, dict[str, Drawn]] = {}
    for drawing in drawings(problems, standings, style, folder, notes):
        if not drawing.in_report:
            continue
        with style.drawing():
            figure = drawing.draw()
        if figure is not None:
            shown = Paragraph(figure) if isinstance(figure, str) else figure
            found.setdefault(drawing.section, {})[drawing.kind] = shown
    return found


def drawings(
    problems: list[Problem],
    standings: list[Ranked],
    style: Style,
    folder: Path,
    notes: list[str],
) -> Iterator[Drawing]:
    """All figures of a study in the order of its report."""
    if not problems:
        return
    pairs = zip(problems, standings, strict=True)
    # the variants of one experiment are one dataset seen several times, and no datasets to rank on
    fixed = [pair for pair in pairs if pair[0].cell.variation is None]
    whole = ([problem for problem, _ in fixed], [ranked for _, ranked in fixed], style, folder)
    if fixed:
        yield Drawing("overview", OVERVIEW, partial(draw_overview, *whole))
    if len(fixed) > 1:
        yield Drawing("critical-difference", OVERVIEW, partial(draw_critical_difference, *whole))
    groups = varied(problems, standings)
    for group, name in zip(groups, _slugs([(g.label, g.anchor) for g in groups]), strict=True):
        place = (group, style, folder)
        yield Drawing(f"{name}/variants", group.anchor, partial(draw_variants, *place))
        yield Drawing(f"{name}/robustness", group.anchor, partial(draw_robustness, *place))
    names = _names(problems)
    for problem, ranked, name in zip(problems, standings, names, strict=True):
        yield from _of_one(problem, ranked, name, style, folder, notes)
    if fixed:
        yield Drawing("costs", COST, partial(draw_costs, *whole))


def _of_one(
    problem: Problem, ranked: Ranked, name: str, style: Style, folder: Path, notes: list[str]
) -> Iterator[Drawing]:
    order = [standing.method for standing in ranked]
    place = (style, folder)
    wholes: dict[str, Callable[[], Figure | None]] = {
        "curves": partial(draw_curves, problem, order, *place),
        "axes": partial(draw_axes, problem, order, *place),
        "profiles": partial(draw_profiles, problem, ranked, *place),
    }
    for kind, draw in wholes.items():
        yield Drawing(f"{name}/{kind}", problem.label, draw, _is_shown(problem, kind))
    shape = problem.dataset.sample_shape
    kinds: dict[str, Callable[..., Figure | None]] = {}
    if has_phases(problem):
        kinds["phase"] = draw_phase
    if len(shape) == 3 or shape == (2,):
        kinds |= {"samples": draw_samples, "evolution": draw_evolution}
    if len(shape) == 3:
        kinds["interpolations"] = draw_interpolations
    kinds["norms"] = draw_norms
    for kind, draw_sheet in kinds.items():
        for sheet in sheets(ranked, name):
            yield Drawing(
                f"{name}/{kind}{sheet.suffix}",
                problem.label,
                partial(draw_sheet, problem, sheet, style, folder, notes),
                in_report=sheet.number == 1 and _is_shown(problem, kind),
            )


def _is_shown(problem: Problem, kind: str) -> bool:
    """Whether the report shows such a figure: of many variants, some kinds alone."""
    return problem.cell.variation is None or kind in OF_A_VARIANT


def _names(problems: list[Problem]) -> list[str]:
    return _slugs([(problem.label, problem.anchor) for problem in problems])


def _slugs(labels: list[tuple[str, str]]) -> list[str]:
    """What is called so where a name must be typed: its label where that allows it, or anchor."""
    plain = [re.sub(r"[^A-Za-z0-9_.]+", "-", label).strip("-.") for label, _ in labels]
    often = Counter(name.casefold() for name in plain)
    return [
        name if name and len(name) <= 60 and often[name.casefold()] == 1 else anchor
        for name, (_, anchor) in zip(plain, labels, strict=True)
    ]
