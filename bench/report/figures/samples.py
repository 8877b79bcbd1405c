"""What the generators made: scatter plots, image grids, or the path of the two weights."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
import torch
from matplotlib.collections import EllipseCollection
from numpy.typing import NDArray

from bench.datasets.base import floor_generator
from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.records.store import Record
from bench.report.document import Figure
from bench.report.figures.style import INK, Style, grid, named, save
from bench.report.problems import Problem
from bench.report.ranking import final

Samples = NDArray[Any]
IMAGE_COLUMNS = 8
IMAGES = 64


def draw_samples(problem: Problem, methods: list[str], style: Style, folder: Path) -> Figure | None:
    """The samples of each method's median seed at its last evaluation."""
    if {"theta", "psi"} <= {metric.name for metric in problem.dataset.metrics}:
        return _phase_portrait(problem, methods, style, folder)
    chosen = {method: median_seed(problem, problem.by_method[method]) for method in methods}
    samples = {method: _last(record) for method, record in chosen.items() if record is not None}
    shown = [m for m in methods if samples.get(m) is not None and len(samples[m]) > 0]
    if not shown:
        return None
    first = samples[shown[0]]
    scatter = first.ndim == 2 and first.shape[1] == 2
    if not scatter and first.ndim != 3:
        return None
    real = _real(problem, IMAGES if not scatter else 1000)
    canvas, panels = grid(len(shown) + 1, 4, 2.75 if scatter else 2.7)
    for panel, title, points in zip(
        panels, ["real data", *shown], [real, *(samples[m] for m in shown)], strict=True
    ):
        colour = style.colour.get(title, INK)
        if scatter:
            _scatter(panel, problem, points, real, colour)
        else:
            _images(panel, points)
        record = chosen.get(title)
        panel.set_title(_title(title, record), loc="left")
    what = "points" if scatter else "images"
    return Figure(
        save(canvas, folder, f"{problem.anchor}-samples"),
        f"Generated {what} on {problem.label} for real data and {', '.join(shown)}.",
        f"Generated {what} at the last evaluation of each method's median seed by "
        f"{problem.primary.label}, beside real data."
        + (" Circles: 3σ around the modes." if scatter and hasattr(problem.dataset, "centres")
           else ""),
    )  # fmt: skip


def median_seed(problem: Problem, cells: list[Planned]) -> Record | None:
    """The record in the middle by the primary metric, the better of two in the middle.

    Where no seed finished, the failed one that came furthest.
    """
    finished = [(value, c.cell.seed, c.record) for c in cells
                if (value := final(c, problem.primary)) is not None]  # fmt: skip
    if finished:
        sign = -1 if problem.primary.higher_is_better else 1
        finished.sort(key=lambda each: (sign * each[0], each[1]))
        return finished[(len(finished) - 1) // 2][2]
    tried = [c.record for c in cells if c.record is not None and c.record.evaluations]
    return max(tried, key=lambda record: record.evaluations[-1]["update"], default=None)


def _title(name: str, record: Record | None) -> str:
    if record is None:
        return named(name)
    told = f"seed {record.cell.seed}"
    if record.status != "ok":
        told += f", {record.status} after update {record.evaluations[-1]['update']}"
    return f"{named(name)}\n{told}"


def _last(record: Record) -> Samples | None:
    try:
        samples = record.samples().get("samples")
    except BenchError as error:
        logging.getLogger(__name__).warning("%s", error)
        return None
    return None if samples is None or not len(samples) else samples[-1]


def _real(problem: Problem, count: int) -> Samples:
    dataset = problem.dataset
    draw = dataset.source(floor_generator(), torch.device("cpu"))
    return dataset.pack(draw(1, count)[0])


def _scatter(axis: Any, problem: Problem, points: Samples, real: Samples, colour: str) -> None:
    points, real = points.astype(float), real.astype(float)
    low, high = real.min(0), real.max(0)
    margin = 0.3 * float((high - low).max())
    low, high = low - margin, high + margin
    inside = ((points >= low) & (points <= high)).all(1)
    if hasattr(problem.dataset, "centres"):
        centres = problem.dataset.centres().numpy()
        size = np.full(len(centres), 6 * getattr(problem.dataset, "sigma", 0.0))
        axis.add_collection(EllipseCollection(
            size, size, np.zeros(len(centres)), units="xy", offsets=centres,
            transOffset=axis.transData, facecolors="none", edgecolors="#999999", linewidths=0.7,
        ))  # fmt: skip
    axis.scatter(points[inside, 0], points[inside, 1], s=4, alpha=0.5, color=colour, lw=0)
    if outside := int((~inside).sum()):
        axis.text(0.5, 0.02, f"{100 * outside / len(points):.1f} % outside", ha="center",
                  va="bottom", fontsize=8, transform=axis.transAxes,
                  bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1.5})  # fmt: skip
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axis.set(xticks=[], yticks=[])


def _images(axis: Any, images: Samples) -> None:
    images = images[:IMAGES]
    height, width = images.shape[1:]
    columns = min(IMAGE_COLUMNS, len(images))
    rows = -(-len(images) // columns)
    filled = np.zeros((rows * columns, height, width), images.dtype)
    filled[: len(images)] = images
    tiled = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    axis.imshow(tiled.reshape(rows * height, columns * width), cmap="gray", vmin=0, vmax=255)
    axis.axis("off")


def _phase_portrait(
    problem: Problem, methods: list[str], style: Style, folder: Path
) -> Figure | None:
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
