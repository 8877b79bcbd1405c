"""Small pictures of what a cell generated."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bench.records.record import Arrays

INCHES, DPI, IMAGES = 3.2, 100, 64
LATENTS = 8
"""Images of each evaluation in the picture of their evolution."""


def pictures(arrays: Arrays) -> dict[str, bytes]:
    """Return PNGs by file name, of a record's ``samples.npz``; none for other shapes.

    ``samples.png``: the last samples. For images also ``evolution.png``: a row for each
    evaluation, a column for each latent, and ``interpolations.png``: a row for each way between
    two latents.
    """
    samples = arrays.get("samples", np.empty(0))
    if not samples.size:
        return {}
    if _are_images(samples[0]):
        found = {
            "samples.png": _squared(samples[-1][:IMAGES]),
            "evolution.png": samples[:, :LATENTS],
        }
        if "interpolations" in arrays:
            found["interpolations.png"] = arrays["interpolations"]
        return {name: _image(_sheet(rows)) for name, rows in found.items()}
    if samples.shape[2:] == (2,):
        return {"samples.png": _scatter(samples[-1])}
    return {}


def _are_images(samples: NDArray[Any]) -> bool:
    """Return whether they are bytes, gray (n, h, w) or of several channels (n, h, w, C)."""
    return samples.dtype == np.uint8 and samples.ndim in (3, 4)


def _scatter(points: NDArray[Any]) -> bytes:
    # not pyplot, whose state is global and grows with every figure
    from matplotlib.figure import Figure

    figure = Figure((INCHES, INCHES), DPI)
    # stated here and in saving, since the report's style, if it is loaded, is global
    figure.set_layout_engine("none")
    # an automatic layout would take three times as long as the drawing
    axes = figure.add_axes((0.16, 0.08, 0.82, 0.9), aspect="equal")
    points = points[np.isfinite(points).all(1)].astype(float)
    axes.plot(points[:, 0], points[:, 1], ".", markersize=3, markeredgewidth=0, alpha=0.5)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def _image(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="png")
    return file.getvalue()


def _squared(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay (n, …) out as (rows, columns, …), as square as n allows; black where none are left."""
    count = len(images)
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    filled = np.zeros((rows * columns, *images.shape[1:]), np.uint8)
    filled[:count] = images
    return filled.reshape(rows, columns, *images.shape[1:])


def _sheet(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Join (rows, columns, h, w) or (…, C) into one picture of at most three channels."""
    rows, columns, height, width = images.shape[:4]
    if images.ndim == 5:
        images = images[..., :3] if images.shape[-1] >= 3 else images[..., 0]
    sheet = images.swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, *images.shape[4:])
