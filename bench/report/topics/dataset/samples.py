"""What the generators made: scatter plots or image grids of best, median and worst seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, final
from bench.report.analysis.tables import FLOOR
from bench.report.drawing.points import CIRCLES, centres, ground, scatter
from bench.report.drawing.seeds import Shown, can_be_seen, guide, trios
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import INK, QUIET, Style, named, save
from bench.report.drawing.tiles import in_colour, tiled
from bench.report.page import numbers
from bench.report.page.document import Block, Figure

BLOCKS = {1: 4, 2: 3, 3: 2}
"""Methods side by side, by the seeds that each shows."""
GAP, BETWEEN = 0.08, 0.26
"""Inches: between panels of a method, and between methods."""


def samples(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return what generators made, of points of the plane and of images."""
    if not can_be_seen(problem):
        return []
    return sheeted(found, problem, ranked, "samples", draw_samples, in_variants=True)


def draw_samples(
    problem: Problem, sheet: Sheet, notes: list[str], style: Style, folder: Path
) -> Figure | None:
    """Draw final samples of each method's best, median and worst seed, after real ones.

    Real ones are left out where no record has any.
    """
    shown = trios(problem, sheet.methods, notes)
    every = [one for trio in shown.values() for one in trio]
    if not every:
        return None
    real, window = ground(problem, every)
    most = max(len(trio) for trio in shown.values())
    blocks = _Blocks(len(shown) + (real is not None), most, style)
    images = window is None
    by, own = guide(problem), {planned.cell.key: planned for planned in problem.planned}

    def panel(axis: Any, samples: Any, colour: str) -> None:
        if window is None:
            columns = 8 if most == 1 else 6
            axis.imshow(tiled(in_colour(samples[: columns**2]), columns))
            axis.set_axis_off()
        else:
            scatter(axis, problem, [samples], window, colour, style)

    if real is not None:
        axis = blocks.panel("")
        panel(axis, real, INK)
        axis.set_title(FLOOR, loc="left", fontsize=style.text, fontweight="bold", pad=3)
        if most > 1:
            axis.text(1.08, 1, f"under each seed:\n{named(by.label)}\n({by.better})", va="top",
                      transform=axis.transAxes, fontsize=style.small, color=QUIET)  # fmt: skip
    for method, trio in shown.items():
        for place, one in enumerate(trio):
            axis = blocks.panel(method if place == 0 else "", place, method)
            panel(axis, one.samples[-1], style.colour[method])
            value = numbers.of(by, final(own[one.record.key], by))
            axis.set_title(
                blocks.told(one, value), loc="left", fontsize=style.small, pad=2.5,
                linespacing=1.15, color="#B00020" if one.failure else INK,
            )  # fmt: skip
    what = "images" if images else "points"
    beside = "" if real is None else ", after real data"
    failed = any(one.failure for one in every)
    caption = [
        f"Final {what} of each method's best, median and worst seed by {by.label}{beside}.",
        "A failed seed is the worst, shown at its last evaluation." if failed else "",
        CIRCLES if len(centres(problem)) and not images else "",
        sheet.told("samples"),
    ]  # fmt: skip
    return Figure(
        save(
            blocks.canvas,
            folder,
            f"{problem.anchor}-samples{sheet.suffix}",
            pictures=True,
            colours=256 if images else 32,
        ),
        f"Generated {what} on {problem.label} for {', '.join(shown)}{beside}: "
        "best, median and worst seed.",
        " ".join(filter(None, caption)),
    )


class _Blocks:
    """Places for methods, each with a heading above a row of square panels.

    Laid out by hand: matplotlib's search for a layout takes seconds for so many panels.
    """

    def __init__(self, count: int, most: int, style: Style):
        self.style, self.most = style, most
        self.across = style.across(BLOCKS[most], 0.8 * most)
        margin = 0.04
        room = style.width - 2 * margin - (self.across - 1) * BETWEEN
        self.block = room / self.across
        self.side = (self.block - (most - 1) * GAP) / most
        self.head = (2.45 * style.small + 1.8 * style.text) / 72
        self.tall = self.side + self.head + 0.14
        rows = -(-count // self.across)
        self.height, self.margin = rows * self.tall, margin
        self.canvas = plt.figure(figsize=(style.width, self.height), layout="none")
        self.used = 0

    def told(self, one: Shown, value: str) -> str:
        """Return what stands above a panel: which seed it is, and how good, or when it failed."""
        places, seed = ", ".join(one.places), one.record.cell.seed
        return f"{places}: seed {seed}\n{one.failure or value}"

    def panel(self, heading: str, place: int = 0, method: str = "") -> Any:
        """Return the next block's first panel, or the ``place``-th of the same block."""
        self.used += place == 0
        style = self.style
        row, column = divmod(self.used - 1, self.across)
        left = self.margin + column * (self.block + BETWEEN) + place * (self.side + GAP)
        top = self.height - row * self.tall
        axis = self.canvas.add_axes((
            left / style.width, (top - self.head - self.side) / self.height,
            self.side / style.width, self.side / self.height,
        ))  # fmt: skip
        if method:
            style.tag(axis, method)
        if heading:
            # bold letters are two thirds as wide as they are high
            longest = int(self.block * 72 / (0.68 * style.text))
            text = self.canvas.text(
                left / style.width, 1 - (self.height - top + 0.06) / self.height,
                named(heading, min(longest, 30)), ha="left", va="top", fontweight="bold",
                fontsize=style.text,
            )  # fmt: skip
            if method:
                style.tag(text, method)
        return axis
