"""Quality against cost: what a method's training costs, and what it is good for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import seaborn as sns
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from bench.metric import Quantity
from bench.records.record import Record
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.style import QUIET, Style, named, save
from bench.report.drawing.words import text_width
from bench.report.page import numbers
from bench.report.page.document import Figure
from bench.report.topics.dataset.curves import spans_decades

Box: TypeAlias = tuple[float, float, float, float]
"""Left, low, right and high end, in points."""

SECONDS, EVALUATIONS = "training seconds per seed", "gradient evaluations per seed"
MOST_LABELLED = 12
"""Methods beyond which those on the front alone bear their names."""
HEIGHT = 2.9
LANE = 0.11
"""Share of a panel's height that is kept for methods without a number."""
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
DISTANCES = (7, 14, 22, 32, 44, 58)
"""Points from a mark at which its name is tried, nearest first."""


@dataclass(frozen=True)
class Point:
    """One method: what it costs, and how good it gets."""

    method: str
    cost: float
    value: float | None
    """None where so many seeds failed that there is no number."""
    low: float | None
    high: float | None
    told: str
    """``✗2/5``: seeds that failed, of those planned."""


def points(problem: Problem, ranked: list[Standing]) -> tuple[str, list[Point]]:
    """The measure of cost, and a point for each method that has one.

    The mean over finished seeds; over the failed ones where none finished. Seconds, or where the
    problem was trained on several devices, gradient evaluations.
    """
    measure = EVALUATIONS if len(devices(problem)) > 1 else SECONDS
    found = []
    for standing in ranked:
        records = [p.record for p in problem.by_method[standing.method] if p.record is not None]
        finished = [record for record in records if record.status == "ok"] or records
        costs = [cost for record in finished if (cost := _cost(record, measure)) is not None]
        if not costs or not standing.scores:
            continue
        held = standing.centre if standing.holds else None
        found.append(
            Point(
                standing.method,
                sum(costs) / len(costs),
                held.value if held else None,
                held.low if held else None,
                held.high if held else None,
                f"✗{standing.failed}/{standing.planned}" if standing.failed else "",
            )
        )
    return measure, found


def devices(problem: Problem) -> set[tuple[str, str]]:
    """What finished cells were trained on."""
    runs = [record.data["run"] for record in problem.records() if record.status == "ok"]
    return {(str(run.get("device")), str(run.get("device_name"))) for run in runs}


def front(found: Sequence[Point], higher_is_better: bool) -> list[Point]:
    """Those that no other beats in cost and quality both, cheapest first (Pareto's front)."""
    sign = -1 if higher_is_better else 1
    kept: list[Point] = []
    valued = [(p.cost, sign * p.value, p) for p in found if p.value is not None]
    for _, value, point in sorted(valued, key=lambda each: each[:2]):
        if not kept or kept[-1].value is None or value < sign * kept[-1].value:
            kept.append(point)
    return kept


def draw_costs(
    problems: list[Problem], standings: list[list[Standing]], style: Style, folder: Path
) -> Figure | None:
    """A panel for each problem on which two methods have a cost, and one a number; or None."""
    found = [(p, *points(p, ranked)) for p, ranked in zip(problems, standings, strict=True)]
    found = [e for e in found if len(e[2]) > 1 and any(p.value is not None for p in e[2])]
    if not found:
        return None
    crowd = max(len(drawn) for _, _, drawn in found)
    columns = 2 if len(found) in (2, 4) or crowd > 8 or style.paper else 3
    columns = 1 if style.narrow else columns
    canvas, panels = style.grid(len(found), columns, HEIGHT)
    for panel, (problem, measure, drawn) in zip(panels, found, strict=True):
        _panel(panel, problem, measure, drawn, style)
    # names are placed last, when all panels have their final size
    canvas.draw_without_rendering()
    for panel, (problem, _, drawn) in zip(panels, found, strict=True):
        best = {p.method for p in front(drawn, problem.primary.higher_is_better)}
        named_ones = [p for p in drawn if len(drawn) <= MOST_LABELLED or p.method in best]
        _name(panel, problem.primary, drawn, named_ones, style)
    return Figure(save(canvas, folder, "costs"), _heard(found), _caption(found))


def _cost(record: Record, measure: str) -> float | None:
    if measure == SECONDS:
        return record.data["run"].get("training_seconds")
    return record.cost.get("gradient_evaluations")


def _panel(axis: Any, problem: Problem, measure: str, drawn: list[Point], style: Style) -> None:
    metric = problem.primary
    factor = 100 if metric.percent else 1
    values = [end for p in drawn for end in (p.value, p.low, p.high)
              if end is not None and math.isfinite(end)]  # fmt: skip
    if spans_decades(metric, pd.Series(values, dtype=float)):
        axis.set_yscale("log")
        axis.yaxis.set_minor_locator(NullLocator())
    costs = [p.cost for p in drawn]
    if min(costs) > 0 and max(costs) > 20 * min(costs):
        axis.set_xscale("log")
        axis.set_xlim(min(costs) / 1.4, max(costs) * 1.4)
    else:
        # room for names at both sides; from 0 on where that wastes little
        span = max(max(costs) - min(costs), 0.1 * max(costs)) or 1.0
        low = min(costs) - 0.3 * span
        axis.set_xlim(0 if 3 * min(costs) < max(costs) else low, max(costs) + 0.3 * span)
        axis.xaxis.set_major_locator(MaxNLocator(5))
    best = front(drawn, metric.higher_is_better)
    if len(best) > 1:
        axis.plot([p.cost for p in best], [factor * (p.value or 0) for p in best], color="#AAAAAA",
                  lw=1.2, zorder=1, drawstyle="steps-post")  # fmt: skip
    for point in drawn:
        _point(axis, metric, point, factor, style)
    limits = _limits(axis, metric, drawn)
    for point in drawn:
        # an end at infinity, where draws of failed seeds lie, goes to the edge of the panel
        for end in (point.low, point.high):
            if point.value is not None and end is not None and math.isinf(end):
                (line,) = axis.plot([point.cost] * 2, [factor * point.value, limits[int(end > 0)]],
                                    color=style.colour[point.method], lw=1.3 * style.scale,
                                    ls=(0, (2, 1.2)), alpha=0.6, zorder=2)  # fmt: skip
                style.tag(line, point.method)
    label = metric.label + (" (%)" if metric.percent else "")
    axis.set(xlabel=f"{measure} ←", ylabel=f"{label} {'↑' if metric.higher_is_better else '↓'}")
    axis.set_title(named(problem.label, 40), loc="left", fontsize=style.text, fontweight="bold")
    sns.despine(ax=axis)


def _limits(axis: Any, metric: Quantity, drawn: list[Point]) -> tuple[float, float]:
    """Fixes the limits of y, with a grey lane at the bad end for methods that have no number."""
    axis.margins(y=0.12)
    low, high = (float(end) for end in axis.get_ylim())
    if any(point.value is None for point in drawn):
        known = low, high
        is_log = axis.get_yscale() == "log"
        low, high = (math.log(low), math.log(high)) if is_log else (low, high)
        room = LANE / (1 - LANE) * (high - low)
        low, high = (low - room, high) if metric.higher_is_better else (low, high + room)
        low, high = (math.exp(low), math.exp(high)) if is_log else (low, high)
        bottom = _lane(metric) - LANE / 2
        lane = Rectangle((0, bottom), 1, LANE, transform=axis.transAxes, color="#EFEFEF", lw=0)
        axis.add_patch(lane)
        axis.set_yticks([tick for tick in axis.get_yticks() if known[0] <= tick <= known[1]])
    axis.set_ylim(low, high)
    return low, high


def _lane(metric: Quantity) -> float:
    """The middle of the lane, in heights of the panel."""
    return LANE / 2 if metric.higher_is_better else 1 - LANE / 2


def _point(axis: Any, metric: Quantity, point: Point, factor: int, style: Style) -> None:
    colour = style.colour[point.method]
    if point.value is None:
        (cross,) = axis.plot(
            point.cost, _lane(metric), color=colour, marker="X", ms=8 * style.scale, mec="white",
            mew=0.6, ls="", transform=axis.get_xaxis_transform(), zorder=4,
        )  # fmt: skip
        style.tag(cross, point.method)
        return
    ends = [factor * end for end in (point.low, point.high) if end is not None]
    ends = [end for end in ends if math.isfinite(end)]
    if ends:
        (line,) = axis.plot([point.cost] * 2, [min(factor * point.value, *ends),
                            max(factor * point.value, *ends)], color=colour, alpha=0.6,
                            lw=1.3 * style.scale, zorder=2)  # fmt: skip
        style.tag(line, point.method)
    (dot,) = axis.plot(
        point.cost, factor * point.value, color=colour, marker=style.marker[point.method], ls="",
        ms=7.5 * style.scale, mec="white", mew=0.7, zorder=3,
    )  # fmt: skip
    style.tag(dot, point.method)


def _name(
    axis: Any, metric: Quantity, drawn: list[Point], labelled: list[Point], style: Style
) -> None:  # fmt: skip
    """Writes names beside their marks where they cover neither marks nor other names."""
    factor, size = 100 if metric.percent else 1, style.small
    points_a_pixel = 72 / axis.figure.dpi
    left, low, right, high = (float(end) * points_a_pixel for end in axis.bbox.extents)
    frame = (left, low, right, high)
    at: dict[str, tuple[float, float]] = {}
    taken: list[Box] = []
    for point in drawn:
        if point.value is None:
            place = axis.get_xaxis_transform().transform((point.cost, _lane(metric)))
        else:
            place = axis.transData.transform((point.cost, factor * point.value))
        x, y = (float(end) * points_a_pixel for end in place)
        at[point.method] = x, y
        taken.append((x - 5, y - 5, x + 5, y + 5))
        for end in (point.low, point.high):
            if point.value is not None and end is not None:
                tip = high if end > 0 else low
                if math.isfinite(end):
                    tip = float(axis.transData.transform((point.cost, factor * end))[1])
                    tip *= points_a_pixel
                taken.append((x - 1.5, min(y, tip), x + 1.5, max(y, tip)))
    best = front(drawn, metric.higher_is_better)
    for one, other in pairwise(best):
        (x, y), (right, top) = at[one.method], at[other.method]
        taken.append((x, y - 1, right, y + 1))
        taken.append((right - 1, min(y, top), right + 1, max(y, top)))
    for point in sorted(labelled, key=lambda p: -at[p.method][1]):
        words = named(point.method, 22) + (f" {point.told}" if point.told else "")
        x, y = at[point.method]
        wide, tall = 72 * text_width(words, size), 1.15 * size
        far, across, up = _free(x, y, wide, tall, frame, taken)
        taken.append(_box(x, y, wide, tall, far, across, up))
        text = axis.annotate(
            words, (x, y), _offset(far, across, up), xycoords="figure points",
            textcoords="offset points", fontsize=size,
            ha=("right", "center", "left")[across + 1], va=("top", "center", "bottom")[up + 1],
            arrowprops={"arrowstyle": "-", "color": QUIET, "lw": 0.5, "shrinkA": 0, "shrinkB": 3}
            if far > DISTANCES[1] else None, zorder=5, annotation_clip=False,
        )  # fmt: skip
        text.set_in_layout(False)
        style.tag(text, point.method)
        if text.arrow_patch is not None:
            style.tag(text.arrow_patch, point.method)


def _free(
    x: float, y: float, wide: float, tall: float, frame: Box, taken: list[Box]
) -> tuple[float, int, int]:
    """The nearest place for a name that covers nothing, or the one that covers least."""
    tried = []
    for far in DISTANCES:
        for across, up in DIRECTIONS:
            box = _box(x, y, wide, tall, far, across, up)
            covered = sum(_shared(box, other) for other in taken)
            # what sticks out of the panel would lie on its neighbour
            covered += 3 * (wide * tall - _shared(box, frame))
            if covered < 1:
                return far, across, up
            tried.append((covered, far, across, up))
    return min(tried)[1:]


def _offset(far: float, across: int, up: int) -> tuple[float, float]:
    shrink = 0.75 if across and up else 1.0
    return shrink * far * across, shrink * far * up


def _box(x: float, y: float, wide: float, tall: float, far: float, across: int, up: int) -> Box:
    right, above = _offset(far, across, up)
    left = x + right + wide * (across - 1) / 2
    low = y + above + tall * (up - 1) / 2
    return left, low, left + wide, low + tall


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def _caption(found: list[tuple[Problem, str, list[Point]]]) -> str:
    parts = [
        f"Interquartile mean with its {numbers.INTERVAL}, against mean cost per run. Grey line: "
        "methods that no other beats in both.",
    ]
    if any(point.told for _, _, drawn in found for point in drawn):
        parts.append(
            "✗2/5: 2 of 5 seeds failed; grey lane: too many for a mean. Dashed: an interval "
            "without end, as other seeds might have failed."
        )
    if any(len(drawn) > MOST_LABELLED for _, _, drawn in found):
        parts.append(f"With more than {MOST_LABELLED} methods those on the grey line bear names.")
    if any(measure == SECONDS for _, measure, _ in found):
        parts.append("Seconds hold only for this machine and its load.")
    mixed = [problem.label for problem, measure, _ in found if measure == EVALUATIONS]
    if mixed:
        parts.append(
            f"{numbers.listing(mixed)} was trained on different devices: its cost is counted in "
            "gradient evaluations."
        )
    return " ".join(parts)


def _heard(found: list[tuple[Problem, str, list[Point]]]) -> str:
    columns = []
    for problem, measure, drawn in found:
        best = {point.method for point in front(drawn, problem.primary.higher_is_better)}
        told = []
        for p in sorted(drawn, key=lambda p: p.cost):
            if len(drawn) > MOST_LABELLED and p.method not in best:
                continue
            notes = ["not beaten in both"] if p.method in best else []
            notes += [f"{p.told[1:].replace('/', ' of ')} failed"] if p.told else []
            value = numbers.of(problem.primary, p.value) if p.value is not None else "no mean"
            aside = f" ({', '.join(notes)})" if notes else ""
            told.append(f"{p.method} {_cost_told(p.cost)}, {value}{aside}")
        columns.append(f"{problem.label}, {measure} and {problem.primary.label}: {'; '.join(told)}")
    return f"Quality against cost of training, cheapest first. {'. '.join(columns)}."


def _cost_told(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"
