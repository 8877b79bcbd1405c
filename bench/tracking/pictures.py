"""A small picture of generated samples."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

INCHES, DPI, IMAGES = 3.2, 100, 64


def picture(samples: NDArray[Any]) -> bytes | None:
    """A PNG of samples: points (n, 2) scattered, images (n, h, w) of bytes in a grid.

    None for other shapes, which have nothing to show.
    """
    file = io.BytesIO()
    if samples.ndim == 2 and samples.shape[1] == 2:
        # not pyplot, whose state is global and grows with every figure
        from matplotlib.figure import Figure

        figure = Figure((INCHES, INCHES), DPI)
        # told here and in saving, for the report's style, if it is loaded, is global
        figure.set_layout_engine("none")
        # an automatic layout would take three times as long as the drawing
        axes = figure.add_axes((0.16, 0.08, 0.82, 0.9), aspect="equal")
        points = samples[np.isfinite(samples).all(1)].astype(float)
        axes.plot(points[:, 0], points[:, 1], ".", markersize=3, markeredgewidth=0, alpha=0.5)
        figure.savefig(file, format="png", dpi=DPI)
    elif samples.ndim == 3 and samples.dtype == np.uint8:
        from matplotlib.image import imsave

        imsave(file, _grid(samples[:IMAGES]), cmap="gray", vmin=0, vmax=255, format="png")
    else:
        return None
    return file.getvalue()


def _grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, h, w) → (rows · h, columns · w), as square as n allows."""
    count, height, width = images.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    filled = np.zeros((rows * columns, height, width), np.uint8)
    filled[:count] = images
    grid = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width)
