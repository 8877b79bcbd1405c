"""The overview: how good every method is on every dataset, who failed, who is among the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, mean_places
from bench.report.analysis.tables import FLOOR
from bench.report.drawing.style import QUIET, Style, save
from bench.report.drawing.words import (
    failed_told,
    fitted,
    readable,
    seeds_told,
    text_width,
    wrapped,
)
from bench.report.page import numbers
from bench.report.page.document import Drawing, Figure
from bench.report.topics.dataset.curves import spans_decades
from bench.words import count as number_of
from bench.words import listing

# one hue from pale to dark: its lightness alone tells the order, whatever colours an eye can see
COLOURS = LinearSegmentedColormap.from_list(
    "attained", sns.color_palette("mako_r", as_cmap=True)(np.linspace(0, 0.56, 64))
)
NO_NUMBER = "#E4E4E4"
MARKS = {"best": "★", "tied": "≈"}
"""Signs behind a number, as in tables; no method has a sign as its own."""
CROSS = "✗"
MOST_TOLD = 60
"""Cells beyond which the text that stands for a picture gives only the most important ones."""
ROW, MARGINS, WIDEST, TURNED = 0.38, 1.15, 2.4, 1.3
"""Inches: a row; the head and the colour bar together; a column at most; a turned head."""


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
    if not metric.is_better(goal, start):
        return None
    by_ratios = goal > 0 and spans_decades(metric, pd.Series([start, goal]))
    return Scale(start, float(goal), by_ratios, bool(starts))


def overview(found: Findings) -> Drawing:
    """Return the heat map of methods × datasets, which is yet to be drawn."""
    problems, standings = map(list, zip(*found.fixed, strict=True))
    return Drawing("overview", partial(draw_overview, problems, standings))


def draw_overview(
    problems: list[Problem], standings: list[list[Standing]], style: Style, folder: Path
) -> Figure | None:
    """Draw methods × datasets; methods that are among the best on most datasets come first."""
    if not problems:
        return None
    own: dict[str, list[Standing]] = {}
    for standing in (s for ranked in standings for s in ranked):
        own.setdefault(standing.method, []).append(standing)
    among = {m: sum(s.against_best in MARKS for s in cells) for m, cells in own.items()}
    methods = sorted(mean_places(problems, standings), key=lambda m: -among[m])
    is_counted = len(problems) > 1 and any(among.values())
    shown = Map(
        problems,
        standings,
        {m: f"{among[m]}/{len(own[m])}" if is_counted else "" for m in methods},
        "among\nbest",
        [(p.label, f"{p.primary.label} {p.primary.arrow}") for p in problems],
        lambda standing: MARKS.get(standing.against_best, ""),
        f"{MARKS['best']} best · {MARKS['tied']} not distinguishable from it",
    )
    return Figure(
        save(shown.draw(style), folder, "overview"),
        _words(problems, standings, methods),
        _caption(shown, is_counted),
    )


@dataclass(frozen=True)
class Map:
    """A heat map of methods × problems. seaborn's could neither tag the cells of a method nor
    write into those that have no number."""

    problems: Sequence[Problem]
    standings: Sequence[list[Standing]]
    rows: dict[str, str]
    """Methods from top to bottom, and a count that stands behind each row."""
    counted: str
    """The head of these counts."""
    heads: list[tuple[str, str]]
    sign: Callable[[Standing], str]
    """What stands behind a cell's number, or nothing."""
    signs: str
    """What these signs mean."""

    @property
    def scales(self) -> list[Scale | None]:
        return [scale_of(problem) for problem in self.problems]

    @property
    def any_failed(self) -> bool:
        return any(s.failed for ranked in self.standings for s in ranked)

    def draw(self, style: Style) -> Canvas:
        """Return the figure, as wide as its columns need and no wider than the page."""
        count, height, size = len(self.problems), len(self.rows), style.small
        names = [fitted(m, size, 0.24 * style.width) for m in self.rows]
        beside = 0.5 + max(text_width(n, size) for n in [*names, FLOOR])
        beside += 0.5 * any(self.rows.values())
        column = min((style.width - beside) / count, WIDEST)
        is_turned = column < 0.85
        top = TURNED if is_turned else 0.0
        canvas, axis = plt.subplots(
            figsize=(beside + count * column, ROW * (height + 1) + MARGINS + top)
        )
        cells = [s for ranked in self.standings for s in ranked if s.method in self.rows]
        longest = max(text_width(self._number(p, s), 10, "bold")
                      for p, ranked in zip(self.problems, self.standings, strict=True)
                      for s in ranked) if cells else 1.0  # fmt: skip
        large = style.letters(min(style.text + 0.5, 10 * (column - 0.12) / max(longest, 0.1)))
        for x, (problem, ranked) in enumerate(zip(self.problems, self.standings, strict=True)):
            for standing in ranked:
                if standing.method in self.rows:
                    y = list(self.rows).index(standing.method)
                    self._cell(axis, (x, y), problem, standing, column, large, style)
            real = numbers.of(problem.primary, problem.floor.get(problem.primary.name))
            axis.text(x + 0.5, height + 0.6, real, fontsize=large, style="italic", color=QUIET,
                      ha="center", va="center")  # fmt: skip
        aside = axis.get_yaxis_transform() + ScaledTranslation(-9 / 72, 0, canvas.dpi_scale_trans)
        for y, (method, told) in enumerate(self.rows.items()):
            (mark,) = axis.plot(0, y + 0.5, marker=style.marker[method], color=style.colour[method],
                                ms=6 * style.scale, transform=aside, clip_on=False)  # fmt: skip
            style.tag(mark, method)
            text = axis.text(count + 0.08, y + 0.5, told, fontsize=size, va="center")
            style.tag(text, method)
        if any(self.rows.values()):
            axis.text(count + 0.08, -0.1, self.counted, fontsize=size, color=QUIET, va="bottom")
        axis.axhline(height + 0.1, color="#BBBBBB", lw=0.8)
        axis.set(xlim=(0, count), ylim=(height + 1.1, 0))
        lengths = (TURNED, 1) if is_turned else (column - 0.06, 2)
        heads = ["\n".join(line for part in head for line in wrapped(part, size, *lengths))
                 for head in self.heads]  # fmt: skip
        axis.xaxis.tick_top()
        axis.set_xticks(np.arange(count) + 0.5, heads, rotation=90 if is_turned else 0)
        axis.set_yticks([*(np.arange(height) + 0.5), height + 0.6], [*names, FLOOR])
        axis.tick_params(length=0, labelsize=size)
        axis.tick_params(axis="y", pad=17)
        for label, method in zip(axis.get_yticklabels(), self.rows, strict=False):
            style.tag(label, method)
        sns.despine(ax=axis, left=True, bottom=True)
        self._legend(canvas, axis, min(1, 2 / (count * column)), style)
        return canvas

    def _legend(self, canvas: Canvas, axis: Any, share: float, style: Style) -> None:
        failed = f" · {CROSS} failed seeds" if self.any_failed else ""
        axis.set_xlabel(f"{self.signs}{failed}", loc="left", fontsize=style.small, color=QUIET)
        if any(self.scales):
            bar = canvas.colorbar(ScalarMappable(cmap=COLOURS), ax=axis, location="bottom",
                                  shrink=share, aspect=18, anchor=(0, 1), pad=0.01)  # fmt: skip
            bar.set_ticks([0, 1], labels=["untrained", "real data"])
            bar.ax.tick_params(length=0, labelsize=style.small)
            bar.outline.set_visible(False)

    def colour(self, problem: Problem, standing: Standing) -> Any:
        """Return a cell's colour: grey where too many seeds failed, white where all is unknown."""
        scale = scale_of(problem)
        if standing.failed and not standing.holds:
            return NO_NUMBER
        if scale is None or not standing.holds or standing.centre is None:
            return "white"
        return COLOURS(scale.share(standing.centre.value))

    def _cell(
        self, axis: Any, at: tuple[int, int], problem: Problem, standing: Standing, column: float,
        large: float, style: Style,
    ) -> None:  # fmt: skip
        (x, y), colour, small = at, self.colour(problem, standing), style.small
        told = f"{numbers.difference(problem.primary, standing.centre)} on {problem.label}"
        if standing.centre is None or not standing.holds:
            told = f"{failed_told(standing) or _absent(problem, standing)} on {problem.label}"
        box = Rectangle(at, 1, 1, facecolor=colour, edgecolor="white", lw=2.5)
        style.tag(axis.add_patch(box), standing.method, told)
        number = self._number(problem, standing)
        seeds = f"n = {standing.planned}" if has_fewer(problem, standing) else ""
        below = ", ".join(filter(None, (_interval(problem, standing), seeds)))
        if standing.failed:
            below = f"{CROSS} {failed_told(standing)}"
            seeds = f"{CROSS} {standing.failed}/{standing.planned}"
        if text_width(below, small) > column - 0.1:
            below = seeds
        ink = readable(colour) if standing.holds or standing.failed else QUIET
        weight = "bold" if number.endswith(MARKS["best"]) else "normal"
        lines = [(number, large, weight), (below, small, "normal")]
        lines = [line for line in lines if line[0]] or [(numbers.NOTHING, small, "normal")]
        for place, (words, size, weight) in enumerate(lines):
            up = 0.5 if len(lines) == 1 else (0.32, 0.74)[place]
            text = axis.text(x + 0.5, y + up, words, fontsize=size, weight=weight, color=ink,
                             ha="center", va="center")  # fmt: skip
            style.tag(text, standing.method, told)

    def _number(self, problem: Problem, standing: Standing) -> str:
        if standing.holds and standing.centre is not None:
            told = numbers.of(problem.primary, standing.centre.value)
            return f"{told} {self.sign(standing)}".strip()
        return "" if standing.failed else _absent(problem, standing)


def has_fewer(problem: Problem, standing: Standing) -> bool:
    """Return whether another method of the problem has more seeds."""
    return standing.planned < max(map(len, problem.by_method.values()))


def _absent(problem: Problem, standing: Standing) -> str:
    if standing.not_computed(problem.primary):
        return numbers.NOT_COMPUTED
    return next(iter(standing.statuses), numbers.NOTHING)


def _interval(problem: Problem, standing: Standing) -> str:
    """Return the ends of the mean's interval, where they differ and are finite."""
    found, metric = standing.centre, problem.primary
    if found is None or found.low is None or found.high is None:
        return ""
    if not 0 < found.high - found.low < np.inf:
        return ""
    return f"{numbers.of(metric, found.low)} – {numbers.of(metric, found.high)}"


def _caption(shown: Map, is_counted: bool) -> str:
    scaled = [(p, scale_of(p)) for p in shown.problems]
    parts = [
        f"Interquartile mean of each dataset's primary metric over "
        f"{seeds_told(list(shown.problems))}; below it, its {numbers.INTERVAL}."
    ]
    if any(has_fewer(p, s) for p, ranked in zip(shown.problems, shown.standings, strict=True)
           for s in ranked):  # fmt: skip
        parts.append("n: the seeds of a method that has fewer.")
    if shown.any_failed:
        parts.append("A failed seed counts as the worst value. Grey: too many failed for a mean.")
    if any(scale for _, scale in scaled):
        parts.append(
            "Colour: progress from an untrained generator (pale) to real data (dark), independent "
            "of the other methods."
        )
    if ratios := [p.label for p, s in scaled if s and s.by_ratios]:
        parts.append(f"On {listing(ratios)} it is real data's value divided by the method's.")
    if guessed := [p for p, s in scaled if s and not s.is_measured]:
        starts = {"0" if p.primary.higher_is_better else "a hundred times real data's value"
                  for p in guessed}  # fmt: skip
        parts.append(
            f"On {listing([p.label for p in guessed])} untrained generators were not "
            f"measured: pale is {' or '.join(sorted(starts))}."
        )
    if blank := [p.label for p, s in scaled if s is None]:
        parts.append(f"No colour on {listing(blank)}: real data's value is not known.")
    if is_counted:
        parts.append("Rows: by the number of datasets on which a method is among the best.")
    return " ".join(parts)


def _words(problems: list[Problem], standings: list[list[Standing]], methods: list[str]) -> str:
    """Return what the picture shows, for those who hear it."""
    few = sum(map(len, standings)) <= MOST_TOLD
    columns = []
    for problem, ranked in zip(problems, standings, strict=True):
        told = [_heard(problem, s) for s in ranked if few or s.against_best == "best"]
        real = problem.floor.get(problem.primary.name)
        if real is not None:
            told.append(f"{FLOOR} {numbers.of(problem.primary, real)}")
        columns.append(f"{problem.label} by {problem.primary.label}: {', '.join(told)}")
    return (
        f"Heat map of {number_of(len(methods), 'method')} by "
        f"{number_of(len(problems), 'problem')}. {'; '.join(columns)}."
        + ("" if few else " The tables of the datasets hold every number.")
    )


def _heard(problem: Problem, standing: Standing) -> str:
    told = [standing.method]
    if standing.holds and standing.centre is not None:
        told.append(numbers.of(problem.primary, standing.centre.value))
    elif not standing.failed:
        told.append(_absent(problem, standing))
    outcome = {"best": "best", "tied": "not distinguishable from the best"}
    notes = [outcome.get(standing.against_best, ""), failed_told(standing)]
    notes = [note for note in notes if note]
    return " ".join(told) + (f" ({', '.join(notes)})" if notes else "")
