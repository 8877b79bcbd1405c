"""Quality against the number of trials, a line for each method."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from bench.report.drawing.style import INK, Style, named, powers, save
from bench.report.page import numbers
from bench.report.page.document import Figure
from bench.report.topics.dataset.curves import OTHERS, spans_decades
from bench.tuning.findings import Result, curve
from bench.words import count, listing

LEGEND_COLUMNS = 4
MOST_BANDS = 10
"""Methods beyond which bands would cover each other."""


def draw_trials(result: Result, style: Style, folder: Path) -> Figure | None:
    """Draw the expected best score after 1, 2, … trials; None where every trial failed."""
    problem, metric = result.problem, result.problem.primary
    scale = metric.factor
    curves = {}
    for method, tuned in result.tuned.items():
        found = [(i.value, i.low, i.high) for i in curve(tuned)]
        # no interval, such as of the first trial: the band is as narrow as the line
        ends = np.array([[v, v if a is None else a, v if b is None else b] for v, a, b in found])
        if math.isfinite(ends[-1, 0]):
            curves[method] = scale * ends
    if not curves:
        return None
    bright, is_banded = list(curves)[:MOST_BANDS], len(curves) <= MOST_BANDS
    values = np.concatenate([ends if is_banded else ends[:, :1] for ends in curves.values()])
    low, high = (limit(values[np.isfinite(values)]) for limit in (np.min, np.max))
    entries = len(bright) + 1 + (len(curves) > len(bright))
    lines = -(-entries // LEGEND_COLUMNS)
    canvas, axis = plt.subplots(figsize=(style.share(0.8), style.scale * (3.2 + 0.22 * lines)))
    for place, (method, ends) in enumerate(curves.items()):
        own = method in bright
        colour, label = style.colour[method] if own else OTHERS, named(method, 26)
        if not own:
            label = f"{len(curves) - len(bright)} others" if place == len(bright) else "_"
        at = np.arange(1, len(ends) + 1)[np.isfinite(ends[:, 0])]
        value, least, most = np.clip(ends[at - 1], low, high).T
        (line,) = axis.plot(
            at, value, label=label, color=colour, ls=style.dash[method] if own else "-",
            # the best is on top and the thinnest, so that all are seen where they coincide
            lw=style.line * (1 + 0.25 * place) if own else style.thin, zorder=3 - place / 100,
            marker="o" if len(at) == 1 else None, ms=4 * style.scale,
        )  # fmt: skip
        style.tag(line, method)
        if is_banded:
            alpha = 0.14 if len(curves) <= 3 else 0.09
            band = axis.fill_between(at, least, most, color=colour, lw=0, zorder=1.5, alpha=alpha)
            style.tag(band, method)
    floor = problem.floor.get(metric.name)
    if floor is not None:
        axis.axhline(floor * scale, color=INK, ls=(0, (1, 1.5)), lw=0.7 * style.line, zorder=1,
                     label="real data")  # fmt: skip
    if spans_decades(metric, pd.Series(values[np.isfinite(values)])):
        axis.set_yscale("log")
        if floor is not None and floor * scale < low / 1000:
            axis.set_ylim(bottom=low / 2)
        powers(axis.yaxis)
    axis.set(
        xlabel="trials, the first with the study's own values",
        ylabel=f"best {metric.titled} on tuning seeds",
        xlim=(1, max(2, *map(len, curves.values()))),
    )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    sns.despine(ax=axis)
    legend = canvas.legend(frameon=False, loc="outside lower center", handlelength=2.6,
                           ncols=min(entries, LEGEND_COLUMNS))  # fmt: skip
    style.tag_legend(legend, [*bright, *[None] * (len(legend.get_texts()) - len(bright))])
    better = "higher" if metric.higher_is_better else "lower"
    failed = [method for method in result.tuned if method not in curves]
    caption = [
        f"Expected best of the first k trials on {problem.label} ({better} is better), scored on "
        "the tuning seeds, which selected it. A line begins where not all k trials can have "
        "failed.",
        f"Bands: {numbers.INTERVAL}, bootstrapped over the trials." if is_banded else "",
        f"In colour: the best {count(len(bright), 'method')}." if not is_banded else "",
        f"Without a line, as every trial failed: {listing(failed)}." if failed else "",
        "Dotted: real data.",
    ]
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    return Figure(
        save(canvas, folder, f"tuning-{problem.anchor}"),
        f"Best {metric.label} against the number of trials on {problem.label}. After the last: "
        + "; ".join(f"{m} {numbers.of(metric, e[-1, 0] / scale)}" for m, e in curves.items()),
        " ".join(filter(None, caption)),
    )
