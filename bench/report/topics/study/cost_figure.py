"""How good every method became for its cost, as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.metric import Quantity
from bench.records.record import Record
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.variants import Pair
from bench.report.drawing.style import INK, Style, named, powers, save
from bench.report.drawing.words import abreast, failed_told
from bench.report.page import numbers
from bench.report.page.document import (
    Figure,
)
from bench.report.statistics import Spread, spread
from bench.report.topics.dataset.curves import spans_decades
from bench.words import listing

SECONDS, EVALUATIONS = "training seconds", "gradient evaluations"
MOST_NAMED = 12
"""Methods beyond which the figure names only those that no other beats in cost and quality."""


@dataclass(frozen=True)
class Point:
    """One method: what it costs, and how good it gets."""

    method: str
    cost: Spread
    value: float | None
    """None where so many seeds failed that there is no number."""
    ends: tuple[float, float] | None
    """Of the value's interval; infinite where draws of failed seeds lie."""
    told: str
    """The value and its interval, or that there is none."""
    failed: str
    """``2 of 5 failed``, or nothing."""


def points(problem: Problem, ranked: list[Standing]) -> tuple[str, list[Point]]:
    """Return the measure of cost, and a point for each method that has one.

    Over finished seeds; over the failed ones where none finished. Seconds, or where the problem was
    trained on several devices, gradient evaluations.
    """
    measure = EVALUATIONS if len(devices(problem)) > 1 else SECONDS
    found = []
    for standing in ranked:
        records = [p.record for p in problem.by_method[standing.method] if p.record is not None]
        finished = [record for record in records if record.status == "ok"] or records
        costs = [cost for record in finished if (cost := _cost(record, measure)) is not None]
        paid = spread(costs)
        if paid is None or not standing.scores:
            continue
        held = standing.centre if standing.holds else None
        ends = None if held is None or held.low is None or held.high is None else (
            held.low, held.high)  # fmt: skip
        found.append(
            Point(standing.method, paid, held.value if held else None, ends,
                  numbers.difference(problem.primary, held) if held else "no mean",
                  failed_told(standing))
        )  # fmt: skip
    return measure, found


def devices(problem: Problem) -> set[tuple[str, str]]:
    """Return what finished cells were trained on."""
    runs = [record.data["run"] for record in problem.records() if record.status == "ok"]
    return {(str(run.get("device")), str(run.get("device_name"))) for run in runs}


def _cost(record: Record, measure: str) -> float | None:
    if measure == SECONDS:
        return record.data["run"].get("training_seconds")
    return record.cost.get("gradient_evaluations")


def front(found: Sequence[Point], metric: Quantity) -> list[Point]:
    """Return those that no other beats: better and not dearer, or as good and cheaper.

    Cheapest first. A cost is greater only where the ranges over seeds do not overlap.
    """
    valued = [(metric.sign * p.value, p.cost, p) for p in found if p.value is not None]
    return [
        point
        for value, cost, point in sorted(valued, key=lambda each: each[1].median)
        if not any(
            (v > value and c.low <= cost.high) or (v == value and c.high < cost.low)
            for v, c, _ in valued
        )
    ]


Panel = tuple[Problem, str, list[Point]]


def draw_costs(pairs: list[Pair], style: Style, folder: Path) -> Figure | None:
    """Draw a panel for each problem on which two methods have a cost, and one a number; or None."""
    found: list[Panel] = [(problem, *points(problem, ranked)) for problem, ranked in pairs]
    found = [e for e in found if len(e[2]) > 1 and any(p.value is not None for p in e[2])]
    if not found:
        return None
    canvas, panels = style.grid(len(found), 2 if len(found) in (2, 4) else 3, 2.7)
    for panel, each in zip(panels, found, strict=True):
        _panel(panel, *each, style)
    methods = _named(found)
    handles = [Line2D([], [], ls="", color=style.colour[m], marker=style.marker[m], ms=6)
               for m in methods]  # fmt: skip
    labels = [named(m, 26) for m in methods]
    legend = canvas.legend(handles, labels, loc="outside lower center", frameon=False,
                           ncols=abreast(labels, style, 6))  # fmt: skip
    style.tag_legend(legend, methods)
    return Figure(save(canvas, folder, "costs"), _heard(found), _caption(found))


def _named(found: list[Panel]) -> list[str]:
    """Return methods that the figure names, as the first panel ranks them."""
    every = list(dict.fromkeys(p.method for _, _, drawn in found for p in drawn))
    if len(every) <= MOST_NAMED:
        return every
    best = {p.method for problem, _, drawn in found for p in front(drawn, problem.primary)}
    return [method for method in every if method in best]


def _panel(axis: Any, problem: Problem, measure: str, drawn: list[Point], style: Style) -> None:
    metric = problem.primary
    factor = metric.factor
    known = [v for p in drawn for v in (p.value, *(p.ends or ())) if v is not None and v < math.inf]
    if spans_decades(metric, pd.Series(known, dtype=float)):
        axis.set_yscale("log")
        powers(axis.yaxis)
    costs = [end for p in drawn for end in (p.cost.low, p.cost.high)]
    if min(costs) > 0 and max(costs) > 20 * min(costs):
        axis.set_xscale("log")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.margins(0.1)
    best = front(drawn, metric)

    def told(point: Point) -> str:
        return f"{point.told} for {_amount(point)} {measure} on {problem.label}"

    def mark(point: Point, shape: str, at: float) -> None:
        reach(point, [point.cost.low, point.cost.high], [at, at])
        (dot,) = axis.plot(
            point.cost.median, at, color=style.colour[point.method], ls="", marker=shape,
            clip_on=False, ms=7.5 * style.scale, mew=style.line if point in best else 0.6,
            mec=INK if point in best else "white", zorder=3,
        )  # fmt: skip
        style.tag(dot, point.method, told(point))

    def reach(point: Point, across: list[float], up: list[float]) -> None:
        (line,) = axis.plot(across, up, zorder=2, alpha=0.6, color=style.colour[point.method],
                            lw=style.line)  # fmt: skip
        style.tag(line, point.method, told(point))

    def interval(point: Point, ends: list[float]) -> None:
        reach(point, [point.cost.median] * len(ends), ends)

    for point in drawn:
        if point.value is not None:
            mark(point, style.marker[point.method], factor * point.value)
            ends = [factor * end for end in point.ends or () if math.isfinite(end)]
            interval(point, [factor * point.value, *ends])
    low, high = axis.get_ylim()
    axis.set_ylim(low, high)
    for point in drawn:
        if point.value is None:
            mark(point, "X", low if metric.higher_is_better else high)
        elif any(map(math.isinf, point.ends or ())):
            interval(point, [factor * point.value, low if metric.higher_is_better else high])
    axis.set(xlabel=f"{measure} ←", ylabel=f"{metric.titled} {metric.arrow}")
    axis.set_title(named(problem.label, 40), loc="left", fontsize=style.text, fontweight="bold")
    sns.despine(ax=axis)


def _amount(point: Point) -> str:
    cost = point.cost.median
    return f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"


def _caption(found: list[Panel]) -> str:
    every = [point for _, _, drawn in found for point in drawn]
    parts = [
        f"Interquartile mean with its {numbers.INTERVAL}, against the median cost of a run with "
        "its range over seeds. Ringed: methods that no other beats, where costs whose ranges "
        "overlap count as alike."
    ]
    if any(point.value is None for point in every):
        parts.append("A cross on the edge: too many seeds failed for a mean.")
    if any(math.isinf(end) for point in every for end in point.ends or ()):
        parts.append("An interval that reaches the edge has no end: other seeds might have failed.")
    if len({point.method for point in every}) > MOST_NAMED:
        parts.append(f"Of more than {MOST_NAMED} methods, the ringed ones are named.")
    if any(measure == SECONDS for _, measure, _ in found):
        parts.append("Seconds hold only for this machine and its load.")
    mixed = [problem.label for problem, measure, _ in found if measure == EVALUATIONS]
    if mixed:
        parts.append(
            f"{listing(mixed)} was trained on different devices: its cost is counted in "
            "gradient evaluations."
        )
    return " ".join(parts)


def _heard(found: list[Panel]) -> str:
    columns = []
    for problem, measure, drawn in found:
        best = {point.method for point in front(drawn, problem.primary)}
        told = []
        for p in sorted(drawn, key=lambda p: p.cost.median):
            if len(drawn) > MOST_NAMED and p.method not in best:
                continue
            notes = ["not beaten"] if p.method in best else []
            notes += [p.failed] if p.failed else []
            value = numbers.of(problem.primary, p.value) if p.value is not None else "no mean"
            aside = f" ({', '.join(notes)})" if notes else ""
            told.append(f"{p.method} {_amount(p)}, {value}{aside}")
        columns.append(f"{problem.label}, {measure} and {problem.primary.label}: {'; '.join(told)}")
    return f"Quality against cost of training, cheapest first. {'. '.join(columns)}."
