"""Gradient norms of both players, with the flagged updates marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from bench.metrics.gradients import PLAYERS
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.series import NORM_BINS, Series, read
from bench.report.drawing.panels import Key, Panels, Scale
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import FLAG, INK, Style, save
from bench.report.page.document import Block, Figure


def norms(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the gradient norms of both players."""
    return sheeted(found, problem, ranked, "norms", draw_norms, in_variants=True)


def draw_norms(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw two panels for each method: the discriminator's norms above the generator's."""
    series = {method: read(problem, method, notes) for method in sheet.methods}
    shown = [method for method in sheet.methods if series[method]]
    if not shown:
        return None
    drawn = [(method, series[method][player]) for method in shown for player in PLAYERS]
    marked = [name for name in FLAG if any(name in own.flagged for _, own in drawn)]
    keys: list[Key] = [
        (Line2D([], [], color=INK, lw=0.75 * style.line), "median", None),
        (Line2D([], [], color=INK, lw=6, alpha=0.2), "min–max", None),
    ]
    for name in marked:
        marker, colour = FLAG[name]
        keys.append((Line2D([], [], ls="", marker=marker, color=colour, ms=5), name, None))
    heights = [own.norms.low for _, own in drawn] + [own.norms.high for _, own in drawn]
    heights += [y for _, own in drawn for _, y in own.flagged.values()]
    known = np.concatenate(heights)
    if not (known[np.isfinite(known)] > 0).any():  # nothing that a logarithmic axis could show
        return None
    scale = Scale.of(known, is_log=True)
    labels = ("discriminator updates", "‖gradient‖")
    panels = Panels([scale] * len(drawn), problem.updates, labels, style, True, PLAYERS, keys)
    for place, (method, own) in enumerate(drawn):
        _draw(panels, place, method, own, style)
        if place % len(PLAYERS) == 0:
            panels.title(place, method)
    told = f"Marked: {', '.join(sorted(marked))}." if marked else "No update is flagged."
    return Figure(
        save(panels.canvas, folder, f"{problem.anchor}-norms{sheet.suffix}"),
        f"Gradient norms on {problem.label}, logarithmic, for both players of "
        f"{', '.join(shown)}. {told}",
        f"Unclipped gradient norm of each player over all seeds, in {NORM_BINS} bins. {told} "
        f"{sheet.told('norms')}".strip(),
    )


def _draw(panels: Panels, place: int, method: str, own: Series, style: Style) -> None:
    """Draw one player's panel."""
    band, colour = own.norms, style.colour[method]
    panels.band(place, (band.middle, band.low), (band.middle, band.high), method, color=colour,
                alpha=0.25)  # fmt: skip
    panels.plot(place, [(band.middle, band.median)], method, color=colour, lw=0.75 * style.line)
    if band.middle.size:
        last, low, high = (f"{each[-1]:.3g}" for each in (band.median, band.low, band.high))
        player = PLAYERS[place % len(PLAYERS)]
        panels.tell(place, method, f"{player}'s last norm: median {last} ({low} to {high})")
    for name, (x, y) in own.flagged.items():
        marker, flag = FLAG[name]
        # what is not finite has no height; it is put at the upper edge
        high_up = ~np.isfinite(y)
        top = np.full(high_up.sum(), panels.scales[place].at(0.05))
        for marks, size in (((x[~high_up], y[~high_up]), 3.0), ((x[high_up], top), 5.1)):
            if marks[0].size:
                panels.plot(place, [marks], method, color=flag, ls="", marker=marker, mew=0,
                            ms=size * style.scale**0.5, zorder=3)  # fmt: skip
