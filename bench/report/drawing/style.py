"""What all figures share: colours that mean the same method everywhere, fonts, and saving.

A figure is drawn inside ``with style.drawing():``, which sets fonts and lines for that figure and
leaves matplotlib's global state as it was.
"""

from __future__ import annotations

import base64
import io
import math
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.ticker import FuncFormatter, NullLocator
from PIL import Image

WIDTH = 9.6
"""Inches, of a figure of the page."""

INK = "#222222"
QUIET = "#6e6e6e"
FLAG = {
    "spike": ("^", "#C1121F"),
    "vanishing": ("v", "#6A00A8"),
    "not finite": ("X", "#000000"),
}

# Okabe & Ito's colours without black and yellow, and two of Tol's: any two stay apart for eyes that
# lack one kind of cone, which a test holds
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#332288",
)  # fmt: skip
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "D", "^", "v")

FONT = "DejaVu Sans"
FALLBACKS = f"'{FONT}', Verdana, sans-serif"
"""Where a reader has no DejaVu Sans, Verdana is as wide."""

VECTOR_DPI = 160
"""Of what is rasterised within vector files: more than a screen shows at their natural size."""
PRINT_DPI = 300

PAGE, COLUMN = 6.75, 3.25
"""Inches, of a journal's page: its width, and that of one of its two columns."""
LEAST = 7.0
"""Points: no letter of a paper is smaller."""

_formats: ContextVar[tuple[str, ...]] = ContextVar("formats", default=("svg", "png"))


class Style:
    """Colour, dash, marker and number of every method; sizes for a page or for a paper.

    A paper's figure is as wide as the journal's page, or ``in_column``: as one of its columns.

    Up to 8 methods differ in colour, up to 40 in colour or dash (and in colour or marker).
    """

    def __init__(self, methods: list[str], paper: bool = False, in_column: bool = False):
        self.methods, self.paper = list(methods), paper
        dashes = [dash for dash in DASHES for _ in COLOURS]
        markers = [marker for marker in MARKERS for _ in COLOURS]
        self.colour = dict(zip(methods, cycle(COLOURS)))
        self.dash = dict(zip(methods, cycle(dashes)))
        self.marker = dict(zip(methods, cycle(markers)))
        self.number = {method: number for number, method in enumerate(methods)}
        self.width = (COLUMN if in_column else PAGE) if paper else WIDTH
        """Inches: of a figure that takes all the width there is."""
        self.column = COLUMN if paper else 4.8
        """Inches: of a figure that takes one of two columns."""
        self.scale = PAGE / WIDTH if paper else 1.0
        """What lengths that were chosen for the page are multiplied by, heights too."""
        self.text = 8.0 if paper else 9.0
        self.small = 7.5 if paper else 8.5
        self.line = 1.0 if paper else 1.8
        self.thin = 0.5 if paper else 0.8
        self._tagged = 0

    @contextmanager
    def drawing(self, formats: tuple[str, ...] = ("svg", "png")) -> Iterator[None]:
        """Set fonts, lines and files of the figure that is drawn inside."""
        self._tagged = 0
        token = _formats.set(formats)
        try:
            with plt.rc_context(self._rc()):
                yield
        finally:
            _formats.reset(token)

    def tag(self, artist: Any, method: str, told: str = "") -> None:
        """Say that an artist belongs to one method, so that a page can dim the others.

        ``told`` is the value that it shows, which becomes the element's title: browsers show it
        where the pointer rests.

        It becomes the element ``method-{number of the method}-{running number}`` in the SVG.
        Lines, markers, scatter plots, bands, texts, images and whole panels (axes) do. What is
        rasterised alone does not: tag its panel.
        """
        self._tagged += 1
        artist.set_gid(f"method-{self.number[method]}-{self._tagged}")
        if told:
            titles = vars(artist.get_figure(root=True)).setdefault("titles", {})
            titles[artist.get_gid()] = f"<title>{escape(f'{method}: {told}')}</title>"

    def tag_legend(self, legend: Any, methods: Iterable[str | None]) -> None:
        """Tag handles and texts of a legend by its entries' methods; None belongs to no method."""
        entries = zip(legend.legend_handles, legend.get_texts(), methods, strict=True)
        for handle, text, method in entries:
            if method is not None:
                self.tag(handle, method)
                self.tag(text, method)

    def share(self, part: float) -> float:
        """Return a part of the width in inches, and no less than a column of a paper."""
        return max(part * self.width, COLUMN)

    def across(self, most: int, least: float = 1.4) -> int:
        """Return how many panels of ``least`` inches or more lie side by side, up to ``most``."""
        return max(1, min(most, int(self.width / least)))

    def ticks(self, width: float) -> int:
        """Return how many intervals a panel of ``width`` inches marks, for ticks of 5 digits."""
        return max(1, min(4, int(width / (4.5 * self.em))))

    def letters(self, size: float) -> float:
        """Return a size of letters in points, in a paper no smaller than can be read."""
        return max(size, LEAST) if self.paper else size

    def grid(
        self, count: int, columns: int, height: float, **options: Any
    ) -> tuple[Canvas, list[Any]]:
        """Return ``count`` panels, row by row; what the last row lacks stays empty.

        ``height`` is in inches of the page, and smaller on paper.
        """
        columns = self.across(min(columns, count))
        rows = -(-count // columns)
        canvas, axes = plt.subplots(
            rows, columns, squeeze=False, **options,
            figsize=(self.share(columns / max(columns, 2)), rows * height * self.scale),
        )  # fmt: skip
        flat = list(axes.flat)
        for axis in flat[count:]:
            axis.axis("off")
        return canvas, flat[:count]

    @property
    def em(self) -> float:
        """Inches: the height of a line's letters, by which margins around text are measured."""
        return self.text / 72

    def _rc(self) -> dict[Any, Any]:
        context = sns.plotting_context("paper" if self.paper else "notebook")
        return {
            **sns.axes_style("ticks"),
            **context,
            "font.family": [FONT],
            "font.size": self.text,
            "axes.titlesize": self.text + (0 if self.paper else 0.5),
            "axes.labelsize": self.text,
            "xtick.labelsize": self.small,
            "ytick.labelsize": self.small,
            "legend.fontsize": self.text - (0 if self.paper else 0.5),
            "legend.title_fontsize": self.text,
            "axes.edgecolor": "#888888",
            "axes.linewidth": 0.6 if self.paper else 1.0,
            "xtick.major.width": 0.6 if self.paper else 1.0,
            "ytick.major.width": 0.6 if self.paper else 1.0,
            "xtick.major.size": 2.5 if self.paper else 4.0,
            "ytick.major.size": 2.5 if self.paper else 4.0,
            # no figure has ticks above a panel, where asking for them takes half of the drawing
            "axes.titley": 1.0,
            "lines.linewidth": self.line,
            "text.color": INK,
            "axes.labelcolor": INK,
            "figure.constrained_layout.use": True,
            "image.composite_image": False,
            "image.interpolation": "none",
            "savefig.dpi": PRINT_DPI if self.paper else 110,
        }


def named(text: str, longest: int = 30) -> str:
    """Return a name for a figure: on one line, not too long, never read as mathematics."""
    text = " ".join(text.split())
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return text.replace("$", r"\$")


_FILES: dict[Any, Any] = {
    # text stays text, which can be searched, copied and read aloud; the salt makes names of
    # clip paths and markers the same every time
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",
    # type 42 keeps letters as the font draws them; journals refuse the default
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    # saving would ask for a new layout after the first file
    "figure.constrained_layout.use": False,
}
_UNDATED: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
}


def save(
    canvas: Canvas, folder: Path, name: str, pictures: bool = False, colours: int = 256
) -> str:
    """Write figures/``name``.svg and .png below ``folder`` and return that path without suffix.

    Sheets of many small ``pictures`` are kept in 256 ``colours``: the eye sees no difference at
    their size, and the page stays a third as large. Gray ones lose nothing. Where each picture in
    the SVG has one hue, as scatter plots do, fewer are enough there.
    """
    file = f"figures/{name}"
    with warnings.catch_warnings(), plt.rc_context(_FILES):
        # a method may bear a name that the font has no letters for
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # the layout is the same in every file, and its search takes longer than drawing
        engine = canvas.get_layout_engine()
        if engine is not None and not isinstance(engine, PlaceHolderLayoutEngine):
            canvas.draw_without_rendering()
        # "none" would leave an engine that does nothing, for which every file is drawn twice
        canvas.set_layout_engine(None)
        for kind in _formats.get():
            # of vector files, the resolution of what is rasterised within
            canvas.savefig(
                folder / f"{file}.{kind}",
                metadata=_UNDATED[kind],
                dpi={"png": plt.rcParams["savefig.dpi"], "svg": VECTOR_DPI}.get(kind, PRINT_DPI),
            )
    plt.close(canvas)
    drawn = folder / f"{file}.svg"
    if drawn.is_file():
        text = drawn.read_text(encoding="utf-8").replace(f"'{FONT}'", FALLBACKS)
        titles = vars(canvas).get("titles", {})
        text = _TAGGED.sub(lambda found: found[0] + titles.get(found[1], ""), text)
        text = _ILLEGAL.sub("\ufffd", text)
        text = _RASTER.sub(lambda found: _smaller(found, pictures, colours), text)
        drawn.write_text(text, encoding="utf-8")
    if pictures and "png" in _formats.get():
        png = folder / f"{file}.png"
        png.write_bytes(_in_few_colours(png.read_bytes()))
    return file


def put(axis: Any, left: float, top: float, width: float, height: float) -> None:
    """Place a panel by hand, in inches from the figure's upper left corner."""
    across, down = axis.figure.get_size_inches()
    axis.set_position((left / across, 1 - (top + height) / down, width / across, height / down))


def powers(axis: Any) -> None:
    """Tell the numbers of a logarithmic axis as plain text: 0.01, 1000, 10⁻⁶."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    axis.set_minor_locator(NullLocator())


def power(value: float) -> str:
    """Return a number in plain text: 0.01, 1000, 10⁻⁶."""
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9) if value > 0 else 0
    mantissa = value / 10.0**exponent
    front = "" if math.isclose(mantissa, 1) else f"{mantissa:g}·"
    return f"{front}10{str(exponent).translate(_RAISED)}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML may hold, but the name of a method may."""
_TAGGED = re.compile(r'<g id="(method-\d+-\d+)">')
_RASTER = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")


def _smaller(found: re.Match[str], pictures: bool, colours: int) -> str:
    content = base64.b64decode(found[1])
    few = _in_few_colours(content, colours) if pictures else _packed(content)
    return f"data:image/png;base64,{base64.b64encode(min(content, few, key=len)).decode()}"


def _packed(content: bytes) -> bytes:
    """Return a PNG with the same pixels, packed as tightly as can be."""
    packed = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.save(packed, "PNG", compress_level=7)
    return packed.getvalue()


def _in_few_colours(content: bytes, colours: int = 256) -> bytes:
    packed = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
        flat = ground.convert("RGB")
    red, *others = flat.split()
    if all(red.tobytes() == other.tobytes() for other in others):
        few = red
    else:
        # dithering would look like noise that the generator had made
        few = flat.quantize(colours, dither=Image.Dither.NONE)
    few.save(packed, "PNG", compress_level=7)
    return packed.getvalue()
