"""Training curves: metrics over discriminator updates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from bench.datasets.base import Metric
from bench.report.analysis.problems import Problem
from bench.report.figures.style import FLAG, INK, WIDTH, Style, named, save
from bench.report.page.document import Figure

LEGEND_COLUMNS = 4
MOST_BANDS = 10
"""Methods beyond which bands would cover each other."""


def draw_curves(problem: Problem, methods: list[str], style: Style, folder: Path) -> Figure | None:
    """The first metric that every evaluation measures, large, and up to two others beside it."""
    table = evaluations(problem)
    drawn = [metric for metric in problem.throughout if table[metric.name].notna().any()]
    if not drawn:
        return None
    first, *others = drawn
    others = [metric for metric in others if metric.ceiling is None][:2]
    shown = [method for method in methods if method in set(table["method"])]
    rows = max(len(others), 1)
    canvas = plt.figure(figsize=(WIDTH, 3.7 + 0.2 * (-(-len(shown) // LEGEND_COLUMNS) + 1)))
    shape = canvas.add_gridspec(rows, 2 if others else 1, width_ratios=[2, 1] if others else [1])
    _metric(canvas.add_subplot(shape[:, 0]), problem, first, table, methods, style)
    for row, metric in enumerate(others):
        axis = canvas.add_subplot(shape[row, 1])
        _metric(axis, problem, metric, table, methods, style)
        if row < rows - 1:
            axis.set_xlabel("")
            axis.tick_params(labelbottom=False)
    handles = [Line2D([], [], color=style.colour[m], ls=style.dash[m], lw=2) for m in shown]
    labels = [named(method) for method in shown]
    handles.append(Line2D([], [], color=INK, ls=(0, (1, 1.5)), lw=1.2))
    labels.append("real data")
    caption = [
        _absence(problem, first),
        "Lines: mean over finished seeds.",
        "Bands: from the least to the greatest seed." if _banded(table) else "",
        "Dotted: real data measured against real data.",
    ]
    if (table["status"] != "ok").any():
        caption.append("Thin lines that end in a cross: seeds that failed.")
        handles.append(Line2D([], [], color=INK, ls="", marker=FLAG["not finite"][0], ms=6))
        labels.append("last evaluation of a failed seed")
    canvas.legend(handles, labels, loc="outside lower center", frameon=False,
                  ncols=min(LEGEND_COLUMNS, len(labels)))  # fmt: skip
    return Figure(
        save(canvas, folder, f"{problem.anchor}-curves"),
        f"Training curves on {problem.label}: {', '.join(m.label for m in (first, *others))} "
        f"over discriminator updates, a line for each of {', '.join(shown)}.",
        " ".join(filter(None, caption)),
    )


def _absence(problem: Problem, first: Metric) -> str:
    """Why the metric that ranks the methods has no curve."""
    primary = problem.primary
    if primary == first:
        return ""
    records = list(problem.records())
    if any(e.get(primary.name) is not None for r in records for e in r.evaluations):
        why = "is measured at the best and the last evaluation alone"
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
    axis: Any, problem: Problem, metric: Metric, table: pd.DataFrame, methods: list[str],
    style: Style,
) -> None:  # fmt: skip
    scale = 100 if metric.percent else 1
    values = table.assign(value=pd.to_numeric(table[metric.name]) * scale).dropna(subset="value")
    finished = values[values["status"] == "ok"]
    if not finished.empty:
        sns.lineplot(
            finished, x="update", y="value", hue="method", palette=style.colour,
            hue_order=[m for m in methods if m in set(finished["method"])],
            errorbar=("pi", 100) if _banded(table) else None, err_kws={"alpha": 0.12, "lw": 0},
            lw=1.8, legend=False, ax=axis,
        )  # fmt: skip
        drawn = [m for m in methods if m in set(finished["method"])]
        for line, name in zip(axis.lines, drawn, strict=False):
            line.set_linestyle(style.dash[name])
    failed = values[values["status"] != "ok"]
    for key, seed in failed.groupby(["method", "seed"]):
        method = str(key[0])
        axis.plot(seed["update"], seed["value"], color=style.colour[method], lw=0.8, alpha=0.8)
        axis.plot(seed["update"].iloc[-1:], seed["value"].iloc[-1:], ls="", ms=6,
                  marker=FLAG["not finite"][0], color=style.colour[method])  # fmt: skip
    floor = problem.shared_result("floor").get(metric.name)
    if floor is not None:
        axis.axhline(floor * scale, color=INK, ls=(0, (1, 1.5)), lw=1.2, zorder=1)
    if spans_decades(metric, values["value"]):
        axis.set_yscale("log")
        axis.yaxis.set_minor_locator(NullLocator())
    axis.set(xlabel="discriminator updates", ylabel=metric.label + (" (%)" if scale > 1 else ""))
    axis.set_xlim(0, problem.cell.updates)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    sns.despine(ax=axis)


def _banded(table: pd.DataFrame) -> bool:
    return table["method"].nunique() <= MOST_BANDS


def spans_decades(metric: Metric, values: pd.Series[float]) -> bool:
    """Whether a logarithmic axis shows more: distances that shrink over orders of magnitude."""
    if metric.higher_is_better or values.empty:
        return False
    return bool((values > 0).all() and values.max() > 30 * values.min())
