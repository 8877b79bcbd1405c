"""The critical-difference diagram: mean ranks over a study's problems, and which differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, mean_places
from bench.report.drawing.style import INK, Style, save
from bench.report.drawing.words import blank, fitted, inches, seeds_told, text_width
from bench.report.page import numbers
from bench.report.page.document import Figure
from bench.report.statistics import CriticalDifference, critical_difference


class _Ranked:
    """The problems on which some method has a number, and the methods with scores on each."""

    def __init__(self, problems: list[Problem], standings: list[list[Standing]]):
        pairs = [
            (p, r) for p, r in zip(problems, standings, strict=True) if any(s.holds for s in r)
        ]
        self.problems = [problem for problem, _ in pairs]
        self.higher = [problem.primary.higher_is_better for problem in self.problems]
        self.cells = [{s.method: s for s in ranked if s.centre is not None} for _, ranked in pairs]
        places = mean_places(problems, standings)
        self.methods = [m for m in places if pairs and all(m in cells for cells in self.cells)]
        self.left_out = sorted(set(places) - set(self.methods))

    def centres(self) -> list[list[float]]:
        """(problems, methods)."""
        return [[c.value for m in self.methods if (c := cells[m].centre)] for cells in self.cells]

    def told_left_out(self) -> str:
        if not self.left_out:
            return ""
        count = len(self.left_out)
        some = numbers.listing(self.left_out) if count <= 6 else f"{count} methods"
        return f" Left out, as not every problem has a score of them: {some}."


def draw_critical_difference(
    problems: list[Problem], standings: list[list[Standing]], style: Style, folder: Path
) -> Figure | str:
    """The diagram of Demšar (2006, figure 1), or in words why there is none."""
    ranked = _Ranked(problems, standings)
    if len(ranked.problems) < 2 or len(ranked.methods) < 2:
        return (
            "No critical-difference diagram: it needs two methods or more with scores on the "
            "same two problems or more."
        )
    found = critical_difference(ranked.centres(), ranked.higher)
    if isinstance(found, str):
        return f"No critical-difference diagram: {found}."
    canvas = _diagram(found, ranked.methods, style)
    groups = [numbers.listing([ranked.methods[i] for i in group]) for group in found.groups]
    datasets = {problem.cell.dataset.name for problem in ranked.problems}
    dependent = (
        " Some problems share a dataset; the test takes them as independent all the same."
        if len(datasets) < len(ranked.problems)
        else ""
    )
    ranks = ", ".join(
        f"{ranked.methods[i]} {found.ranks[i]:.2f}" for i in np.argsort(found.ranks, kind="stable")
    )
    return Figure(
        save(canvas, folder, "critical-difference"),
        f"Critical difference diagram of {len(ranked.methods)} methods over {found.datasets} "
        f"problems. Mean ranks: {ranks}. Not distinguishable: {'; '.join(groups) or 'none'}.",
        f"Mean ranks over {found.datasets} problems, {seeds_told(ranked.problems)}; 1 is best. A "
        "bar joins methods that are not distinguishable; ranks at least CD = "
        f"{found.difference:.2f} apart are (Nemenyi's test at {100 * found.alpha:g} %; Friedman's "
        f"test that all are alike: p {_p(found.p)}). Every problem gives one rank to each method, "
        "by the interquartile mean over seeds, in which a failed seed counts as the worst value "
        "there is." + dependent + ranked.told_left_out(),
    )


def _diagram(found: CriticalDifference, methods: list[str], style: Style) -> Any:
    """Laid out in inches: x to the right, y downwards."""
    count, size, width = len(methods), style.small, style.share(0.8)
    order = [int(i) for i in np.argsort(found.ranks, kind="stable")]
    names = {m: fitted(m, size, style.share(0.24) if not style.narrow else 1.0) for m in methods}
    side = 0.55 + max(text_width(name, size) for name in names.values())
    step = 0.23
    rule, bars = 0.62, 0.11
    first = rule + 0.2 + bars * len(found.groups)
    # a column has room for names at one side alone
    half = 0 if style.narrow else -(-count // 2)
    start = 0.2 if style.narrow else side
    height = first + step * (count - half if style.narrow else half) + 0.05
    canvas = blank(width, height)
    axis = inches(canvas)

    def at(rank: float) -> float:
        return start + (rank - 1) / (count - 1) * (width - start - side)

    ink = {"color": INK, "solid_capstyle": "butt"}
    axis.plot([at(1), at(count)], [rule, rule], lw=1, **ink)
    for tick in _ticks(count):
        axis.plot([at(tick)] * 2, [rule - 0.07, rule], lw=1, **ink)
        axis.text(at(tick), rule - 0.1, f"{tick:g}", ha="center", va="bottom", fontsize=size)
    end = min(at(1 + found.difference), width - 0.1)
    axis.plot([at(1), end], [0.2, 0.2], lw=1.4, **ink)
    for x in (at(1), end):
        axis.plot([x, x], [0.15, 0.25], lw=1.4, **ink)
    axis.text((at(1) + end) / 2, 0.16, f"CD = {found.difference:.2f}", ha="center", va="bottom",
              fontsize=size)  # fmt: skip
    for row, group in enumerate(found.groups):
        ranks = [found.ranks[i] for i in group]
        y = rule + 0.13 + bars * row
        axis.plot([at(min(ranks)) - 0.05, at(max(ranks)) + 0.05], [y, y], lw=3.5, **ink)
    for place, index in enumerate(order):
        method, is_left = methods[index], place < half
        x = at(found.ranks[index])
        y = first + step * (place if is_left else count - 1 - place) + 0.08
        edge = side - 0.42 if is_left else width - side + 0.42
        (line,) = axis.plot([x, x, edge], [rule, y, y], color=style.colour[method], lw=1.3,
                            solid_joinstyle="miter")  # fmt: skip
        rank = axis.text(
            edge, y - 0.02, f"{found.ranks[index]:.2f}", fontsize=style.letters(size - 1.5),
            va="bottom",
            ha="left" if is_left else "right", color="#555555",
        )  # fmt: skip
        name = axis.text(edge + (-0.06 if is_left else 0.06), y, names[method], fontsize=size,
                         ha="right" if is_left else "left", va="center")  # fmt: skip
        for artist in (line, rank, name):
            style.tag(artist, method)
    return canvas


def _ticks(count: int) -> list[int]:
    """From 1 to ``count``, not more than a dozen."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if count <= 12 * step)
    return [1, *range(step, count + 1, step)] if step > 1 else list(range(1, count + 1))


def _p(p: float) -> str:
    told = numbers.p_value(p)
    return told if told.startswith("<") else f"= {told}"
