"""Learning curves: a panel per method, over updates, gradient evaluations or seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.metric import Quantity
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import FLAG, INK, QUIET, Style, power, save
from bench.report.drawing.words import blank, fitted, inches, text_width
from bench.report.page import numbers
from bench.report.page.document import Block, Choice, Figure
from bench.report.topics.dataset.equal_cost import AXES, differ, drawn_by, spent, spent_by

OTHERS = "#C4C4C4"
Line = tuple[NDArray[np.float64], NDArray[np.float64]]
"""x and y, (evaluations,) each."""


def curves(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the learning curves, over the reader's choice of axis where methods pay unlike."""
    counted = next(iter(problem.cell.budget), "discriminator_updates")
    order = [counted, *(axis for axis in AXES if axis != counted)]
    options, more = [], []
    for axis in order if differ(problem) else [counted]:
        kind = "curves" if axis == counted else f"curves-{axis.replace('_', '-')}"
        draw = partial(draw_curves, axis=axis)
        first, *rest = sheeted(found, problem, ranked, kind, draw, in_variants=axis == counted)
        options.append((AXES[axis], first))
        more += rest
    return [Choice(f"axis-{problem.anchor}", "Plot against", options), *more]


@dataclass(frozen=True)
class _Runs:
    """One method's curves: of finished seeds, of failed ones, and the mean of the finished."""

    finished: list[Line]
    failed: list[Line]
    mean: Line | None


def draw_curves(
    problem: Problem, sheet: Sheet, _notes: list[str], style: Style, folder: Path, axis: str
) -> Figure | None:
    """Draw the first metric that every evaluation measures, a panel per method of the sheet."""
    metric = drawn_by(problem)
    if metric is None:
        return None
    runs = {method: _runs(problem, method, metric, axis) for method in problem.by_method}
    shown = [method for method in sheet.methods if runs[method].finished or runs[method].failed]
    if not shown:
        return None
    real = problem.floor.get(metric.name)
    panels = _Panels(problem, metric, list(runs.values()), len(shown), style, axis)
    for place, method in enumerate(shown):
        others = [runs[m].mean for m in runs if m != method]
        panels.draw(place, method, runs[method], [mean for mean in others if mean is not None])
    failed = any(runs[method].failed for method in shown)
    caption = [
        _absence(problem, metric),
        "Bold: mean over finished seeds, with its last value; thin: seeds; grey: means of the "
        "other methods" + ("; dotted: real data." if real is not None else "."),
        "Cross: last evaluation of a failed seed." if failed else "",
        sheet.told("curves"),
    ]
    name = "curves" if axis == "discriminator_updates" else f"curves-{axis.replace('_', '-')}"
    return Figure(
        save(panels.canvas, folder, f"{problem.anchor}-{name}{sheet.suffix}"),
        f"Learning curves on {problem.label}: {metric.label} over {AXES[axis]}. "
        f"{_heard(metric, {method: runs[method].mean for method in shown})}",
        " ".join(filter(None, caption)),
    )


def _runs(problem: Problem, method: str, metric: Quantity, axis: str) -> _Runs:
    cells, scale = problem.by_method[method], 100 if metric.percent else 1

    def line(along: list[float], evaluations: list[dict[str, float | None]]) -> Line:
        y = np.array([evaluation.get(metric.name) for evaluation in evaluations], dtype=float)
        return np.array(along)[: len(y)], scale * y

    finished = [line(along, record.evaluations) for along, record in spent_by(cells, axis)]
    finished = [(x, y) for x, y in finished if np.isfinite(y).any()]
    failed = [
        line(along, c.record.evaluations)
        for c in cells
        if c.record is not None and c.record.status != "ok" and (along := spent(c.record, axis))
    ]
    mean = None
    if finished:
        y = np.array([y for _, y in finished])
        known = np.isfinite(y).any(axis=0)
        x = np.mean([x for x, _ in finished], axis=0)
        mean = x[known], np.nanmean(y[:, known], axis=0)
    return _Runs(finished, [(x, y) for x, y in failed if np.isfinite(y).any()], mean)


class _Panels:
    """Panels on one sheet, in inches from its upper left corner.

    By hand: a matplotlib axis per panel would take ten times as long.
    """

    def __init__(
        self, problem: Problem, metric: Quantity, runs: list[_Runs], count: int, style: Style,
        axis: str,
    ):  # fmt: skip
        self.style, self.metric = style, metric
        em, self.between = style.em, 0.22 * style.scale
        self.across = min(2 if style.narrow else 3 if count <= 6 else 4, count)
        rows = -(-count // self.across)
        most = 2 if style.narrow else 3
        self.left, self.head = 5.2 * em, 1.9 * em
        self.wide = (style.width - self.left - 0.15) / max(self.across, most) - self.between
        self.tall = (1.25 if rows < 3 else 1.05) * style.scale
        self.below = 0.5 * em
        foot = 3.7 * em
        height = rows * (self.head + self.tall + self.below) + foot
        style.fits(height)
        self.count, self.canvas = count, blank(style.width, height)
        self.sheet = inches(self.canvas)
        lines = [line for each in runs for line in (*each.finished, *each.failed)]
        self._limits(problem, lines)
        self._frame(axis)
        named = metric.label + (" (%)" if metric.percent else "")
        self.sheet.text(0.9 * em, (height - foot) / 2, fitted(named, style.text, height),
                        ha="center", va="center", rotation=90, fontsize=style.text)  # fmt: skip
        across = self.across * (self.wide + self.between) - self.between
        self.sheet.text(self.left + across / 2, height - 0.4 * em, AXES[axis], ha="center",
                        va="bottom", fontsize=style.text)  # fmt: skip

    def _limits(self, problem: Problem, lines: list[Line]) -> None:
        y = np.concatenate([y for _, y in lines])
        y = y[np.isfinite(y)]
        self.log = spans_decades(self.metric, pd.Series(y))
        floor = problem.floor.get(self.metric.name)
        self.real = None if floor is None else floor * (100 if self.metric.percent else 1)
        low, high = float(y.min()), float(y.max())
        if self.log and self.real is not None and self.real < low / 1000:
            # real data so much better would leave the curves no room
            self.real = None
        if self.real is not None:
            low, high = min(low, self.real), max(high, self.real)
        if self.log:
            low, high = math.log10(low), math.log10(high)
        pad = 0.04 * (high - low) or 0.5
        self.low, self.high = low - pad, high + pad
        self.end = max(float(x[-1]) for x, _ in lines) or 1.0

    def _corner(self, place: int) -> tuple[float, float]:
        row, column = divmod(place, self.across)
        left = self.left + column * (self.wide + self.between)
        return left, row * (self.head + self.tall + self.below) + self.head

    def _at(self, place: int, line: Line) -> Line:
        """Return a line's points on the sheet; what has no place there is a gap."""
        left, top = self._corner(place)
        x, y = line
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log10(np.where(y > 0, y, np.nan)) if self.log else y
        y = np.where(np.isfinite(y), y, np.nan)
        return left + x / self.end * self.wide, top + (self.high - y) / (
            self.high - self.low
        ) * self.tall

    def _plot(self, lines: Iterable[Line], method: str = "", **options: object) -> None:
        """Draw lines as one path."""
        apart = [(np.append(x, np.nan), np.append(y, np.nan)) for x, y in lines]
        if not apart:
            return
        x, y = (np.concatenate(parts) for parts in zip(*apart, strict=True))
        (drawn,) = self.sheet.plot(x, y, **options)
        if method:
            self.style.tag(drawn, method)

    def _frame(self, axis: str) -> None:
        """Draw the axes of all panels; labels stand at the left and at the bottom of the sheet."""
        style, em = self.style, self.style.em
        lines, tick = [], 0.3 * em
        across = MaxNLocator(2 if style.narrow else 4, steps=[1, 2, 2.5, 5, 10])
        ups = [float(x) for x in across.tick_values(0, self.end) if 0 <= x <= self.end]
        for place in range(self.count):
            left, top = self._corner(place)
            bottom = top + self.tall
            lines.append(
                (np.array([left, left, left + self.wide]), np.array([top, bottom, bottom]))
            )
            for value in self._rungs():
                y = top + (self.high - value) / (self.high - self.low) * self.tall
                lines.append((np.array([left - tick, left]), np.array([y, y])))
                if place % self.across == 0:
                    told = power(10**value) if self.log else f"{value:g}"
                    self.sheet.text(left - 1.6 * tick, y, told, ha="right", va="center",
                                    fontsize=style.small)  # fmt: skip
            for value in ups:
                x = left + value / self.end * self.wide
                lines.append((np.array([x, x]), np.array([bottom, bottom + tick])))
                if place + self.across >= self.count:
                    # labels of two panels would meet at their corners
                    ha = "left" if not value else "right" if value > 0.9 * self.end else "center"
                    self.sheet.text(x, bottom + 1.6 * tick, f"{value:,g}", ha=ha, va="top",
                                    fontsize=style.small)  # fmt: skip
        self._plot(lines, color="#888888", lw=style.thin, solid_capstyle="butt")

    def _rungs(self) -> list[float]:
        """Return where the y axis has ticks: values, or logarithms of powers of ten."""
        if self.log:
            first, last = math.ceil(self.low), math.floor(self.high)
            return [float(k) for k in range(first, last + 1, 1 + (last - first) // 5)]
        found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(value) for value in found if self.low <= value <= self.high]

    def draw(self, place: int, method: str, runs: _Runs, others: list[Line]) -> None:
        """Draw one method's panel over the means of the others."""
        style, colour = self.style, self.style.colour[method]
        if self.real is not None:
            dotted = np.array([0, self.end]), np.full(2, self.real)
            self._plot([self._at(place, dotted)], color=INK, ls=(0, (1, 1.5)), lw=0.5 * style.line)
        self._plot([self._at(place, line) for line in others], color=OTHERS, lw=style.thin)
        seeds = [self._at(place, line) for line in (*runs.finished, *runs.failed)]
        self._plot(seeds, method, color=colour, lw=0.6 * style.thin, alpha=0.55)
        ends = [_end(line) for line in runs.failed]
        self._plot([self._at(place, end) for end in ends], method, color=colour, ls="",
                   marker=FLAG["not finite"][0], ms=6 * style.scale, mew=0)  # fmt: skip
        told = ""
        if runs.mean is not None:
            self._plot([self._at(place, runs.mean)], method, color=colour, ls=style.dash[method],
                       lw=1.2 * style.line)  # fmt: skip
            told = numbers.of(self.metric, runs.mean[1][-1] / (100 if self.metric.percent else 1))
        left, top = self._corner(place)
        y, room = top - 0.45 * style.em, self.wide - text_width(told, style.small) - style.em
        title = fitted(method, style.text, room, "bold")
        for x, words, options in (
            (left, title, {"ha": "left", "fontweight": "bold", "fontsize": style.text}),
            (left + self.wide, told, {"ha": "right", "color": QUIET, "fontsize": style.small}),
        ):
            text = self.sheet.text(x, y, words, va="baseline", **options)
            style.tag(text, method)


def _end(line: Line) -> Line:
    """Return the last point of a line that has a value."""
    x, y = line
    last = np.flatnonzero(np.isfinite(y))[-1:]
    return x[last], y[last]


def _heard(metric: Quantity, means: dict[str, Line | None]) -> str:
    """Return the means of finished seeds halfway and at the end, for those who hear the figure."""
    told, scale = [], 100 if metric.percent else 1
    for method, mean in means.items():
        if mean is None:
            told.append(f"{method} none")
            continue
        x, y = mean
        half = int(np.abs(x - x[-1] / 2).argmin())
        middle, end = (numbers.of(metric, float(y[at]) / scale) for at in (half, -1))
        told.append(f"{method} {middle}, {end}")
    return f"Mean {metric.label} halfway and at the end: {'; '.join(told)}."


def _absence(problem: Problem, first: Quantity) -> str:
    """Return why the metric that ranks the methods has no curve."""
    primary = problem.primary
    if primary == first:
        return ""
    records = list(problem.records())
    if any(e.get(primary.name) is not None for r in records for e in r.evaluations):
        why = "is measured only at the best and the last evaluation"
    else:
        why = "was not computed"
    return f"{primary.label}, which ranks the methods, {why}: {first.label} is drawn."


def spans_decades(metric: Quantity, values: pd.Series[float]) -> bool:
    """Whether a logarithmic axis shows more: distances that shrink over orders of magnitude."""
    if metric.higher_is_better or values.empty:
        return False
    return bool((values > 0).all() and values.max() > 30 * values.min())
