"""Words in figures: how wide they are, how they are cut, and what captions share.

Also sheets that are laid out in inches, as the width of words decides where things go.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.style import FONT, Style, named
from bench.words import listing, ranges

LONGEST = 30
"""Letters of a name that a figure shows at most."""


def blank(width: float, height: float) -> Canvas:
    """Return a sheet of paper on which nothing moves what was placed."""
    canvas = plt.figure(figsize=(width, height))
    canvas.set_layout_engine("none")
    return canvas


def inches(canvas: Canvas) -> Any:
    """Return the whole sheet as one panel: x in inches to the right, y in inches downwards."""
    axis = canvas.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, canvas.get_figwidth()), ylim=(canvas.get_figheight(), 0))
    axis.axis("off")
    return axis


def abreast(labels: Sequence[str], style: Style, most: int) -> int:
    """Return how many entries of a legend lie side by side: ``most``, or as many as fit a paper."""
    if not style.paper:
        return max(min(most, len(labels)), 1)
    em = style.em
    widths = [text_width(label, style.text) for label in labels]
    for count in range(min(most, len(labels)), 1, -1):
        # a legend is filled column by column, the first ones with an entry more
        columns = [max(part) for part in np.array_split(widths, count)]
        if sum(columns) + len(columns) * (2.8 + 0.8 + 1.2) * em <= style.width:
            return count
    return 1


@lru_cache(maxsize=20_000)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width in inches of text that ``named`` has made safe."""
    font = get_font(findfont(FontProperties(family=FONT, weight=weight)))
    font.set_size(size, 72)
    with warnings.catch_warnings():
        # a name may hold letters that the font lacks; a box is as wide as most of them
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        font.set_text(text.replace(r"\$", "$"), 0, flags=LoadFlags.NO_HINTING)
    return float(font.get_width_height()[0]) / 64 / 72


def fitted(text: str, size: float, width: float, weight: str = "normal") -> str:
    """Return a name cut so that it takes ``width`` inches at most, and one letter at least."""
    if text_width(named(text, LONGEST), size, weight) <= width:
        return named(text, LONGEST)
    fits = bisect_right(
        range(2, LONGEST), width, key=lambda end: text_width(named(text, end), size, weight)
    )
    return named(text, 1 + max(fits, 1))


def wrapped(text: str, size: float, width: float, lines: int, weight: str = "normal") -> list[str]:
    """Wrap words on up to ``lines`` lines of ``width`` inches, as safe as by ``named``.

    A word too long for a line goes on in the next one; what does not fit is cut.
    """
    found: list[str] = []
    rest = " ".join(text.split())

    def wide(end: int) -> float:
        return text_width(named(rest[:end], end), size, weight)

    while rest and len(found) < lines - 1:
        end = max(bisect_right(range(1, len(rest) + 1), width, key=wide), 1)
        if end < len(rest) and (space := rest.rfind(" ", 1, end + 1)) > 0:
            end = space
        found.append(named(rest[:end], end))
        rest = rest[end:].lstrip()
    return [*found, fitted(rest, size, width, weight)] if rest else found


def contrast(one: Any, other: Any) -> float:
    """Return the contrast, 1 to 21, by the Web Content Accessibility Guidelines; text needs 4.5."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable(background: Any) -> str:
    """Return black or white, whichever stands out more: by 4.58 or more on any colour."""
    return max(("#000000", "#FFFFFF"), key=lambda ink: contrast(ink, background))


def _luminance(colour: Any) -> float:
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def failed_told(standing: Standing) -> str:
    """Return ``2 of 5 failed``, or nothing."""
    return f"{standing.failed} of {standing.planned} failed" if standing.failed else ""


def seeds_told(problems: list[Problem]) -> str:
    """Return ``seeds 0–4``, or ``seeds 0–4 (mnist: 0–2)`` where problems differ."""
    by_seeds: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        seeds = {planned.cell.seed for planned in problem.planned}
        by_seeds[ranges(sorted(seeds))].append(problem.label)
    most, *others = sorted(by_seeds, key=lambda seeds: -len(by_seeds[seeds]))
    told = f"seed{'' if most.isdigit() else 's'} {most}"
    exceptions = "; ".join(f"{listing(by_seeds[seeds])}: {seeds}" for seeds in others)
    return told + (f" ({exceptions})" if exceptions else "")
