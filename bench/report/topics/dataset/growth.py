"""The level of gradient norms over a training, as a multiple of the whole run's median."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.metrics.gradients import PLAYERS, growth, too_short, watched
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.series import in_discriminator_updates, series_of, thresholds
from bench.report.drawing.sheets import MOST, figure
from bench.report.drawing.style import INK, Style, named, powers, save
from bench.report.drawing.words import abreast
from bench.report.page.document import Block, Figure

POINTS = 200
"""Of a drawn curve."""
LEGEND_COLUMNS = 4

Curve = NDArray[np.float64]


def growth_curves(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the level of both players' norms over a training."""
    methods = [standing.method for standing in ranked[:MOST]]
    return figure(found, problem, "growth", partial(draw_growth, problem, methods, found.notes))


def draw_growth(
    problem: Problem, methods: list[str], notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """A panel each player, a line each method: the median over seeds of the smoothed norm."""
    updates = np.linspace(0, problem.updates, POINTS)
    curves = {method: _curves(problem, method, updates, notes) for method in methods}
    shown = [method for method in methods if curves[method]]
    if not shown:
        return None
    labels = [named(method, 26) for method in shown]
    across = abreast(labels, style, LEGEND_COLUMNS)
    legend = (-(-len(labels) // across) + 1) * style.text / 45
    size = (style.width, 2.4 + legend)
    canvas, panels = plt.subplots(1, 2, sharex=True, sharey=True, figsize=size)
    for axis, player in zip(panels.flat, PLAYERS, strict=True):
        axis.axhline(1, color=INK, ls=(0, (1, 1.5)), lw=0.7 * style.line, zorder=1)
        for method in reversed(shown):
            if player in curves[method]:
                (line,) = axis.plot(updates, curves[method][player], color=style.colour[method],
                                    ls=style.dash[method], lw=style.line)  # fmt: skip
                style.tag(line, method)
        axis.set_title(player, loc="left")
        axis.set_xlabel("discriminator updates")
        sns.despine(ax=axis)
    first = panels.flat[0]
    first.set(yscale="log", ylabel="norm / run's median")
    first.set_xlim(0, problem.updates)
    first.xaxis.set_major_locator(MaxNLocator(4))
    powers(first.yaxis)
    handles = [Line2D([], [], color=style.colour[m], ls=style.dash[m], lw=style.line)
               for m in shown]  # fmt: skip
    drawn = canvas.legend(handles, labels, frameon=False, loc="outside lower center", ncols=across)
    style.tag_legend(drawn, shown)
    heard = "; ".join(
        f"{method} {np.nanmax(curves[method][player]):.3g} ({player})"
        for method in shown for player in curves[method]
    )  # fmt: skip
    return Figure(
        save(canvas, folder, f"{problem.anchor}-growth"),
        f"Growth of gradient norms on {problem.label}. Largest multiples: {heard}.",
        "Smoothed gradient norm as a multiple of the run's median norm: median over seeds. "
        "Growth against the other baselines has the same shape, shifted.",
    )


def _curves(problem: Problem, method: str, updates: Curve, notes: list[str]) -> dict[str, Curve]:
    """By player, the median over seeds at these discriminator updates."""
    found: dict[str, list[Curve]] = {player: [] for player in PLAYERS}
    for record, series in series_of(problem, method, notes):
        for player in PLAYERS:
            norms, at = watched(series, player), thresholds(record)
            own = growth(norms, at)
            if too_short(norms.size, at) or own.updates.size == 0:
                continue
            when = in_discriminator_updates(record, player, own.updates)
            found[player].append(np.interp(updates, when, own.ratios["whole"],
                                           left=np.nan, right=np.nan))  # fmt: skip
    middles = {player: _middle(seeds) for player, seeds in found.items() if seeds}
    return {player: own for player, own in middles.items() if np.isfinite(own).any()}


def _middle(seeds: list[Curve]) -> Curve:
    """Median over seeds, nan where none has a value."""
    stacked = np.array(seeds)
    some = np.isfinite(stacked).any(axis=0)
    middle = np.full(stacked.shape[1], np.nan)
    middle[some] = np.nanmedian(stacked[:, some], axis=0)
    return middle
