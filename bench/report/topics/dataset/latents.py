"""How samples evolve through training, and what lies between two latents."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.points import CIRCLES, centres, ground, scatter
from bench.report.drawing.seeds import Shown, can_be_seen, chosen, guide
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import Style, save
from bench.report.drawing.tiles import WHITE, in_colour, tiled
from bench.report.page.document import Block, Figure

FEWEST, COLUMNS, LATENTS = 5, 8, 9
"""Evaluations that are shown where there are many, from … to, and images of each."""
PATHS = 3
"""Interpolations that are shown of each method."""
CELL = 1.3
"""Inches: a cell of the evolution at most."""


def evolution(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return how samples of images or of points in the plane evolve."""
    if not can_be_seen(problem):
        return []
    return sheeted(found, problem, ranked, "evolution", draw_evolution)


def interpolations(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return images between two latents."""
    if len(problem.dataset.sample_shape) != 3:
        return []
    return sheeted(found, problem, ranked, "interpolations", draw_interpolations)


def draw_evolution(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw methods × evaluations: images from the same few latents, or scatter plots."""
    rows = chosen(problem, sheet.methods, notes)
    if not rows:
        return None
    _, window = ground(problem, list(rows.values()))
    images = window is None
    updates = _columns(problem, FEWEST, style.across(COLUMNS, 0.6))
    if images:
        strips = {name: _strip(one, updates) for name, one in rows.items()}
        height, width = next(iter(strips.values())).shape[:2]
    else:
        height, width = 1.02, len(updates) * 1.06 - 0.04
    labels = 1.35 if style.paper else 1.75
    across = min(style.width - labels, CELL * style.scale * len(updates))
    tall = across * height / width
    canvas, axes = plt.subplots(
        len(rows), 1, squeeze=False, layout="none",
        figsize=(labels + across, _HEAD * style.scale + len(rows) * (tall + _ROW)),
    )  # fmt: skip
    total = canvas.get_figheight()
    for place, (axis, (name, one)) in enumerate(zip(axes.flat, rows.items(), strict=True)):
        top = total - _HEAD * style.scale - place * (tall + _ROW)
        axis.set_position((labels / canvas.get_figwidth(), (top - tall) / total,
                           across / canvas.get_figwidth(), tall / total))  # fmt: skip
        if window is None:
            axis.imshow(strips[name], aspect="auto")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        else:
            clouds = [None if (at := _place(one, u, u == updates[-1])) is None else one.samples[at]
                      for u in updates]  # fmt: skip
            scatter(axis, problem, clouds, window, style.colour[name], style)
        style.tag(axis, name)
        method, *told = one.title(name, 20 if style.paper else 24)
        axis.text(-0.01, 0.5, method + "\n" * len(told), ha="right", va="center",
                  transform=axis.transAxes, fontsize=style.small, fontweight="bold",
                  linespacing=1.3)  # fmt: skip
        axis.text(-0.01, 0.5, "\n" + "\n".join(told), ha="right", va="center",
                  transform=axis.transAxes, fontsize=style.small, linespacing=1.3)  # fmt: skip
    for column, update in enumerate(updates):
        x = (labels + across * (column + 0.5) / len(updates)) / canvas.get_figwidth()
        canvas.text(x, 1 - (_HEAD * style.scale - 0.05) / total, f"{update:,}", ha="center",
                    va="bottom", fontsize=style.small)  # fmt: skip
    canvas.text((labels + across / 2) / canvas.get_figwidth(), 1 - 0.04 / total,
                "discriminator updates", ha="center", va="top", fontsize=style.text)  # fmt: skip
    failed = any(one.failure for one in rows.values())
    what = "Images" if images else "Points"
    caption = [
        f"{what} of each method's median seed by {guide(problem).label} as training goes on"
        f"{', from the same latents' if images else ''}.",
        " Empty: that seed had failed before." if failed else "",
        f" {CIRCLES}" if len(centres(problem)) and not images else "",
        f" {sheet.told('evolution')}",
    ]
    return Figure(
        save(
            canvas,
            folder,
            f"{problem.anchor}-evolution{sheet.suffix}",
            pictures=True,
            colours=256 if images else 32,
        ),
        f"{what} on {problem.label} as training goes on, "
        + ("from the same latents " if images else "")
        + f"at {len(updates)} evaluations: a row for each of {', '.join(rows)}.",
        "".join(caption).strip(),
    )


_HEAD, _ROW = 0.46, 0.09
"""Inches: the updates above, and between rows."""


def draw_interpolations(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw a few ways between two latents for every method; None where no record has any."""
    shown = chosen(problem, sheet.methods, notes)
    found = {name: one for name, one in shown.items() if "interpolations" in one.arrays}
    if not found:
        return None
    steps, height, width = next(iter(found.values())).arrays["interpolations"].shape[1:4]
    columns = style.across(2, 3.0)
    tall = style.width / columns * PATHS * height / (steps * width) / style.scale
    canvas, axes = style.grid(len(found), columns, tall + 0.35)
    for axis, (name, one) in zip(axes, found.items(), strict=True):
        paths = one.arrays["interpolations"][:PATHS]
        axis.imshow(tiled(in_colour(np.concatenate(paths)), paths.shape[1], max(1, width // 28)))
        axis.set_title(", ".join(one.title(name)), loc="left")
        axis.axis("off")
        style.tag(axis, name)
    failed = [name for name, one in shown.items() if one.record.status != "ok"]
    return Figure(
        save(canvas, folder, f"{problem.anchor}-interpolations{sheet.suffix}", pictures=True),
        f"Images on {problem.label} along the way between two latents, {steps} steps a row, for "
        f"{', '.join(found)}.",
        f"Interpolations between two latents, one per row, of each method's median seed by "
        f"{guide(problem).label}. Identical rows suggest mode collapse."
        + (f" No seed finished: {', '.join(failed)}." if failed else "")
        + (f" {told}" if (told := sheet.told("interpolations")) else ""),
    )


def _columns(problem: Problem, fewest: int, most: int) -> list[int]:
    """Return the evaluation points that are shown: all, or some, with the first and the last.

    Every second or third where that ends at the last one, or else as evenly as can be.
    """
    cell = problem.cell
    points = np.unique(np.linspace(0, problem.updates, cell.evaluations + 1).astype(int))
    steps = len(points) - 1
    for stride in range(1, steps + 1):
        if steps % stride == 0 and fewest <= steps // stride + 1 <= most:
            return points[::stride].tolist()
    kept = np.linspace(0, steps, min(most, len(points))).round().astype(int)
    return points[kept].tolist()


def _place(shown: Shown, update: int, last: bool) -> int | None:
    """Return which evaluation stands for that point; None where a failed seed has none.

    Methods with many critic steps are evaluated at their first update past the point, and at the
    end it may be just before.
    """
    if last and shown.record.status == "ok":
        return len(shown.samples) - 1
    past = np.flatnonzero(shown.arrays["updates"] >= update)
    return int(past[0]) if past.size else None


def _cell(shown: Shown, update: int, last: bool) -> NDArray[Any]:
    """Return the first images of the evaluation at that point, empty where a seed has none."""
    at = _place(shown, update, last)
    images = in_colour(shown.samples[at or 0, :LATENTS])
    if at is None:
        images = np.full_like(images, WHITE)
    return tiled(images, math.ceil(math.sqrt(len(images))))


def _strip(shown: Shown, updates: list[int]) -> NDArray[Any]:
    """Return a row of cells, one for each point."""
    cells = [_cell(shown, update, update == updates[-1]) for update in updates]
    return tiled(np.stack(cells), len(cells), max(2, cells[0].shape[1] // 16))
