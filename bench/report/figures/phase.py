"""The path of the Dirac-GAN's two weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import seaborn as sns

from bench.report.analysis.problems import Problem
from bench.report.figures.style import INK, Style, grid, named, save
from bench.report.page.document import Figure


def draw_phase(problem: Problem, methods: list[str], style: Style, folder: Path) -> Figure | None:
    """θ against ψ at every evaluation, for datasets whose metrics these are."""
    if not {"theta", "psi"} <= {metric.name for metric in problem.dataset.metrics}:
        return None
    paths = {
        method: [
            np.array([(e["theta"], e["psi"]) for e in planned.record.evaluations], dtype=float)
            for planned in problem.by_method[method]
            if planned.record is not None and planned.record.evaluations
        ]
        for method in methods
    }
    shown = [method for method in methods if paths[method]]
    if not shown:
        return None
    canvas, panels = grid(len(shown), 4, 2.75)
    for panel, method in zip(panels, shown, strict=True):
        for path in paths[method]:
            panel.plot(*path.T, color=style.colour[method], lw=1, marker=".", ms=3, alpha=0.8)
            panel.plot(*path[0], marker="o", color=INK, ms=5, mfc="white")
        panel.plot(0, 0, marker="*", color=INK, ms=9, ls="")
        panel.set_title(named(method), loc="left", fontweight="bold")
        panel.set(xlabel="θ", ylabel="ψ")
        panel.axis("equal")
        sns.despine(ax=panel)
    return Figure(
        save(canvas, folder, f"{problem.anchor}-phase"),
        f"Phase portraits on {problem.label}: the generator's θ against the discriminator's ψ for "
        f"{', '.join(shown)}.",
        "Path of the two weights through the evaluations, every seed. Ring: start. Star: the "
        "equilibrium (0, 0).",
    )
