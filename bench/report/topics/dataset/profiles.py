"""Profiles: how many seeds of every method, or variants, reach a value. Failures reach none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, PercentFormatter
from numpy.typing import NDArray

from bench.metric import Quantity
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.tables import FLOOR
from bench.report.drawing.sheets import figure
from bench.report.drawing.style import COLOURS, INK, Style, named, save
from bench.report.drawing.words import abreast, failed_told
from bench.report.page import numbers
from bench.report.page.document import Block, Figure
from bench.report.statistics import median, performance_profile
from bench.report.topics.dataset.curves import spans_decades
from bench.words import count, listing

MOST_COLOURED = 10
"""Methods beyond which the others are thin and grey: more lines cannot be followed."""
LEGEND_COLUMNS = 4
THICKEST, THINNEST = 5.5, 1.5
"""Points: of the line at the bottom and of the one at the top, so that both show where they lie
on each other."""

NEAR = 0.3
"""Share of the axis that the seeds must keep for real data to be drawn on it, too."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One method's profile: of the scores of its seeds, or of what else is counted."""

    method: str
    scores: list[float]
    """Infinitely bad where something failed."""


@dataclass(frozen=True)
class Upright:
    """A value that is marked by an upright line."""

    value: float
    name: str
    dash: Any = (0, (1, 1.5))
    is_kept: bool = False
    """Whether the axis reaches to it however far away it is."""


def profile(scores: Sequence[float], metric: Quantity, at: Floats) -> Floats:
    """Return the share of the scores that are at least as good as each value."""
    return performance_profile(list(scores), at, metric.higher_is_better)


def profiles(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the performance profiles."""
    return figure(found, problem, "profiles", partial(draw_profiles, problem, ranked))


def draw_profiles(
    problem: Problem, ranked: list[Standing], style: Style, folder: Path
) -> Figure | None:
    """Draw a line for each method; None where fewer than two seeds have a value."""
    shown = [standing for standing in ranked if standing.scores]
    if sum(len(standing.values) for standing in shown) < 2:
        return None
    real = problem.floor.get(problem.primary.name)
    mark = None if real is None else Upright(float(real), FLOOR)
    lines = [Line(standing.method, list(standing.scores.values())) for standing in shown]
    canvas, has_line = draw_lines(lines, problem.primary, "share of seeds this good", mark, style)
    return Figure(
        save(canvas, folder, f"{problem.anchor}-profiles"), _heard(problem, shown),
        _caption(problem, shown, has_line),
    )  # fmt: skip


def draw_lines(
    lines: list[Line], metric: Quantity, counted: str, mark: Upright | None, style: Style
) -> tuple[Any, bool]:
    """Draw profiles: the canvas, best method first, and whether the mark is drawn as a line.

    ``counted`` is what stands beside the upright axis. There must be a finite score.
    """
    finite = sorted({score for line in lines for score in line.scores if math.isfinite(score)})
    scale = metric.factor
    is_log = spans_decades(metric, pd.Series(finite))
    if mark is not None and mark.is_kept:
        is_log = is_log and mark.value > 0
    low, high = _ends(finite, is_log)
    is_far = False
    if mark is not None:
        wider = _ends(sorted({*finite, mark.value}), is_log and mark.value > 0)
        is_far = (finite[-1] - finite[0]) < NEAR * (wider[1] - wider[0]) and not is_log
        is_far |= is_log and mark.value <= 0
        is_far &= not mark.is_kept
        low, high = (low, high) if is_far else wider
    at = np.array([low, *finite, high])
    coloured, rest = lines[:MOST_COLOURED], lines[MOST_COLOURED:]
    across = abreast([named(s.method, 26) for s in coloured] + ["", ""], style, LEGEND_COLUMNS)
    rows = -(-(len(coloured) + 2) // across)
    each = 0.2 if not style.paper else 0.25
    canvas, axis = plt.subplots(figsize=(style.share(0.8), style.scale * (2.9 + each * rows)))
    # a step holds up to its value where more is better, and from its value on where less is
    where = "steps-pre" if metric.higher_is_better else "steps-post"
    for one in rest:
        (line,) = axis.plot(*_steps(one, metric, at), color="#BBBBBB", lw=style.thin,
                            drawstyle=where, zorder=1.5)  # fmt: skip
        style.tag(line, one.method, _middle(one, metric))
    several = len(style.methods) > len(COLOURS)
    widths = np.linspace(THINNEST, THICKEST, len(coloured)) if len(coloured) > 1 else [2.0]
    for place, (one, width) in enumerate(zip(coloured, widths, strict=True)):
        # the best method is the thinnest and lies on top of all
        dash = style.dash[one.method] if several else "-"
        (line,) = axis.plot(
            *_steps(one, metric, at), color=style.colour[one.method], ls=dash,
            drawstyle=where, lw=width * style.scale, zorder=3 - 0.01 * place,
            solid_joinstyle="miter", solid_capstyle="butt",
        )  # fmt: skip
        style.tag(line, one.method, _middle(one, metric))
    drawn = None if is_far else mark
    if mark is not None and is_far:
        is_left = mark.value < finite[0]
        told = f"{mark.name}: {numbers.of(metric, mark.value)}"
        axis.text(0.01 if is_left else 0.99, 0.03, f"← {told}" if is_left else f"{told} →",
                  ha="left" if is_left else "right", fontsize=style.small, color="#555555",
                  transform=axis.transAxes)  # fmt: skip
    elif mark is not None:
        axis.axvline(mark.value * scale, color=INK, ls=mark.dash, lw=1.2, zorder=2)
    if is_log:
        axis.set_xscale("log")
        axis.xaxis.set_minor_locator(NullLocator())
    way = "more is better: lines further right are better"
    if not metric.higher_is_better:
        way = "less is better: lines further left are better"
    axis.set(
        xlim=(low * scale, high * scale),
        ylim=(-0.02, 1.03),
        xlabel=f"{metric.titled} — {way}",
        ylabel=counted,
    )
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="y", color="#E6E6E6", lw=0.6)
    sns.despine(ax=axis)
    _legend(canvas, coloured, rest, drawn, style)
    return canvas, drawn is not None


def _middle(line: Line, metric: Quantity) -> str:
    return f"median {numbers.of(metric, float(median(line.scores)))}"


def _steps(line: Line, metric: Quantity, at: Floats) -> tuple[Floats, Floats]:
    """Return a profile without its length at 0, where all lines would lie on each other."""
    share = profile(line.scores, metric, at)
    reached = np.flatnonzero(share)
    x = at * metric.factor
    if not len(reached):
        return x, share
    # the drop from 0, or to it, is drawn
    if metric.higher_is_better:
        kept = x[: reached[-1] + 1]
        return np.append(kept, kept[-1]), np.append(share[: reached[-1] + 1], 0)
    kept = x[reached[0] :]
    return np.append(kept[:1], kept), np.append(0, share[reached[0] :])


def _ends(known: list[float], is_log: bool) -> tuple[float, float]:
    """Return where the axis begins and ends: a little beyond what there is."""
    low, high = known[0], known[-1]
    if is_log:
        margin = (high / low) ** 0.06
        return low / margin, high * margin
    margin = 0.06 * (high - low) or max(abs(high), 1e-6) * 0.06
    return low - margin, high + margin


def _legend(
    canvas: Any, coloured: list[Line], rest: list[Line], mark: Upright | None, style: Style
) -> None:
    several = len(style.methods) > len(COLOURS)
    handles = [
        Line2D([], [], color=style.colour[s.method], lw=2.5,
               ls=style.dash[s.method] if several else "-")
        for s in coloured
    ]  # fmt: skip
    labels = [named(s.method, 26) for s in coloured]
    methods: list[str | None] = [s.method for s in coloured]
    if rest:
        handles.append(Line2D([], [], color="#BBBBBB", lw=style.thin))
        labels.append(count(len(rest), "other method"))
        methods.append(None)
    if mark is not None:
        handles.append(Line2D([], [], color=INK, ls=mark.dash, lw=1.2))
        labels.append(mark.name)
        methods.append(None)
    legend = canvas.legend(handles, labels, loc="outside lower center", frameon=False,
                           ncols=abreast(labels, style, LEGEND_COLUMNS))  # fmt: skip
    style.tag_legend(legend, methods)


def _caption(problem: Problem, shown: list[Standing], has_floor: bool) -> str:
    metric = problem.primary
    failed = [f"{s.method} ({failed_told(s)})" for s in shown if s.failed]
    parts = [
        f"Share of a method's seeds whose final {metric.label} is at least this good. Line widths "
        "differ only to keep overlapping lines visible.",
    ]
    if failed:
        parts.append(f"Seeds failed: {listing(failed)}.")
    if len(shown) > MOST_COLOURED:
        parts.append(f"Grey: all but the {MOST_COLOURED} best.")
    if has_floor:
        parts.append("Dotted: real data.")
    return " ".join(parts)


def _heard(problem: Problem, shown: list[Standing]) -> str:
    metric = problem.primary
    told = []
    for standing in shown[:MOST_COLOURED]:
        values = sorted(standing.values.values(), reverse=metric.higher_is_better)
        seeds = ", ".join(numbers.of(metric, value) for value in values)
        failed = f"{failed_told(standing)}" if standing.failed else ""
        told.append(f"{standing.method}: {', '.join(filter(None, [seeds, failed]))}")
    return (
        f"Performance profiles on {problem.label}: the share of seeds that reach a given "
        f"{metric.label}, a line for each of {count(len(shown), 'method')}. Values of the "
        f"seeds, best first. {'; '.join(told)}."
    )
