"""The level of gradient norms over a training, as a multiple of the whole run's median."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from bench.metrics.gradients import PLAYERS
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.series import GROWTH_POINTS, read
from bench.report.drawing.panels import Key, Panels, Scale
from bench.report.drawing.sheets import MOST, figure
from bench.report.drawing.style import INK, Style, named, save
from bench.report.page.document import Block, Figure


def growth_curves(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the level of both players' norms over a training."""
    methods = [standing.method for standing in ranked[:MOST]]
    return figure(found, problem, "growth", partial(draw_growth, problem, methods, found.notes))


def draw_growth(
    problem: Problem, methods: list[str], notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw a panel for each player: the median of the smoothed norm over seeds, by method."""
    series = {method: read(problem, method, notes) for method in methods}
    curves = {
        method: {
            player: each.growth
            for player, each in own.items()
            if each.growth is not None and np.isfinite(each.growth).any()
        }
        for method, own in series.items()
    }
    shown = [method for method in methods if curves[method]]
    if not shown:
        return None
    keys: list[Key] = [
        (Line2D([], [], color=style.colour[method], ls=style.dash[method], lw=style.line),
         named(method, 26), method)
        for method in shown
    ]  # fmt: skip
    drawn = np.concatenate([y for method in shown for y in curves[method].values()])
    scale = Scale.of(np.append(drawn, 1.0), is_log=True)
    labels = ("discriminator updates", "norm / run's median")
    panels = Panels([scale] * len(PLAYERS), problem.updates, labels, style, True, keys=keys,
                    columns=2)  # fmt: skip
    updates = np.linspace(0, problem.updates, GROWTH_POINTS)
    for place, player in enumerate(PLAYERS):
        panels.plot(place, [(updates, np.ones(GROWTH_POINTS))], color=INK, ls=(0, (1, 1.5)),
                    lw=0.7 * style.line)  # fmt: skip
        for method in reversed(shown):
            if player in curves[method]:
                panels.plot(place, [(updates, curves[method][player])], method,
                            color=style.colour[method], ls=style.dash[method],
                            lw=style.line)  # fmt: skip
        panels.title(place, player)
    heard = "; ".join(
        f"{method} {np.nanmax(curves[method][player]):.3g} ({player})"
        for method in shown for player in curves[method]
    )  # fmt: skip
    return Figure(
        save(panels.canvas, folder, f"{problem.anchor}-growth"),
        f"Growth of gradient norms on {problem.label}. Largest multiples: {heard}.",
        "Smoothed gradient norm as a multiple of the run's median norm: median over seeds. "
        "Growth against the other baselines has the same shape, shifted.",
    )
