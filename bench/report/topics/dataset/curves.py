"""Training curves: metrics over discriminator updates."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.metric import Quantity
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import figure
from bench.report.drawing.style import FLAG, INK, Style, named, powers, save
from bench.report.drawing.words import abreast, fitted
from bench.report.page import numbers
from bench.report.page.document import Block, Figure

LEGEND_COLUMNS = 4
MOST_BANDS = 10
"""Methods beyond which bands would cover each other."""
MOST = 12
"""Methods with lines of their own colour; where there are more, the best ranked have one."""
OTHERS = "#BBBBBB"


def curves(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the learning curves."""
    draw = partial(draw_curves, problem, [standing.method for standing in ranked])
    return figure(found, problem, "curves", draw, in_variants=True)


def draw_curves(problem: Problem, methods: list[str], style: Style, folder: Path) -> Figure | None:
    """The first metric that every evaluation measures, large, and up to two others beside it.

    ``methods`` come in order of their ranks.
    """
    table = evaluations(problem)
    drawn = [metric for metric in problem.throughout if table[metric.name].notna().any()]
    if not drawn:
        return None
    first, *others = drawn
    others = [metric for metric in others if metric.ceiling is None][:2]
    shown = [method for method in methods if method in set(table["method"])]
    bright = shown if len(shown) <= MOST else shown[:MOST_BANDS]
    entries = _legend(table, shown, bright, style)
    across = abreast([label for _, label, _ in entries], style, LEGEND_COLUMNS)
    canvas, panels = _panels(len(others), -(-len(entries) // across), style)
    for axis, metric in zip(panels, (first, *others), strict=True):
        _metric(axis, problem, metric, table, shown, bright, style)
    for axis in panels[0 if style.narrow else 1 : -1]:
        # the panel below has the same updates
        axis.set_xlabel("")
        axis.tick_params(labelbottom=False)
    legend = canvas.legend(
        [handle for handle, *_ in entries], [label for _, label, _ in entries], frameon=False,
        loc="outside lower center", ncols=across, handlelength=2.6,
        **({"columnspacing": 1.2} if style.narrow else {}),
    )  # fmt: skip
    style.tag_legend(legend, [method for *_, method in entries])
    caption = [
        _absence(problem, first),
        "Mean over finished seeds" + ("; band: min–max." if _banded(table) else "."),
        f"In colour: the {len(bright)} best ranked of {len(shown)} methods, in this order; grey: "
        "the others." if len(bright) < len(shown) else "",
        "Thin lines that end in a cross: seeds that failed."
        if (table["status"] != "ok").any() else "",
    ]  # fmt: skip
    return Figure(
        save(canvas, folder, f"{problem.anchor}-curves"),
        f"Training curves on {problem.label}: {', '.join(m.label for m in (first, *others))} "
        f"over discriminator updates. {_heard(first, table, shown)}",
        " ".join(filter(None, caption)),
    )


def _panels(others: int, lines: int, style: Style) -> tuple[Any, list[Any]]:
    """The first metric's panel, large, and the others' beside it; in a column, below it."""
    legend = (lines + 1) * style.text / 45
    if style.narrow:
        canvas = plt.figure(figsize=(style.width, 2.0 + 1.05 * others + legend))
        shape = canvas.add_gridspec(1 + others, 1, height_ratios=[1.7] + [1] * others)
        return canvas, [canvas.add_subplot(shape[row, 0]) for row in range(1 + others)]
    canvas = plt.figure(figsize=(style.width, (3.9 if not style.paper else 2.6) + legend))
    shape = canvas.add_gridspec(max(others, 1), 2 if others else 1,
                                width_ratios=[2, 1] if others else [1])  # fmt: skip
    return canvas, [
        canvas.add_subplot(shape[:, 0]),
        *(canvas.add_subplot(shape[row, 1]) for row in range(others)),
    ]


def _legend(
    table: pd.DataFrame, shown: list[str], bright: list[str], style: Style
) -> list[tuple[Line2D, str, str | None]]:
    """Handle, label and method of every entry."""
    entries: list[tuple[Line2D, str, str | None]] = [
        (
            Line2D([], [], color=style.colour[m], ls=style.dash[m], lw=style.line),
            named(m, 26) if not style.paper else fitted(m, style.text, style.column - 0.7),
            m,
        )
        for m in bright
    ]
    if rest := len(shown) - len(bright):
        entries.append((Line2D([], [], color=OTHERS, lw=style.thin), f"{rest} others", None))
    real = Line2D([], [], color=INK, ls=(0, (1, 1.5)), lw=0.7 * style.line)
    entries.append((real, "real data", None))
    if (table["status"] != "ok").any():
        cross = Line2D([], [], color=INK, ls="", marker=FLAG["not finite"][0], ms=6 * style.scale)
        entries.append((cross, "last evaluation of a failed seed", None))
    return entries


def _heard(metric: Quantity, table: pd.DataFrame, shown: list[str]) -> str:
    """Return the means of finished seeds halfway and at the end, for those who hear the figure."""
    finished = table[table["status"] == "ok"].astype({metric.name: float})
    means = finished.groupby(["method", "update"])[metric.name].mean().dropna()
    told = []
    for method in shown:
        if method not in means.index:
            told.append(f"{method} none")
            continue
        own = means[method]
        half = np.abs(np.array(own.index) - own.index[-1] / 2).argmin()
        middle, end = (numbers.of(metric, float(own.iloc[at])) for at in (half, -1))
        told.append(f"{method} {middle}, {end}")
    return f"Mean {metric.label} halfway and at the end: {'; '.join(told)}."


def _absence(problem: Problem, first: Quantity) -> str:
    """Why the metric that ranks the methods has no curve."""
    primary = problem.primary
    if primary == first:
        return ""
    records = list(problem.records())
    if any(e.get(primary.name) is not None for r in records for e in r.evaluations):
        why = "is measured only at the best and the last evaluation"
    else:
        why = "was not computed"
    return f"{primary.label}, which ranks the methods, {why}: {first.label} is drawn."


def evaluations(problem: Problem) -> pd.DataFrame:
    """Every evaluation of every cell: method, seed, status, update, and the metrics."""
    rows: list[dict[str, Any]] = [
        {"method": record.cell.method.label, "seed": record.cell.seed, "status": record.status,
         **evaluation}
        for record in problem.records()
        for evaluation in record.evaluations
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _metric(
    axis: Any, problem: Problem, metric: Quantity, table: pd.DataFrame, shown: list[str],
    bright: list[str], style: Style,
) -> None:  # fmt: skip
    scale = 100 if metric.percent else 1
    values = table.assign(value=pd.to_numeric(table[metric.name]) * scale).dropna(subset="value")
    finished = values[values["status"] == "ok"].groupby("method")
    failed = values[values["status"] != "ok"].groupby("method")
    # the best one last, on top of the others
    for place, method in enumerate(reversed(shown)):
        own = method in bright
        colour, zorder = style.colour[method] if own else OTHERS, 2 + place / 100
        if method in finished.groups:
            over = finished.get_group(method).groupby("update")["value"]
            mean = over.mean()
            (line,) = axis.plot(
                mean.index, mean, color=colour, ls=style.dash[method] if own else "-",
                lw=style.line if own else style.thin, zorder=zorder,
            )  # fmt: skip
            style.tag(line, method)
            if _banded(table):
                band = axis.fill_between(mean.index, over.min(), over.max(), color=colour,
                                         zorder=1.5, lw=0,
                                         alpha=0.14 if len(shown) <= 3 else 0.09)  # fmt: skip
                style.tag(band, method)
        if method not in failed.groups:
            continue
        for _, seed in failed.get_group(method).groupby("seed"):
            (line,) = axis.plot(seed["update"], seed["value"], color=colour, lw=style.thin,
                                alpha=0.8, zorder=zorder)  # fmt: skip
            (end,) = axis.plot(
                seed["update"].iloc[-1:], seed["value"].iloc[-1:], ls="", ms=6 * style.scale,
                marker=FLAG["not finite"][0], color=colour, mew=0, zorder=zorder,
            )  # fmt: skip
            style.tag(line, method)
            style.tag(end, method)
    floor = problem.floor.get(metric.name)
    if floor is not None:
        axis.axhline(floor * scale, color=INK, ls=(0, (1, 1.5)), lw=0.7 * style.line, zorder=1)
    if spans_decades(metric, values["value"]):
        axis.set_yscale("log")
        low = values["value"].min()
        if floor is not None and floor * scale < low / 1000:
            # real data so much better would leave the curves no room
            axis.set_ylim(bottom=low / 2)
        powers(axis.yaxis)
    axis.set(xlabel="discriminator updates", ylabel=metric.label + (" (%)" if scale > 1 else ""))
    axis.set_xlim(0, problem.updates)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    sns.despine(ax=axis)


def _banded(table: pd.DataFrame) -> bool:
    return table["method"].nunique() <= MOST_BANDS


def spans_decades(metric: Quantity, values: pd.Series[float]) -> bool:
    """Whether a logarithmic axis shows more: distances that shrink over orders of magnitude."""
    if metric.higher_is_better or values.empty:
        return False
    return bool((values > 0).all() and values.max() > 30 * values.min())
