"""Losses of both players over training."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import PLAYERS, Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import INK, Style, named, put, save
from bench.report.page.document import Block, Figure
from bench.report.topics.dataset.norms import BINS, binned

COLUMNS = 3
DASHES = {"discriminator": "-", "generator": (0, (2.5, 1.2))}
Points = NDArray[np.float64]


def losses(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the losses of both players."""
    return sheeted(found, problem, ranked, "losses", draw_losses)


def draw_losses(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw a panel per method, each with a scale of its own; None where no losses are stored."""
    found = {m: _losses(problem, m, notes) for m in sheet.methods}
    shown = [method for method in sheet.methods if found[method]]
    if not shown:
        return None
    em, columns = style.em, min(2 if style.narrow else COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    left, between, tall = 4.2 * em, 4.6 * em, 1.15 * style.scale
    most = 2 if style.narrow else COLUMNS
    wide = (style.width - left - 0.2 - (most - 1) * between) / most
    block, foot = tall + 2.3 * em, 4.6 * em
    style.fits(rows * block + foot)
    canvas, panels = plt.subplots(
        rows, columns, squeeze=False, layout="none", sharex=True,
        figsize=(style.width, rows * block + foot),
    )  # fmt: skip
    for place, panel in enumerate(panels.flat):
        row, column = divmod(place, columns)
        put(panel, left + column * (wide + between), row * block + 1.9 * em, wide, tall)
        if place >= len(shown):
            panel.axis("off")
            continue
        method = shown[place]
        for player, (updates, values) in found[method].items():
            edges = np.linspace(0, updates.max(), min(BINS, len(updates)) + 1)
            # binned takes positive numbers, and a loss may be of either sign
            shift = 1 - values.min()
            middle, low, median, high = binned(updates, values + shift, edges)
            colour, dash = style.colour[method], DASHES[player]
            panel.fill_between(middle, low - shift, high - shift, color=colour, alpha=0.15, lw=0)
            panel.plot(middle, median - shift, color=colour, ls=dash, lw=0.75 * style.line)
        panel.set_title(named(method, int(wide / em / 0.7)), loc="left", fontweight="bold")
        panel.yaxis.set_major_locator(MaxNLocator(3))
        if place + columns >= len(shown):
            panel.tick_params(labelbottom=True)
            panel.set_xlabel("discriminator updates")
        sns.despine(ax=panel)
        style.tag(panel, method)
    panels[0, 0].set_xlim(0, problem.updates)
    panels[0, 0].xaxis.set_major_locator(MaxNLocator(2 if style.narrow else 4))
    handles = [Line2D([], [], color=INK, ls=DASHES[p], lw=0.75 * style.line) for p in PLAYERS]
    canvas.legend(handles, PLAYERS, loc="lower center", ncols=2, frameon=False, borderpad=0.2)
    return Figure(
        save(canvas, folder, f"{problem.anchor}-losses{sheet.suffix}"),
        f"Losses of both players on {problem.label} over discriminator updates for "
        f"{', '.join(shown)}.",
        f"Loss of each player: median over seeds in up to {BINS} bins; band: min–max. Methods "
        f"minimise different losses, so scales differ. {sheet.told('losses')}".strip(),
    )


def _losses(problem: Problem, method: str, notes: list[str]) -> dict[str, tuple[Points, Points]]:
    """Return the updates and finite losses of each player over all seeds, (N,) each."""
    found: dict[str, list[tuple[Points, Points]]] = {player: [] for player in PLAYERS}
    for planned in problem.by_method[method]:
        if planned.record is None:
            continue
        try:
            arrays = planned.record.series()
        except BenchError as error:
            notes.append(str(error))
            continue
        for player in PLAYERS:
            values = arrays.get(f"{player}_loss", np.empty(0)).astype(float)
            cost = planned.record.cost
            if not np.isfinite(values).any():
                continue
            # the generator moves once in so many updates of the discriminator
            pace = cost["discriminator_updates"] / max(cost[f"{player}_updates"], 1)
            kept = np.flatnonzero(np.isfinite(values))
            found[player].append(((kept + 1) * pace, values[kept]))
    return {
        player: (np.concatenate([x for x, _ in own]), np.concatenate([y for _, y in own]))
        for player, own in found.items()
        if own
    }
