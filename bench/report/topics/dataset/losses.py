"""Losses of both players over training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metrics.gradients import PLAYERS
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.series import in_discriminator_updates, series_of
from bench.report.drawing.panels import Line, Panels, Scale
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import Style, save
from bench.report.page.document import Block, Figure
from bench.report.topics.dataset.norms import binned

BINS = 100
"""Points of a drawn series; each stands for the updates of its bin."""
DASHES: dict[str, Any] = {"discriminator": "-", "generator": (0, (2.5, 1.2))}
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
    medians = [{p: _median(*own) for p, own in found[method].items()} for method in shown]
    scales = [Scale.of(np.concatenate([y for _, y in own.values()])) for own in medians]
    panels = Panels(scales, problem.updates, ("discriminator updates", "loss"), style, False)
    for place, (method, own) in enumerate(zip(shown, medians, strict=True)):
        for player, line in own.items():
            panels.plot(place, [line], method, color=style.colour[method], ls=DASHES[player],
                        lw=0.75 * style.line)  # fmt: skip
        panels.title(place, method)
    return Figure(
        save(panels.canvas, folder, f"{problem.anchor}-losses{sheet.suffix}"),
        f"Losses of both players on {problem.label} over discriminator updates for "
        f"{', '.join(shown)}.",
        f"Median loss over all seeds, in {BINS} bins; solid: discriminator, dashed: generator. "
        f"Methods minimise different losses, so scales differ. {sheet.told('losses')}".strip(),
    )


def _median(updates: Points, values: Points) -> Line:
    """Return the median in every bin that holds a loss."""
    # binned takes positive numbers, and a loss may be of either sign
    shift = 1 - values.min()
    edges = np.linspace(0, updates.max(), min(BINS, len(updates)) + 1)
    middle, _, median, _ = binned(updates, values + shift, edges)
    return middle, median - shift


def _losses(problem: Problem, method: str, notes: list[str]) -> dict[str, tuple[Points, Points]]:
    """Return the updates and finite losses of each player over all seeds, (N,) each."""
    found: dict[str, list[tuple[Points, Points]]] = {player: [] for player in PLAYERS}
    for record, arrays in series_of(problem, method, notes):
        for player in PLAYERS:
            values = arrays.get(f"{player}_loss", np.empty(0)).astype(float)
            kept = np.flatnonzero(np.isfinite(values))
            if kept.size:
                at = in_discriminator_updates(record, player, kept + 1)
                found[player].append((at, values[kept]))
    return {
        player: (np.concatenate([x for x, _ in own]), np.concatenate([y for _, y in own]))
        for player, own in found.items()
        if own
    }
