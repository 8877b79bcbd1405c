"""Small multiples of lines, by hand: an axis of matplotlib each takes ten times as long."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.report.drawing.style import QUIET, Style, power
from bench.report.drawing.words import abreast, blank, fitted, inches, text_width

Line = tuple[NDArray[np.float64], NDArray[np.float64]]
"""x and y, (N,) each; what is not finite is a gap."""
Key = tuple[Artist, str, str | None]
"""An entry of a legend: what is drawn, its words, and the method it belongs to, if to one."""
STEPS = [1, 2, 2.5, 5, 10]


@dataclass(frozen=True)
class Scale:
    """What a y axis spans: values, or their decimal logarithms."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def of(cls, values: NDArray[np.float64], is_log: bool = False) -> Scale:
        """Return a scale on which all finite values have a place, with a margin."""
        values = values[np.isfinite(values)]
        if is_log:
            values = np.log10(values[values > 0], dtype=float)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        margin = 0.04 * (high - low) or 0.5
        return cls(low - margin, high + margin, is_log)

    def share(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far below the top values stand, 0 to 1; NaN where they have no place."""
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log10(np.where(values > 0, values, np.nan)) if self.is_log else values
        return (self.high - np.where(np.isfinite(y), y, np.nan)) / (self.high - self.low)

    def at(self, share: float) -> float:
        """Return the value that stands so far below the top, 0 to 1."""
        y = self.high - share * (self.high - self.low)
        return 10.0**y if self.is_log else y

    def ticks(self) -> list[tuple[float, str]]:
        """Return the values of ticks and their labels."""
        if self.is_log:
            first, last = math.ceil(self.low), math.floor(self.high)
            decades = [10.0**k for k in range(first, last + 1, 1 + (last - first) // 5)]
            if len(decades) < 2:
                within = [m * 10.0**k for k in (first - 1, first) for m in (1, 2, 5)]
                decades = [y for y in within if self.low <= math.log10(y) <= self.high]
            return [(y, power(y)) for y in decades]
        found = MaxNLocator(5, steps=STEPS).tick_values(self.low, self.high)
        return [(float(y), f"{y:,g}") for y in found if self.low <= y <= self.high]


class Panels:
    """A sheet of panels with one x axis from 0 to ``end``, and a y axis each or one of all.

    Where ``parts`` are named, so many panels in turn stand one above the other, under one title.
    At most ``columns`` stand side by side, by default three, or four of many. ``keys`` are
    explained below.
    """

    def __init__(
        self, scales: Sequence[Scale], end: float, labels: tuple[str, str], style: Style,
        is_shared: bool, parts: Sequence[str] = ("",), keys: Sequence[Key] = (), columns: int = 0,
    ):  # fmt: skip
        self.scales, self.end, self.style, em = scales, end, style, style.em
        self.parts, self.count = parts, len(scales) // len(parts)
        most = style.across(columns or 3)
        self.across = min(style.across(columns or (3 if self.count <= 6 else 4)), self.count)
        rows = -(-self.count // self.across)
        self.left, self.head = (7.0 if parts[0] else 5.2) * em, 1.9 * em
        self.between = 0.22 * style.scale if is_shared else 4 * em
        self.wide = (style.width - self.left - 0.15) / max(self.across, most) - self.between
        self.tall = max((1.25 if rows * len(parts) < 3 else 1.05) * style.scale, 0.4 * self.wide)
        self.step = self.tall + em
        self.block = self.head + len(parts) * self.step - 0.5 * em
        told = [words for _, words, _ in keys]
        side_by_side = abreast(told, style, 5)
        below = (1.7 * -(-len(keys) // side_by_side) + 0.3) * em if keys else 0.0
        foot = 3.7 * em + below
        height = rows * self.block + foot
        self.canvas = blank(style.width, height)
        self.sheet = inches(self.canvas)
        self._frame(is_shared)
        if keys:
            legend = self.canvas.legend(
                [drawn for drawn, _, _ in keys], told, loc="lower center", ncols=side_by_side,
                bbox_to_anchor=(0.5, 0.4 * em / height), frameon=False, borderpad=0,
                borderaxespad=0,
            )  # fmt: skip
            style.tag_legend(legend, [method for _, _, method in keys])
        x, y = labels
        across = self.across * (self.wide + self.between) - self.between
        self.sheet.text(0.9 * em, (height - foot) / 2, fitted(y, style.text, height), ha="center",
                        va="center", rotation=90, fontsize=style.text)  # fmt: skip
        self.sheet.text(self.left + across / 2, height - below - 0.4 * em, x, ha="center",
                        va="bottom", fontsize=style.text)  # fmt: skip

    def _corner(self, place: int) -> tuple[float, float]:
        index, part = divmod(place, len(self.parts))
        row, column = divmod(index, self.across)
        top = row * self.block + self.head + part * self.step
        return self.left + column * (self.wide + self.between), top

    def plot(self, place: int, lines: Iterable[Line], method: str = "", **options: object) -> None:
        """Draw lines as one path, which belongs to a method or to none."""
        left, top = self._corner(place)
        self._plot(
            ((left + x / self.end * self.wide, top + self.scales[place].share(y) * self.tall)
             for x, y in lines),
            method,
            **options,
        )  # fmt: skip

    def band(self, place: int, low: Line, high: Line, method: str, **options: object) -> None:
        """Fill what lies between two lines, which have no gaps."""
        left, top = self._corner(place)
        x, y = np.append(low[0], high[0][::-1]), np.append(low[1], high[1][::-1])
        height = top + self.scales[place].share(y) * self.tall
        for filled in self.sheet.fill(left + x / self.end * self.wide, height, lw=0, **options):
            self.style.tag(filled, method)

    def _plot(self, lines: Iterable[Line], method: str = "", **options: object) -> None:
        apart = [(np.append(x, np.nan), np.append(y, np.nan)) for x, y in lines]
        if not apart:
            return
        x, y = (np.concatenate(parts) for parts in zip(*apart, strict=True))
        (drawn,) = self.sheet.plot(x, y, **options)
        if method:
            self.style.tag(drawn, method)

    def tell(self, place: int, method: str, told: str) -> None:
        """Show a method's value wherever the pointer rests on its panel; paper has no pointer."""
        if self.style.paper:
            return
        left, top = self._corner(place)
        x, y = np.array([0, 1, 1, 0]) * self.wide + left, np.array([0, 0, 1, 1]) * self.tall + top
        # only what is filled feels the pointer, and matplotlib fills nothing that is transparent
        for ground in self.sheet.fill(x, y, color="white", alpha=0.001, lw=0, zorder=9):
            self.style.tag(ground, method, told)

    def title(self, place: int, method: str, told: str = "") -> None:
        """Write a method's name above its panel, and at the right what is ``told`` of it.

        A name that is no method's belongs to none.
        """
        style, (left, top) = self.style, self._corner(place)
        y, room = top - 0.45 * style.em, self.wide - text_width(told, style.small) - style.em
        name = self.sheet.text(left, y, fitted(method, style.text, room, "bold"), va="baseline",
                               fontweight="bold", fontsize=style.text)  # fmt: skip
        if method in style.number:
            style.tag(name, method)
        if told:
            text = self.sheet.text(left + self.wide, y, told, ha="right", va="baseline",
                                   color=QUIET, fontsize=style.small)  # fmt: skip
            style.tag(text, method)

    def _frame(self, is_shared: bool) -> None:
        """Draw the axes of all panels, with labels of shared ones at the edges of the sheet."""
        style, tick, lines = self.style, 0.3 * self.style.em, []
        # the last label ends at the panel's edge, the one before is centred
        room = 1.5 * text_width(f"{self.end:,g}", style.small) + style.em
        across = MaxNLocator(max(1, min(3, int(self.wide / room))), steps=STEPS)
        along = [float(x) for x in across.tick_values(0, self.end) if 0 <= x <= self.end]
        for place, scale in enumerate(self.scales):
            left, top = self._corner(place)
            bottom, right = top + self.tall, left + self.wide
            index, part = divmod(place, len(self.parts))
            is_first = index % self.across == 0
            if is_first and self.parts[part]:
                self.sheet.text(2.6 * style.em, (top + bottom) / 2, self.parts[part], ha="center",
                                va="center", rotation=90, fontsize=style.small)  # fmt: skip
            lines.append((np.array([left, left, right]), np.array([top, bottom, bottom])))
            for value, told in scale.ticks():
                y = top + float(scale.share(np.array([value]))[0]) * self.tall
                lines.append((np.array([left - tick, left]), np.array([y, y])))
                if not is_shared or is_first:
                    self.sheet.text(left - 1.6 * tick, y, told, ha="right", va="center",
                                    fontsize=style.small)  # fmt: skip
            for value in along:
                x = left + value / self.end * self.wide
                lines.append((np.array([x, x]), np.array([bottom, bottom + tick])))
                if index + self.across < self.count or part + 1 < len(self.parts):
                    continue
                # labels of two panels would meet at their corners
                ha = "left" if not value else "right" if value > 0.9 * self.end else "center"
                self.sheet.text(x, bottom + 1.6 * tick, f"{value:,g}", ha=ha, va="top",
                                fontsize=style.small)  # fmt: skip
        self._plot(lines, color="#888888", lw=style.thin, solid_capstyle="butt")
