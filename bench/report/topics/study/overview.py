"""The overview: how good every method is on every problem, who failed, who cannot be told apart."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.tables import FLOOR
from bench.report.drawing.style import Style, save
from bench.report.drawing.words import failed_told, seeds_told
from bench.report.page import numbers
from bench.report.page.document import Drawing, Figure
from bench.report.topics.study.heat_map import CROSS, HeatMap

MOST_TOLD = 60
"""Cells beyond which the text that stands for the picture names the best ones alone."""


def overview(found: Findings) -> Drawing:
    """Return the heat map of methods × datasets, which is yet to be drawn."""
    problems, standings = map(list, zip(*found.fixed, strict=True))
    return Drawing("overview", partial(draw_overview, problems, standings))


def draw_overview(
    problems: list[Problem], standings: list[list[Standing]], style: Style, folder: Path
) -> Figure | None:
    """Methods × problems: the interquartile mean, on the way from untrained to real data."""
    if not problems:
        return None
    sheet = HeatMap(problems, standings, style)
    sheet.draw()
    told = _words(problems, standings, sheet.methods)
    return Figure(save(sheet.canvas, folder, "overview"), told, _caption(sheet))


def _caption(sheet: HeatMap) -> str:
    problems, scales = sheet.problems, [scale for scale in sheet.scales if scale]
    parts = [
        f"Interquartile mean of each dataset's primary metric over {seeds_told(problems)}; below "
        f"it, its {numbers.INTERVAL}."
    ]
    if sheet.any_failed:
        parts.append(
            f"{CROSS}: failed seeds; each counts as the worst value. Grey: too many for a mean."
        )
    if scales:
        parts.append(
            "Colour: progress from an untrained generator (pale) to real data (dark), independent "
            "of the other methods."
        )
    ratios = [p.label for p, s in zip(problems, sheet.scales, strict=True) if s and s.by_ratios]
    if ratios:
        parts.append(
            f"On {numbers.listing(ratios)} it is real data's value divided by the method's."
        )
    guessed = [p for p, s in zip(problems, sheet.scales, strict=True) if s and not s.is_measured]
    if guessed:
        starts = {"0" if p.primary.higher_is_better else "a hundred times real data's value"
                  for p in guessed}  # fmt: skip
        parts.append(
            f"On {numbers.listing([p.label for p in guessed])} untrained generators were not "
            f"measured: pale is {' or '.join(sorted(starts))}."
        )
    blank = [p.label for p, s in zip(problems, sheet.scales, strict=True) if s is None]
    if blank:
        parts.append(f"No colour on {numbers.listing(blank)}: real data's value is not known.")
    if sheet.is_counted:
        parts.append("Rows: by the number of datasets on which a method is among the best.")
    return " ".join(parts)


def _words(problems: list[Problem], standings: list[list[Standing]], methods: list[str]) -> str:
    """What the picture shows, for those who hear it."""
    few = sum(map(len, standings)) <= MOST_TOLD
    columns = []
    for problem, ranked in zip(problems, standings, strict=True):
        told = [_heard(problem, s) for s in ranked if few or s.against_best == "best"]
        real = problem.floor.get(problem.primary.name)
        if real is not None:
            told.append(f"{FLOOR} {numbers.of(problem.primary, real)}")
        columns.append(f"{problem.label} by {problem.primary.label}: {', '.join(told)}")
    return (
        f"Heat map of {numbers.count(len(methods), 'method')} by "
        f"{numbers.count(len(problems), 'problem')}. {'; '.join(columns)}."
        + ("" if few else " The tables of the datasets hold every number.")
    )


def _heard(problem: Problem, standing: Standing) -> str:
    told = [standing.method]
    if standing.holds and standing.centre is not None:
        told.append(numbers.of(problem.primary, standing.centre.value))
    elif not standing.failed:
        lacking = standing.not_computed(problem.primary)
        told.append(
            numbers.NOT_COMPUTED if lacking else next(iter(standing.statuses), numbers.NOTHING)
        )
    outcome = {"best": "best", "tied": "not distinguishable from the best"}.get(
        standing.against_best
    )
    notes = [note for note in (outcome, failed_told(standing)) if note]
    return " ".join(told) + (f" ({', '.join(notes)})" if notes else "")
