"""Images from fixed latents: how they evolve through training, and what lies between two."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from bench.report.analysis.problems import Problem
from bench.report.figures.seeds import Shown, guide
from bench.report.figures.style import WIDTH, grid, save
from bench.report.figures.tiles import WHITE, in_colour, tiled
from bench.report.page.document import Figure

FEWEST, COLUMNS, LATENTS = 5, 8, 9
"""Evaluations that are shown where there are many, from … to, and images of each."""
PATHS = 3
"""Interpolations that are shown of each method."""
CELL, LABELS, HEAD = 1.15, 1.7, 0.55
"""Inches: a cell of the evolution at most, the names beside, the updates above."""


def draw_evolution(problem: Problem, shown: dict[str, Shown], folder: Path) -> Figure | None:
    """Methods × evaluations: the same few latents in every cell. None where there are no images."""
    rows = {name: one for name, one in shown.items() if one.is_image}
    if not rows:
        return None
    updates = _columns(problem)
    cells = [[_cell(one, update, update == updates[-1]) for update in updates]
             for one in rows.values()]  # fmt: skip
    height, width = cells[0][0].shape[:2]
    gap = max(2, width // 16)
    sheet = tiled(np.stack([cell for row in cells for cell in row]), len(updates), gap)
    size = min(CELL, (WIDTH - LABELS) / len(updates))
    canvas, axis = plt.subplots(
        figsize=(LABELS + size * len(updates), HEAD + size * len(rows) * height / width)
    )
    axis.imshow(sheet)
    axis.set_xticks(
        np.arange(len(updates)) * (width + gap) + width / 2, [f"{u:,}" for u in updates]
    )
    axis.set_yticks(np.arange(len(rows)) * (height + gap) + height / 2,
                    ["\n".join(one.title(name, 24)) for name, one in rows.items()])  # fmt: skip
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set_xlabel("discriminator updates")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    failed = any(one.record.status != "ok" for one in rows.values())
    return Figure(
        save(canvas, folder, f"{problem.anchor}-evolution", pictures=True),
        f"Images on {problem.label} as training goes on, from the same latents at "
        f"{len(updates)} evaluations: a row for each of {', '.join(rows)}.",
        "How images form, and how a collapse begins: the same latents in every cell of a row, for "
        f"each method's median seed by {guide(problem).label}."
        + (" Empty: that seed had failed before." if failed else ""),
    )


def draw_interpolations(problem: Problem, shown: dict[str, Shown], folder: Path) -> Figure | None:
    """A few ways between two latents for every method. None where no record has any."""
    found = {name: one for name, one in shown.items() if "interpolations" in one.arrays}
    if not found:
        return None
    steps, height, width = next(iter(found.values())).arrays["interpolations"].shape[1:4]
    tall = WIDTH / 2 * PATHS * height / (steps * width)
    canvas, axes = grid(len(found), 2, tall + 0.35)
    for axis, (name, one) in zip(axes, found.items(), strict=True):
        paths = one.arrays["interpolations"][:PATHS]
        axis.imshow(tiled(in_colour(np.concatenate(paths)), paths.shape[1], max(1, width // 28)))
        axis.set_title(", ".join(one.title(name)), loc="left")
        axis.axis("off")
    failed = [name for name, one in shown.items() if one.record.status != "ok"]
    return Figure(
        save(canvas, folder, f"{problem.anchor}-interpolations", pictures=True),
        f"Images on {problem.label} along the way between two latents, {steps} steps a row, for "
        f"{', '.join(found)}.",
        "From one latent to another, a way in each row, at the end of the training of each "
        f"method's median seed by {guide(problem).label}. Steps that change little by little show "
        "a generator that has learnt what lies between; rows that are alike, a collapse."
        + (f" No seed finished: {', '.join(failed)}." if failed else ""),
    )


def _columns(problem: Problem) -> list[int]:
    """The evaluation points that are shown: all, or some, with the first and the last.

    Every second or third where that ends at the last one, or else as evenly as can be.
    """
    cell = problem.cell
    points = np.unique(np.linspace(0, cell.updates, cell.evaluations + 1).astype(int))
    steps = len(points) - 1
    for stride in range(1, steps + 1):
        if steps % stride == 0 and FEWEST <= steps // stride + 1 <= COLUMNS:
            return points[::stride].tolist()
    kept = np.linspace(0, steps, min(COLUMNS, len(points))).round().astype(int)
    return points[kept].tolist()


def _cell(shown: Shown, update: int, last: bool) -> NDArray[Any]:
    """The first images of the evaluation at that point, empty where a failed seed has none.

    Methods with many critic steps are evaluated at their first update past the point, and at the
    end it may be just before.
    """
    at = [int(past) for past in np.flatnonzero(shown.arrays["updates"] >= update)]
    if last and shown.record.status == "ok":
        at = [len(shown.samples) - 1]
    images = in_colour(shown.samples[at[0] if at else 0, :LATENTS])
    if not at:
        images = np.full_like(images, WHITE)
    return tiled(images, math.ceil(math.sqrt(len(images))))
