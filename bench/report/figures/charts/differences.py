"""Differences to the best method, or to a baseline, with their intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.report.analysis.contrast import Contrast
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.figures.drawing.style import INK, Style, save
from bench.report.figures.drawing.words import blank, failed_told, fitted, seeds_told, text_width
from bench.report.page import numbers
from bench.report.page.document import Figure
from bench.report.statistics import differences

ROW = 0.34
"""Inches a method takes."""
NARROW_ROW = 0.48
"""The same in a column, where what is told stands below the name."""
ABOVE, BELOW = 0.12, 0.24
"""Shares of a row: the interval lies a little above its middle, the seeds below."""
FAR = 30
"""Times that the largest difference exceeds the median one before the axis bends."""


def draw_differences(
    problem: Problem, ranked: list[Standing], style: Style, folder: Path
) -> Figure | None:
    """A forest plot against the baseline where there is one, or else against the best method.

    None where nothing can be compared.
    """
    reference, rows = _rows(ranked)
    if reference is None or not any(contrast.difference for _, contrast in rows):
        return None
    metric, size = problem.primary, style.small
    factor = 100 if metric.percent else 1
    names = {s.method: fitted(s.method, size, 0.26 * style.width) for s, _ in rows}
    told = {s.method: _told(problem, s, contrast) for s, contrast in rows}
    lines = {method: [text] for method, text in told.items()}
    if style.narrow:
        size = style.letters(0)
        names = {s.method: fitted(s.method, size, 0.42 * style.width) for s, _ in rows}
        lines = {method: [names[method], *text.split(", ")] for method, text in told.items()}
    left = 0.18 + max(text_width(name, size) for name in names.values())
    right = 0.25 + max(text_width(text, size) for part in lines.values() for text in part)
    width, top, bottom, each = style.width, 0.1, 0.5, ROW
    if style.narrow:
        left, right, bottom, each = right - 0.07, 0.1, 0.75, NARROW_ROW
    height = top + bottom + each * len(rows)
    style.fits(height)
    canvas = blank(width, height)
    axis = canvas.add_axes((left / width, bottom / height, 1 - (left + right) / width,
                            each * len(rows) / height))  # fmt: skip
    drawn: list[float] = []
    for row, (standing, contrast) in enumerate(rows):
        seeds = [factor * d for d in differences(standing.scores, reference.scores)]
        drawn += seeds + _row(axis, row, standing.method, contrast, seeds, factor, style)
        own, beside = lines[standing.method], [(names[standing.method], 0.0, -7.0, "right", INK)]
        beside.append((told[standing.method], 1, 8, "left", "#555555"))
        ups = [0.0, 0.0]
        if style.narrow:
            beside = [(text, 0, -7, "right", "#555555" if place else INK)
                      for place, text in enumerate(own)]  # fmt: skip
            ups = [1.2 * size * ((len(own) - 1) / 2 - place) for place in range(len(own))]
        for (words, x, shift, align, colour), up in zip(beside, ups, strict=True):
            text = axis.annotate(words, (x, row), (shift, up), xycoords=("axes fraction", "data"),
                                 textcoords="offset points", ha=align, va="center",
                                 fontsize=size, color=colour)  # fmt: skip
            style.tag(text, standing.method)
    is_bent = _bend(axis, drawn)
    axis.axvline(0, color=INK, lw=1, zorder=1)
    axis.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
    ways = ("← worse", "better →") if metric.higher_is_better else ("← better", "worse →")
    unit = ", percentage points" if metric.percent else ""
    shown = fitted(reference.method, style.text, 0.2 * style.width)
    told_x = f"{ways[0]}    difference to {shown} in {metric.label}{unit}    {ways[1]}"
    if style.narrow:
        shown = fitted(reference.method, style.text, 0.5 * style.width)
        told_x = f"{ways[0]}    {ways[1]}\ndifference to {shown}\nin {metric.label}{unit}"
    axis.set_xlabel(told_x)
    axis.spines[["left", "right", "top"]].set_visible(False)
    axis.tick_params(axis="x", labelsize=size)
    return Figure(
        save(canvas, folder, f"{problem.anchor}-differences"), _heard(problem, reference, rows),
        _caption(problem, reference, rows, is_bent),
    )  # fmt: skip


def _rows(ranked: list[Standing]) -> tuple[Standing | None, list[tuple[Standing, Contrast]]]:
    """The method that is compared with, and the others with their comparison, best first."""
    to_baseline = [(s, s.to_baseline) for s in ranked if s.to_baseline is not None]
    rows = to_baseline or [(s, s.to_best) for s in ranked if s.to_best is not None]
    if not rows:
        return None, []
    other = rows[0][1].other
    return next((s for s in ranked if s.method == other), None), rows


def _row(
    axis: Any, row: int, method: str, contrast: Contrast, seeds: list[float], factor: int,
    style: Style,
) -> list[float]:  # fmt: skip
    """Draws a method's row and returns the ends of its interval."""
    colour, interval = style.colour[method], contrast.difference
    if row % 2 == 0:
        style.tag(axis.axhspan(row - 0.5, row + 0.5, color="#F6F6F6", lw=0, zorder=0), method)
    if seeds:
        dots = axis.scatter(seeds, [row + BELOW] * len(seeds), s=16 * style.scale, color=colour,
                            alpha=0.5, lw=0, zorder=2)  # fmt: skip
        style.tag(dots, method)
    if interval is None:
        return []
    ends = [factor * end for end in (interval.low, interval.high) if end is not None]
    if ends:
        (line,) = axis.plot(ends, [row - ABOVE] * 2, color=colour, lw=1.8 * style.scale, zorder=3)
        style.tag(line, method)
    is_told_apart = contrast.outcome in ("ahead", "behind")
    (middle,) = axis.plot(
        factor * interval.value, row - ABOVE, ls="", marker=style.marker[method],
        ms=7.5 * style.scale, mec=colour, mew=1.6 * style.scale,
        color=colour if is_told_apart else "white", zorder=4,
    )  # fmt: skip
    style.tag(middle, method)
    return ends


def _bend(axis: Any, drawn: list[float]) -> bool:
    """Bend the axis where one difference would press all others together; whether it was."""
    sizes = np.abs([value for value in drawn if value])
    if not len(sizes) or sizes.max() <= FAR * np.median(sizes):
        return False
    axis.set_xscale("symlog", linthresh=float(2 * np.median(sizes)))
    axis.set_xlim(1.6 * min(0.0, *drawn), 1.6 * max(0.0, *drawn))
    return True


def _told(problem: Problem, standing: Standing, contrast: Contrast) -> str:
    parts = [numbers.difference(problem.primary, contrast.difference)]
    if contrast.difference is None:
        parts = ["no finished seed to compare"]
    if standing.failed:
        parts.append(f"✗ {failed_told(standing)}")
    return ", ".join(parts)


def _heard(
    problem: Problem, reference: Standing, rows: list[tuple[Standing, Contrast]]
) -> str:  # fmt: skip
    told = [
        f"{s.method} {_told(problem, s, contrast).removeprefix('✗ ')} ({_outcome(contrast)})"
        for s, contrast in rows
    ]
    return (
        f"Differences to {reference.method} on {problem.label} in {problem.primary.label}, "
        f"with {numbers.INTERVAL}s: {'; '.join(told)}."
    )


def _outcome(contrast: Contrast) -> str:
    words = {"tied": "not told apart", "ahead": "better", "behind": "worse"}
    return words.get(contrast.outcome, "too few seeds to tell")


def _caption(
    problem: Problem, reference: Standing, rows: list[tuple[Standing, Contrast]], is_bent: bool
) -> str:
    better = "right" if problem.primary.higher_is_better else "left"
    shares = any(s.failed for s in (reference, *(s for s, _ in rows)))
    role = "the baseline" if rows[0][0].to_baseline is not None else "the best method"
    parts = [
        f"Each method less {reference.method}, {role}, by {problem.primary.label} at the last "
        f"evaluation: further {better} is better. Small dots: the difference at every seed that "
        f"both finished, of {seeds_told([problem])}; large marks: {_mean(rows)}, with its "
        f"{numbers.INTERVAL}. Filled: told apart by a test that is corrected for the number of "
        "methods; hollow: cannot be told apart."
    ]
    if shares:
        parts.append(
            "✗: a seed that failed has no difference and is not in the interval, which speaks for "
            "the other seeds only; in the test it counts as the worst value there is."
        )
        if reference.failed:
            parts.append(f"Of {reference.method}, {failed_told(reference)}.")
    if is_bent:
        parts.append("Far from 0 the axis is logarithmic.")
    return " ".join(parts)


def _mean(rows: list[tuple[Standing, Contrast]]) -> str:
    paired = rows[0][1].comparison == "paired"
    return "their mean" if paired else "the difference of the means over finished seeds"
