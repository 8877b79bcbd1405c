"""What the generators made: scatter plots or image grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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
from bench.report.tables import FLOOR

Samples = NDArray[Any]
IMAGE_COLUMNS = 8
IMAGES = 64
POINTS = 1000


def draw_samples(
    problem: Problem, methods: list[str], style: Style, folder: Path, notes: list[str]
) -> Figure | None:
    """The samples of each method's median seed at its last evaluation.

    What cannot be read is added to ``notes``. None where samples are neither points of the plane
    nor images.
    """
    chosen = {method: median_seed(problem, problem.by_method[method]) for method in methods}
    samples = {}
    for method, record in chosen.items():
        found = _last(record, notes) if record is not None else None
        if found is not None:
            samples[method] = found
    shape = next((found.shape[1:] for found in samples.values()), ())
    if shape == (2,):
        what, told = "points", "Circles: 3σ around the modes." if _centres(problem) else ""
    elif len(shape) == 2:
        what, told = "images", ""
    else:
        return None
    real = _real(problem, IMAGES if what == "images" else POINTS)
    canvas, panels = grid(len(samples) + 1, 4, 2.7)
    for panel, (name, shown) in zip(panels, [(FLOOR, real), *samples.items()], strict=True):
        if what == "points":
            _scatter(panel, problem, shown, real, style.colour.get(name, INK))
        else:
            _images(panel, shown)
        panel.set_title(_title(name, chosen.get(name)), loc="left")
    return Figure(
        save(canvas, folder, f"{problem.anchor}-samples"),
        f"Generated {what} on {problem.label} for {', '.join(samples)}, beside real data.",
        f"Generated {what} at the last evaluation of each method's median seed by "
        f"{problem.primary.label}, beside real data. {told}".strip(),
    )


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


def _last(record: Record, notes: list[str]) -> Samples | None:
    try:
        samples = record.samples().get("samples")
    except BenchError as error:
        notes.append(str(error))
        return None
    return None if samples is None or not len(samples) else samples[-1]


def _real(problem: Problem, count: int) -> Samples:
    dataset = problem.dataset
    draw = dataset.source(floor_generator(), torch.device("cpu"))
    return dataset.pack(draw(1, count)[0])


def _centres(problem: Problem) -> list[list[float]]:
    """Mode centres of a mixture; none for a dataset without them."""
    centres = getattr(problem.dataset, "centres", None)
    return centres().tolist() if centres else []


def _scatter(axis: Any, problem: Problem, points: Samples, real: Samples, colour: str) -> None:
    points, real = points.astype(float), real.astype(float)
    low, high = real.min(0), real.max(0)
    margin = 0.3 * float((high - low).max())
    low, high = low - margin, high + margin
    inside = ((points >= low) & (points <= high)).all(1)
    if centres := _centres(problem):
        size = np.full(len(centres), 6 * getattr(problem.dataset, "sigma", 0.0))
        axis.add_collection(
            EllipseCollection(
                size, size, np.zeros(len(centres)), units="xy", offsets=centres,
                transOffset=axis.transData, facecolors="none", edgecolors="#999999", linewidths=0.7,
            )
        )  # fmt: skip
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
