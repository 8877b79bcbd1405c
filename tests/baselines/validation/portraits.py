"""Phase portraits of the Dirac-GAN: what was trained over what theory foresees."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.report.drawing.style import COLOURS, INK, QUIET, Style, put, save
from tests.baselines.validation import dirac
from tests.baselines.validation.runs import Paths

COLOUR = {
    dirac.CONVERGES: COLOURS[2],
    dirac.GROWS: COLOURS[1],
    dirac.CYCLES: COLOURS[0],
    dirac.RESTS: COLOURS[6],
    dirac.FALLS: COLOURS[4],
}
BLOCKS = 2
ARROWS = 9


def draw(paths: Paths, folder: Path) -> None:
    """Write figures/dirac-portraits.png below ``folder``: a row a method, a column a mode."""
    style = Style([])
    with style.drawing(("png",)):
        rows, columns = -(-len(dirac.ROWS) // BLOCKS), BLOCKS * len(dirac.MODES)
        em, gap, apart = style.em, 0.32, 0.3
        left, top, block = 0.42, 2.2 * em, 0.3
        side = (style.width - left - 0.05 - (columns - 1) * gap - apart) / columns
        height = top + rows * (side + block + 1.5 * em) + 3.4 * em
        canvas = plt.figure(figsize=(style.width, height), layout="none")
        for place, row in enumerate(dirac.ROWS):
            band, line = divmod(place, rows)
            for at, mode in enumerate(dirac.MODES):
                panel = canvas.add_subplot()
                across = left + (band * len(dirac.MODES) + at) * (side + gap) + band * apart
                down = top + line * (side + block + 1.5 * em) + 1.5 * em
                put(panel, across, down, side, side)
                _panel(panel, row, mode, paths[row.method, mode], style)
                if line == 0:
                    canvas.text((across + side / 2) / style.width, 1 - 1.2 * em / height,
                                mode.replace(", 5 critic steps", ", 5 steps"), ha="center",
                                fontsize=style.small, color=QUIET)  # fmt: skip
                if at == 0:
                    panel.set_ylabel("ψ", labelpad=0)
                if line == rows - 1 or place == len(dirac.ROWS) - 1:
                    panel.set_xlabel("θ", labelpad=0)
                panel.set_title(row.told if at == 0 else "", loc="left", fontweight="bold",
                                fontsize=style.text, pad=3)  # fmt: skip
        handles = [Line2D([], [], color=colour, lw=style.line) for colour in COLOUR.values()]
        theory = Line2D([], [], color="#CCCCCC", lw=3.5)
        canvas.legend([*handles, theory], [*COLOUR, "closed form"], loc="lower center",
                      ncols=len(COLOUR) + 1, frameon=False)  # fmt: skip
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        save(canvas, folder, "dirac-portraits", pictures=True)


def _panel(panel: plt.Axes, row: dirac.Row, mode: str, path: dirac.Floats, style: Style) -> None:
    reach = 1.15 * float(np.clip(np.abs(path).max(), 1.3, 4.0))
    line = np.linspace(-reach, reach, ARROWS + 2)[1:-1]
    theta, psi = np.meshgrid(line, line)
    forward, back = row.velocity(theta, psi)
    length = np.maximum(np.hypot(forward, back), 1e-9)
    panel.quiver(theta, psi, forward / length, back / length, color="#BDBDBD", pivot="mid",
                 scale=16, width=0.008, headwidth=4, zorder=1)  # fmt: skip
    expected = dirac.recursion(row, mode, len(path) - 1)
    panel.plot(*_until(expected, reach).T, color="#CCCCCC", lw=3.0, zorder=2)
    panel.plot(
        *_until(path, reach).T, color=COLOUR.get(dirac.behaviour(path), INK), lw=0.9, zorder=3
    )
    panel.plot(*path[0], marker="o", color=INK, ms=3.5, mfc="white", mew=0.8, ls="", zorder=4)
    if np.abs(path[-1]).max() < reach:
        panel.plot(*path[-1], marker="o", color=INK, ms=3.5, mew=0, ls="", zorder=5)
    if dirac.behaviour(path) != row.published.get(mode, dirac.behaviour(path)):
        panel.text(1, 1, f"published: {row.published[mode]}", transform=panel.transAxes, ha="right",
                   va="top", fontsize=style.small - 1, color="#C1121F")  # fmt: skip
    panel.plot(0, 0, marker="+", color=INK, ms=6, mew=0.8, ls="", zorder=4)
    panel.set(xlim=(-reach, reach), ylim=(-reach, reach))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    panel.tick_params(labelsize=style.small - 1, length=2, pad=1.5)
    sns.despine(ax=panel)


def _until(path: dirac.Floats, reach: float) -> dirac.Floats:
    """A path up to where it has left the panel for good."""
    inside = np.flatnonzero((np.abs(path) <= 1.5 * reach).all(axis=1))
    return path[: inside[-1] + 2]
