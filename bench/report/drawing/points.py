"""Samples that are points of the plane, as scatter plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import EllipseCollection
from numpy.typing import NDArray

from bench.report.analysis.problems import Problem
from bench.report.drawing.seeds import Shown
from bench.report.drawing.style import Style

Samples = NDArray[Any]
CIRCLES = "Circles: 3σ around the modes."


def centres(problem: Problem) -> NDArray[Any]:
    """Return (K, 2) mode centres of a mixture; K = 0 for a dataset without them."""
    found = getattr(problem.dataset, "centres", None)
    return np.array(found().tolist() if found else []).reshape(-1, 2)


class Window:
    """The square of the plane that is shown: some points, such as real data, with a margin."""

    def __init__(self, samples: list[Samples]):
        points = np.concatenate([s.reshape(-1, 2) for s in samples]).astype(float)
        points = points[np.isfinite(points).all(1)]
        if not len(points):
            points = np.zeros((1, 2))
        low, high = points.min(0), points.max(0)
        self.size = 1.35 * float((high - low).max()) or 2.0
        self.low = (low + high - self.size) / 2

    def unit(self, points: Samples) -> NDArray[np.float64]:
        """Return the points inside, in coordinates from 0 to 1."""
        scaled = (points.astype(float) - self.low) / self.size
        return scaled[((scaled >= 0) & (scaled <= 1)).all(1)]


def ground(problem: Problem, shown: Sequence[Shown]) -> tuple[Samples | None, Window | None]:
    """Return real samples, None where no record has any, and the window; None for images."""
    real = next((one.arrays["real"] for one in shown if "real" in one.arrays), None)
    if shown[0].is_image:
        return real, None
    seen = [one.samples[-1] for one in shown] if real is None else [real, centres(problem)]
    return real, Window(seen)


def scatter(
    axis: Any,
    problem: Problem,
    clouds: list[Samples | None],
    window: Window,
    colour: str,
    style: Style,
) -> None:
    """Draw clouds of points side by side in one panel, a unit square for each, empty for None."""
    gap = 0.06
    middles, found = centres(problem), [np.empty((0, 2))]
    width = len(clouds) * (1 + gap) - gap
    radius = 3 * getattr(problem.dataset, "sigma", 0.0) / window.size
    for place, cloud in enumerate(clouds):
        left = np.array([place * (1 + gap), 0.0])
        axis.plot(*(left + _SQUARE).T, color="#BBBBBB", lw=style.thin, zorder=2)
        if cloud is None:
            continue
        inside = window.unit(cloud)
        found.append(inside + left)
        if len(middles):
            size = np.full(len(middles), 2 * radius)
            axis.add_collection(
                EllipseCollection(
                    size, size, np.zeros(len(middles)), units="xy", transOffset=axis.transData,
                    offsets=(middles - window.low) / window.size + left, facecolors="none",
                    edgecolors="#888888", linewidths=style.thin * 0.75, zorder=1.5,
                    rasterized=True,
                )
            )  # fmt: skip
        if outside := len(cloud) - len(inside):
            share = 100 * outside / len(cloud)
            told = f"{share:.0f} % outside" if share >= 1 else "< 1 % outside"
            axis.text(
                left[0] + 0.5, 0.025, told, ha="center", va="bottom", color="#555555",
                fontsize=style.small,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1.0},
            )  # fmt: skip
    points = np.concatenate(found)
    # thousands of vector points would make the page slow and large; on a white ground of their
    # own they take few colours, and look the same on a dark page
    axis.patch.set_rasterized(True)
    axis.set_axisbelow(False)  # or ticks would come between ground and points: two pictures
    axis.scatter(*points.T, s=5 * style.scale**2 * (1 if len(clouds) == 1 else 0.6),
                 alpha=0.5, color=colour, lw=0, rasterized=True)  # fmt: skip
    axis.set(xlim=(-0.01, width + 0.01), ylim=(-0.01, 1.01), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=float)
