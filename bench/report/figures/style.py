"""What all figures share: colours that mean the same method everywhere, fonts, and saving."""

from __future__ import annotations

import warnings
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure as Canvas
from PIL import Image

WIDTH = 9.6
"""Inches, of every figure."""
DPI = 110

INK = "#222222"
FLAG = {
    "explosion": ("^", "#C1121F"),
    "vanishing": ("v", "#6A00A8"),
    "not finite": ("X", "#000000"),
}

# Okabe & Ito's colours without black and yellow, and two of Tol's that stay apart from them
_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#777777",
)  # fmt: skip
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)))

sns.set_theme(
    context="notebook",
    style="ticks",
    font="DejaVu Sans",
    rc={
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8.5,
        "axes.edgecolor": "#888888",
        "text.color": INK,
        "axes.labelcolor": INK,
        "figure.constrained_layout.use": True,
        "savefig.dpi": DPI,
    },
)


class Style:
    """Colour and dash of every method: 40 methods differ in one or the other."""

    def __init__(self, methods: list[str]):
        dashes = [dash for dash in _DASHES for _ in _COLOURS]
        self.colour = dict(zip(methods, cycle(_COLOURS)))
        self.dash = dict(zip(methods, cycle(dashes)))


def named(text: str, longest: int = 30) -> str:
    """A name as a figure can show it: on one line, not too long, and never read as mathematics."""
    text = " ".join(text.split())
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return text.replace("$", r"\$")


def grid(count: int, columns: int, height: float, **options: Any) -> tuple[Canvas, list[Any]]:
    """``count`` panels, row by row, ``height`` inches each; what the last row lacks stays empty."""
    columns = min(columns, count)
    rows = -(-count // columns)
    canvas, axes = plt.subplots(
        rows, columns, figsize=(WIDTH * columns / max(columns, 2), rows * height),
        squeeze=False, **options,
    )  # fmt: skip
    flat = list(axes.flat)
    for axis in flat[count:]:
        axis.axis("off")
    return canvas, flat[:count]


def save(canvas: Canvas, folder: Path, name: str, pictures: bool = False) -> str:
    """Write figures/``name``.svg and .png below ``folder`` and return that path without suffix.

    Sheets of many small ``pictures`` are kept in 256 colours: the eye sees no difference at their
    size, and the page stays a third as large. Gray ones lose nothing.
    """
    file = f"figures/{name}"
    with warnings.catch_warnings():
        # a method may bear a name that the font has no letters for
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.savefig(folder / f"{file}.svg", metadata={"Date": None})
        canvas.savefig(folder / f"{file}.png", metadata={"Software": None})
    plt.close(canvas)
    if pictures:
        with Image.open(folder / f"{file}.png") as drawn:
            # dithering would look like noise that the generator had made
            few = drawn.convert("RGB").quantize(dither=Image.Dither.NONE)
        few.save(folder / f"{file}.png", optimize=True)
    return file
