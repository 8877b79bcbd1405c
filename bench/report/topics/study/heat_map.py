"""The sheet of the overview: methods × problems, coloured by what is attained."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, mean_places
from bench.report.analysis.tables import FLOOR
from bench.report.drawing.style import INK, QUIET, Style, TooNarrow
from bench.report.drawing.words import (
    LEADING,
    blank,
    failed_told,
    fitted,
    inches,
    readable,
    text_width,
    wrapped,
)
from bench.report.page import numbers
from bench.report.topics.dataset.curves import spans_decades

# one hue from pale to dark: its lightness alone tells the order, whatever colours an eye can see
COLOURS = LinearSegmentedColormap.from_list(
    "attained", sns.color_palette("mako_r", as_cmap=True)(np.linspace(0, 0.56, 64))
)
NO_NUMBER = "#E4E4E4"
MARKS = {"best": "★", "tied": "≈"}
"""Signs behind a number, as in tables; no method has a sign as its own."""
CROSS = "✗"

PAD = 0.025
"""Inches of white around a cell."""
ROW, CLOSE_ROW, GAP, LEGEND = 0.4, 0.27, 0.07, 0.46
"""Inches: a row, one of many, the gap above real data, and the legend below."""
TURNED = 1.35
"""Inches of headings that are turned, where words are wider than columns."""


@dataclass(frozen=True)
class Scale:
    """The colour scale from an untrained generator to real data, by one metric."""

    start: float
    goal: float
    by_ratios: bool
    """Whether it is the goal divided by the value: ten times the floor is a tenth of the way."""
    is_measured: bool
    """Whether the start was measured, and is not a hundred times the floor, or 0."""

    def share(self, value: float) -> float:
        """Return the progress from start to goal, 0 … 1, independent of other methods."""
        start, goal = self.start, self.goal
        if self.by_ratios:
            start, value, goal = goal / start, goal / max(value, 1e-300), 1.0
        return float(np.clip((value - start) / (goal - start), 0, 1))


def scale_of(problem: Problem) -> Scale | None:
    """None where nothing says what real data would get, or training starts no worse than that."""
    metric = problem.primary
    goal = problem.floor.get(metric.name)
    goal = metric.ceiling if goal is None else goal
    if goal is None:
        return None
    starts = [
        float(value)
        for record in problem.records()
        for evaluation in record.evaluations[:1]
        if evaluation["update"] == 0 and (value := evaluation.get(metric.name)) is not None
    ]
    start = float(np.median(starts)) if starts else 0.0 if metric.higher_is_better else 100 * goal
    if not (start < goal if metric.higher_is_better else start > goal):
        return None
    by_ratios = goal > 0 and spans_decades(metric, pd.Series([start, goal]))
    return Scale(start, float(goal), by_ratios, bool(starts))


class HeatMap:
    """The picture, laid out in inches: x to the right, y downwards."""

    def __init__(self, problems: list[Problem], standings: list[list[Standing]], style: Style):
        self.problems, self.style = problems, style
        self.scales = [scale_of(problem) for problem in problems]
        self.cells = [{s.method: s for s in ranked} for ranked in standings]
        self.any_failed = any(s.failed for ranked in standings for s in ranked)
        self.beside = self.order()
        self.methods = list(self.beside)
        self.is_counted = any(self.beside.values())
        size = style.small
        self.tiny = size
        most = 0.24 * style.width if not style.narrow else 0.9
        names = [fitted(m, size, most) for m in (*self.methods, FLOOR)]
        self.names = dict(zip((*self.methods, FLOOR), names, strict=True))
        self.labels = 0.34 + max(text_width(name, size) for name in names)
        self.left = self.labels + ((0.55 - 0.12 * style.narrow) if self.is_counted else 0.12)
        self.counts = self.left - (0.3 - 0.08 * style.narrow)
        """Where the middle of the numbers beside the names is."""
        room = style.width - self.left - 0.04
        self.column = min(room / len(problems), 2.4)
        self.row = ROW if len(self.methods) <= 14 or self.any_failed else CLOSE_ROW
        self.line = LEADING * self.tiny / 72
        self.is_turned = any(
            text_width(word, self.tiny, "bold") > self.column - 0.06
            for problem in problems
            for word in " ".join(self.head(problem)).split()
        )
        self.heads = self._headings()
        lines = max(2 * self.is_counted, *map(len, self.heads))
        self.top = 0.1 + (TURNED if self.is_turned else lines * self.line)
        self.bottom = self.top + self.row * len(self.methods)
        self.height = self.bottom + GAP + self.row + LEGEND
        self.height += 0.2 * (1 + self.any_failed) * style.narrow
        least = 7.1
        self.width = min(style.width, max(self.left + self.column * len(problems) + 0.04, least))
        self.canvas = blank(self.width, self.height)
        self.axis = inches(self.canvas)
        longest = [self._number(i, s) for i, cells in enumerate(self.cells) for s in cells.values()]
        longest += [numbers.of(p.primary, self._floor(p)) for p in problems]
        widest = max(text_width(text, 10, "bold") for text in longest)
        beside = 0.2 if style.narrow else 0.12
        self.size = min(style.text + 0.5, max(5.5, 10 * (self.column - beside) / max(widest, 0.01)))
        self.is_short = text_width(f"{CROSS} 22 of 22 failed", size - 1) > self.column - 0.1
        if style.narrow:
            self._check(longest)

    def order(self) -> dict[str, str]:
        """Return methods from top to bottom, and on how many problems each is among the best.

        That number orders them, as a test stands behind it; then the mean rank does.
        """
        places = mean_places(self.problems, [list(cells.values()) for cells in self.cells])
        own = {m: [cells[m] for cells in self.cells if m in cells] for m in places}
        among = {m: sum(s.against_best in MARKS for s in own[m]) for m in places}
        several = len(self.problems) > 1
        return {
            method: f"{among[method]}/{len(own[method])}" if several else ""
            for method in sorted(places, key=lambda m: -among[m])
        }

    counted: ClassVar[tuple[str, str]] = ("among", "best")
    """The two words above what stands beside the names."""

    def head(self, problem: Problem) -> tuple[str, str]:
        """What stands above a column: in bold, and below it."""
        metric = problem.primary
        return problem.label, f"{metric.label} {'↑' if metric.higher_is_better else '↓'}"

    def leads(self, column: int, standing: Standing) -> str:
        """Return the sign behind a cell's number, or nothing."""
        return MARKS.get(standing.against_best, "")

    def _check(self, longest: list[str]) -> None:
        least = self.style.letters(0)
        widest = max(text_width(text, least, "bold") for text in longest)
        if self.any_failed:
            widest = max(widest, text_width(f"{CROSS} 5/5", least))
        if widest > self.column - 0.06:
            raise TooNarrow(f"{len(self.problems)} problems leave no room for numbers there")
        self.size = max(self.size, least)

    def draw(self) -> None:
        style = self.style
        for column, lines in enumerate(self.heads):
            self._head(column, lines)
        if self.is_counted:
            for place, word in enumerate(reversed(self.counted)):
                y = self.top - 0.05 - place * self.line
                self._text(self.counts, y, word, self.tiny, va="baseline",
                           color=QUIET)  # fmt: skip
        for row, method in enumerate(self.methods):
            self._row(method, self.top + row * self.row)
        y = self.bottom + GAP
        self.axis.plot([0.06, self.left + self.column * len(self.problems)], [y - GAP / 2] * 2,
                       color="#BBBBBB", lw=0.8)  # fmt: skip
        self._text(0.34, y + self.row / 2, self.names[FLOOR], style.small, ha="left",
                   style="italic", color="#555555")  # fmt: skip
        for column, problem in enumerate(self.problems):
            self._text(
                self._middle(column), y + self.row / 2,
                numbers.of(problem.primary, self._floor(problem)), style.letters(self.size - 0.5),
                style="italic", color="#555555",
            )  # fmt: skip
        self._legend(y + self.row)

    def _head(self, column: int, lines: list[tuple[str, str, str]]) -> None:
        size, middle = self.tiny, self._middle(column)
        for place, (text, weight, colour) in enumerate(lines):
            if self.is_turned:
                x = middle + (place - (len(lines) - 1) / 2) * self.line
                self._text(x, self.top - 0.06, text, size, va="bottom", rotation=90,
                           weight=weight, color=colour)  # fmt: skip
            else:
                y = self.top - 0.05 - (len(lines) - 1 - place) * self.line
                self._text(middle, y, text, size, va="baseline", weight=weight, color=colour)

    def _row(self, method: str, y: float) -> None:
        middle, style = y + self.row / 2, self.style
        (mark,) = self.axis.plot(
            [0.06, 0.17, 0.28], [middle] * 3, color=style.colour[method], ls=style.dash[method],
            marker=style.marker[method], markevery=[1], ms=5, lw=1.6,
        )  # fmt: skip
        style.tag(mark, method)
        style.tag(self._text(0.34, middle, self.names[method], style.small, ha="left"), method)
        told = self.beside[method]
        style.tag(self._text(self.counts, middle, told, style.small, color="#555555"), method)
        for column, cells in enumerate(self.cells):
            if method in cells:
                self._cell(column, y, cells[method])

    def _cell(self, column: int, y: float, standing: Standing) -> None:
        style, method = self.style, standing.method
        colour, leads = self.colour(column, standing), self.leads(column, standing)
        left, top, pad = self.left + column * self.column, y + PAD, PAD
        wide, tall = self.column - 2 * pad, self.row - 2 * pad
        box = Rectangle((left + pad, top), wide, tall, facecolor=colour, edgecolor="#DDDDDD",
                        lw=0.5 if colour == "white" else 0)  # fmt: skip
        self._patch(box, method)
        number, failed = self._number(column, standing), self._failed(standing)
        ink = QUIET if not number or standing.centre is None else readable(colour)
        weight = "bold" if leads == MARKS["best"] and number else "normal"
        x, middle = self._middle(column), y + self.row / 2
        small = style.small
        below = failed or self._interval(column, standing)
        if number and below:
            size = min(self.size, 9)
            drawn = [
                self._text(x, middle - 0.065, number, size, color=ink, weight=weight),
                self._text(x, middle + 0.095, below, small, color=ink),
            ]
        elif number:
            drawn = [self._text(x, middle, number, self.size, color=ink, weight=weight)]
        else:
            told, ink = failed or numbers.NOTHING, "#000000" if failed else "#555555"
            drawn = [self._text(x, middle, told, small, color=ink)]
        for text in drawn:
            style.tag(text, method)

    def colour(self, column: int, standing: Standing) -> Any:
        """Of a cell: grey where too many seeds failed, white where nothing can be said."""
        scale = self.scales[column]
        if standing.failed and not standing.holds:
            return NO_NUMBER
        if scale is None or not standing.holds or standing.centre is None:
            return "white"
        return COLOURS(scale.share(standing.centre.value))

    def _legend(self, y: float) -> None:
        size, middle, narrow = self.tiny, y + 0.3, self.style.narrow
        x = self._beside(0.06, middle, "untrained", size)
        length = 1.0
        steps = np.linspace(0, 1, 41)
        for one, other in pairwise(steps):
            # wider than its step, so that no gaps show between two
            self.axis.add_patch(Rectangle(
                (x + one * length, middle - 0.07), min(1.3 * (other - one), 1 - one) * length, 0.14,
                facecolor=COLOURS((one + other) / 2), lw=0))  # fmt: skip
        x = self._beside(x + length + 0.07, middle, "real data", size) + 0.2
        if narrow:
            x, middle = 0.06, middle + 0.2
        x = self.explain(x, middle, size)
        if self.any_failed:
            if narrow:
                x, middle = 0.06, middle + 0.2
            self.axis.add_patch(
                Rectangle((x, middle - 0.08), 0.24, 0.16, facecolor=NO_NUMBER, lw=0)
            )
            self._text(x + 0.12, middle, CROSS, size)
            self._beside(x + 0.31, middle, "too many seeds failed", size)

    def explain(self, x: float, middle: float, size: float) -> float:
        """Write what the signs mean into the legend from ``x`` on; return where it ends."""
        x = self._beside(x, middle, f"{MARKS['best']} best", size) + 0.12
        if any(s.against_best == "tied" for cells in self.cells for s in cells.values()):
            x = self._beside(x, middle, f"{MARKS['tied']} not distinguishable from it", size) + 0.12
        return x

    def _beside(self, x: float, y: float, words: str, size: float) -> float:
        """Writes words and returns where they end."""
        self._text(x, y, words, size, ha="left", color="#555555")
        return x + text_width(words, size) + 0.07

    def _headings(self) -> list[list[tuple[str, str, str]]]:
        """Lines of each column's head: text, weight, colour."""
        size, width = self.tiny, self.column - 0.08
        most = 4
        if self.is_turned:
            width, most = TURNED, max(1, min(3, int(self.column / self.line) - 1))
        heads = []
        for problem in self.problems:
            above, metric = self.head(problem)
            label = wrapped(above, size, width, most, "bold")
            below = wrapped(metric, size, width, 1 if self.is_turned else 3)
            heads.append(
                [(line, "bold", INK) for line in label]
                + [(line, "normal", "#555555") for line in below]
            )
        return heads

    def _number(self, column: int, standing: Standing) -> str:
        metric = self.problems[column].primary
        if standing.holds and standing.centre is not None:
            told = numbers.of(metric, standing.centre.value)
            return f"{told} {self.leads(column, standing)}".strip()
        if standing.failed:
            return ""
        if standing.not_computed(metric):
            return numbers.NOT_COMPUTED
        return next(iter(standing.statuses), "")

    def _interval(self, column: int, standing: Standing) -> str:
        """Return the ends of the mean's interval, where they differ, are finite and fit."""
        found, metric = standing.centre, self.problems[column].primary
        if found is None or found.low is None or found.high is None or self.row < ROW:
            return ""
        told = f"{numbers.of(metric, found.low)} – {numbers.of(metric, found.high)}"
        fits = text_width(told, self.style.small) < self.column - 0.08
        return told if fits and 0 < found.high - found.low < np.inf else ""

    def _failed(self, standing: Standing) -> str:
        if not standing.failed:
            return ""
        told = f"{standing.failed}/{standing.planned}" if self.is_short else failed_told(standing)
        return f"{CROSS} {told}"

    def _floor(self, problem: Problem) -> float | None:
        return problem.floor.get(problem.primary.name)

    def _middle(self, column: int) -> float:
        return self.left + (column + 0.5) * self.column

    def _patch(self, patch: Rectangle, method: str) -> None:
        self.style.tag(patch, method)
        self.axis.add_patch(patch)

    def _text(self, x: float, y: float, words: str, size: float, **options: Any) -> Any:
        options = {"ha": "center", "va": "center", "color": INK, **options}
        return self.axis.text(x, y, words, fontsize=size, **options)
