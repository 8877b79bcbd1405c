"""What the generators made: scatter plots or image grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import EllipseCollection
from numpy.typing import NDArray

from bench.report.analysis.problems import Problem
from bench.report.analysis.tables import FLOOR
from bench.report.figures.seeds import Shown, guide
from bench.report.figures.style import INK, Style, grid, save
from bench.report.figures.tiles import in_colour, tiled
from bench.report.page.document import Figure

Samples = NDArray[Any]
IMAGE_COLUMNS = 8
IMAGES = 64


def draw_samples(
    problem: Problem, shown: dict[str, Shown], style: Style, folder: Path
) -> Figure | None:
    """The samples of each method's median seed at its last evaluation, beside real ones.

    Real ones are left out where no record has any. None where samples are neither points of the
    plane nor images.
    """
    if not shown:
        return None
    first = next(iter(shown.values()))
    if first.is_image:
        what, told = "images", ""
    elif first.samples.shape[2:] == (2,):
        what, told = "points", "Circles: 3σ around the modes." if _centres(problem) else ""
    else:
        return None
    real = next((s.arrays["real"] for s in shown.values() if "real" in s.arrays), None)
    panels = [] if real is None else [(FLOOR, FLOOR, real)]
    for name, one in shown.items():
        method, *seed = one.title(name)
        panels.append((name, f"{method}\n{', '.join(seed)}", one.samples[-1]))
    canvas, axes = grid(len(panels), 4, 2.9)
    canvas.set_layout_engine("constrained", h_pad=0.07)
    seen = [samples for *_, samples in panels] if real is None else [real]
    for axis, (name, title, samples) in zip(axes, panels, strict=True):
        if what == "points":
            _scatter(axis, problem, samples, _window(seen), style.colour.get(name, INK))
        else:
            _images(axis, samples)
        axis.set_title(title, loc="left")
    beside = "" if real is None else ", beside real data"
    return Figure(
        save(canvas, folder, f"{problem.anchor}-samples", pictures=what == "images"),
        f"Generated {what} on {problem.label} for {', '.join(shown)}{beside}.",
        f"Generated {what} at the last evaluation of each method's median seed by "
        f"{guide(problem).label}{beside}. {told}".strip(),
    )


def _centres(problem: Problem) -> list[list[float]]:
    """Mode centres of a mixture; none for a dataset without them."""
    centres = getattr(problem.dataset, "centres", None)
    return centres().tolist() if centres else []


def _window(samples: list[Samples]) -> tuple[Samples, Samples]:
    """Lower left and upper right corner of what scatter plots show."""
    points = np.concatenate(samples).astype(float)
    points = points[np.isfinite(points).all(1)]
    if not len(points):
        points = np.zeros((1, 2))
    low, high = points.min(0), points.max(0)
    margin = 0.3 * float((high - low).max()) or 1.0
    return low - margin, high + margin


def _scatter(
    axis: Any, problem: Problem, points: Samples, window: tuple[Samples, Samples], colour: str
) -> None:
    points, (low, high) = points.astype(float), window
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
    axis.imshow(tiled(in_colour(images), min(IMAGE_COLUMNS, len(images))))
    axis.axis("off")
