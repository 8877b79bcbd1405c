"""Quality against the number of trials, a line for each method."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.report.drawing.style import INK, Style, named, powers, save
from bench.report.drawing.words import abreast
from bench.report.page import numbers
from bench.report.page.document import Figure
from bench.report.topics.dataset.curves import LEGEND_COLUMNS, MOST_BANDS, spans_decades
from bench.tuning.findings import Result

OTHERS = "#BBBBBB"


def draw_trials(result: Result, style: Style, folder: Path) -> Figure | None:
    """The expected best score after 1, 2, … trials; None where every trial of all failed."""
    metric, scale = result.problem.primary, 100 if result.problem.primary.percent else 1
    shown = {m: c for m, c in result.curves.items() if math.isfinite(c[-1].value)}
    if not shown:
        return None
    bright, banded = list(shown)[:MOST_BANDS], len(shown) <= MOST_BANDS
    low, high = _ends(list(shown.values()), banded)
    labels = [named(method, 26) for method in bright]
    across = abreast([*labels, ""], style, LEGEND_COLUMNS)
    lines = -(-(len(bright) + 2) // across)
    canvas, axis = plt.subplots(figsize=(style.share(0.8), style.scale * (3.2 + 0.22 * lines)))
    # the best one last, on top of the others
    for place, (method, curve) in enumerate(reversed(shown.items())):
        own = method in bright
        colour = style.colour[method] if own else OTHERS
        at = np.arange(1, len(curve) + 1)
        value = np.array([i.value for i in curve]) * scale
        is_known = np.isfinite(value)
        (line,) = axis.plot(
            at[is_known], value[is_known], color=colour, ls=style.dash[method] if own else "-",
            # where lines lie on each other, the better ones are thinner
            lw=style.line * (1 + 0.25 * (len(shown) - 1 - place)) if own else style.thin,
            zorder=2 + place / 100,
            marker="o" if is_known.sum() == 1 else None, ms=4 * style.scale,
        )  # fmt: skip
        style.tag(line, method)
        if banded:
            ends = [[_end(e, i.value, low, high) for e in (i.low, i.high)] for i in curve]
            least, most = np.array(ends)[is_known].T * scale
            band = axis.fill_between(at[is_known], least, most, color=colour, lw=0, zorder=1.5,
                                     alpha=0.14 if len(shown) <= 3 else 0.09)  # fmt: skip
            style.tag(band, method)
    floor = result.problem.floor.get(metric.name)
    if floor is not None:
        axis.axhline(floor * scale, color=INK, ls=(0, (1, 1.5)), lw=0.7 * style.line, zorder=1)
    values = [i.value for curve in shown.values() for i in curve if math.isfinite(i.value)]
    if spans_decades(metric, pd.Series(values)):
        axis.set_yscale("log")
        if floor is not None and floor < low / 1000:
            axis.set_ylim(bottom=low * scale / 2)
        powers(axis.yaxis)
    most_trials = max(map(len, shown.values()))
    axis.set(
        xlabel="trials, the first with the study's own values",
        ylabel=f"best {metric.label}" + (" (%)" if scale > 1 else "") + " on tuning seeds",
        xlim=(1, max(most_trials, 2)),
    )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    sns.despine(ax=axis)
    _legend(canvas, bright, len(shown) - len(bright), labels, across, style)
    way = "higher" if metric.higher_is_better else "lower"
    left = [method for method in result.curves if method not in shown]
    caption = [
        f"Quality against the number of trials on {result.problem.label} ({way} is better): the "
        "best of so many trials, on average over which trials they are.",
        "A line begins where so many trials cannot all have failed."
        if any(math.isinf(c[0].value) for c in shown.values()) else "",
        f"Bands: {numbers.INTERVAL}, the trials drawn anew." if banded else "",
        f"In colour: the {len(bright)} methods that end up best." if not banded else "",
        f"Without a line, as every trial failed: {numbers.listing(left)}." if left else "",
        "Dotted: real data measured against real data.",
        "Scores of tuning seeds, on which the best was chosen: the table has those of fresh ones.",
    ]  # fmt: skip
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    return Figure(
        save(canvas, folder, f"tuning-{result.problem.anchor}"),
        f"Best {metric.label} against the number of trials on {result.problem.label}, a line for "
        f"each of {', '.join(shown)}.",
        " ".join(filter(None, caption)),
    )


def _ends(curves: list[list[Any]], banded: bool) -> tuple[float, float]:
    """The least and the greatest number that is drawn."""
    values = [i.value for curve in curves for i in curve]
    if banded:
        values += [end for curve in curves for i in curve for end in (i.low, i.high)]
    known = [value for value in values if value is not None and math.isfinite(value)]
    return min(known), max(known)


def _end(end: float | None, value: float, low: float, high: float) -> float:
    """An end of a band, held to what is drawn; the value itself where there is none."""
    return min(max(value if end is None else end, low), high)


def _legend(
    canvas: Any, bright: list[str], rest: int, labels: list[str], across: int, style: Style
) -> None:
    handles = [
        Line2D([], [], color=style.colour[m], ls=style.dash[m], lw=style.line) for m in bright
    ]
    methods: list[str | None] = list(bright)
    if rest:
        handles.append(Line2D([], [], color=OTHERS, lw=style.thin))
        labels, methods = [*labels, f"{rest} others"], [*methods, None]
    handles.append(Line2D([], [], color=INK, ls=(0, (1, 1.5)), lw=0.7 * style.line))
    labels, methods = [*labels, "real data"], [*methods, None]
    legend = canvas.legend(handles, labels, frameon=False, loc="outside lower center",
                           ncols=across, handlelength=2.6)  # fmt: skip
    style.tag_legend(legend, methods)
