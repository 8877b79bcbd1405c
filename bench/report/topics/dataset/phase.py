"""The path of the Dirac-GAN's two weights."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import INK, QUIET, Style, named, put, save
from bench.report.page.document import Block, Figure

COLUMNS = 4
FURTHEST = 1e6
"""From the equilibrium: what stands for a step that is not finite."""


def phase(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the phase portraits, for datasets whose metrics are θ and ψ."""
    if not {"theta", "psi"} <= {metric.name for metric in problem.quantities}:
        return []
    return sheeted(found, problem, ranked, "phase", draw_phase)


def draw_phase(
    problem: Problem,
    sheet: Sheet,
    _notes: list[str],
    style: Style,
    folder: Path,
) -> Figure | None:
    """Draw θ against ψ at every evaluation, for datasets whose metrics these are."""
    paths = {
        method: [
            np.array([(e["theta"], e["psi"]) for e in planned.record.evaluations], dtype=float)
            for planned in problem.by_method[method]
            if planned.record is not None and planned.record.evaluations
        ]
        for method in sheet.methods
    }
    shown = [method for method in sheet.methods if paths[method]]
    if not shown:
        return None
    starts = [_radius(path)[0] for found in paths.values() for path in found]
    furthest = max(_radius(path).max() for found in paths.values() for path in found)
    reach = 1.1 * max(min(furthest, 2 * max(starts)), 0.1)
    em, between = style.em, 0.25 * style.scale
    left, block = 5.0 * em, 5.6 * em
    most = style.across(COLUMNS)
    side = (style.width - left - 0.1 - (most - 1) * between) / most
    columns = min(most, len(shown))
    rows = -(-len(shown) // columns)
    canvas, axes = plt.subplots(
        rows, columns, squeeze=False, sharex=True, sharey=True, layout="none",
        figsize=(left + columns * (side + between) - between + 0.1, rows * (side + block)),
    )  # fmt: skip
    for place, panel in enumerate(axes.flat):
        row, column = divmod(place, columns)
        put(panel, left + column * (side + between), row * (side + block) + 1.8 * em, side, side)
        panel.set_visible(place < len(shown))
    panels = list(axes.flat)[: len(shown)]
    angle = np.linspace(0, 2 * np.pi, 200)
    for place, (panel, method) in enumerate(zip(panels, shown, strict=True)):
        for start in {round(float(_radius(path)[0]), 3) for path in paths[method]}:
            panel.plot(start * np.cos(angle), start * np.sin(angle), color="#AAAAAA",
                       ls=(0, (3, 3)), lw=style.thin, zorder=1)  # fmt: skip
        for path in paths[method]:
            panel.plot(*path.T, color=style.colour[method], lw=0.6 * style.line, marker=".",
                       ms=5 * style.scale**2, mew=0, alpha=0.8)  # fmt: skip
            panel.plot(*path[0], marker="o", color=INK, ms=5 * style.scale, mfc="white",
                       mew=style.thin, ls="")  # fmt: skip
        panel.plot(0, 0, marker="*", color=INK, ms=9 * style.scale, ls="")
        if left := sum(not (np.abs(path[-1]) <= reach).all() for path in paths[method]):
            panel.text(0.5, 0.02, f"{left} of {len(paths[method])} seeds end outside",
                       transform=panel.transAxes, ha="center", va="bottom", fontsize=style.small,
                       color=QUIET)  # fmt: skip
        panel.set_title(named(method, int(side / em / 0.7)), loc="left", fontweight="bold")
        panel.set(xlim=(-reach, reach), ylim=(-reach, reach))
        panel.tick_params(labelbottom=True)
        panel.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        panel.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        panel.set_xlabel("θ (generator)")
        if place % columns == 0:
            panel.set_ylabel("ψ (discriminator)")
        sns.despine(ax=panel)
        style.tag(panel, method)
    return Figure(
        save(canvas, folder, f"{problem.anchor}-phase{sheet.suffix}"),
        f"Phase portraits on {problem.label}: the generator's θ against the discriminator's ψ for "
        f"{', '.join(shown)}.",
        "Path of the two weights through the evaluations, every seed. Ring: start. Star: the "
        "equilibrium (0, 0). Dashed: the circle that the game without stabilisation, in small "
        f"steps, would never leave. {sheet.told('phase')}".strip(),
    )


def _radius(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance from the equilibrium."""
    return np.nan_to_num(np.hypot(*path.T), nan=FURTHEST, posinf=FURTHEST)
