"""Losses of both players over training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.series import LOSS_BINS, read
from bench.report.drawing.panels import Line, Panels, Scale
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import Style, save
from bench.report.page.document import Block, Figure

DASHES: dict[str, Any] = {"discriminator": "-", "generator": (0, (2.5, 1.2))}


def losses(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the losses of both players."""
    return sheeted(found, problem, ranked, "losses", draw_losses)


def draw_losses(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw a panel per method, each with a scale of its own; None where no losses are stored."""
    found = {method: _medians(problem, method, notes) for method in sheet.methods}
    shown = [method for method in sheet.methods if found[method]]
    if not shown:
        return None
    scales = [Scale.of(np.concatenate([y for _, y in found[m].values()])) for m in shown]
    panels = Panels(scales, problem.updates, ("discriminator updates", "loss"), style, False)
    for place, method in enumerate(shown):
        for player, line in found[method].items():
            panels.plot(place, [line], method, color=style.colour[method], ls=DASHES[player],
                        lw=0.75 * style.line)  # fmt: skip
        ends = (f"{player} {line[1][-1]:.3g}" for player, line in found[method].items())
        panels.tell(place, method, f"last median loss: {', '.join(ends)}")
        panels.title(place, method)
    return Figure(
        save(panels.canvas, folder, f"{problem.anchor}-losses{sheet.suffix}"),
        f"Losses of both players on {problem.label} over discriminator updates for "
        f"{', '.join(shown)}.",
        f"Median loss over all seeds, in {LOSS_BINS} bins; solid: discriminator, dashed: "
        "generator. Methods minimise different losses, so scales differ. "
        f"{sheet.told('losses')}".strip(),
    )


def _medians(problem: Problem, method: str, notes: list[str]) -> dict[str, Line]:
    """Return the medians of each player that has a finite loss."""
    bands = {player: own.losses for player, own in read(problem, method, notes).items()}
    return {player: (own.middle, own.median) for player, own in bands.items() if own.middle.size}
