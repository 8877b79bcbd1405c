"""The overview: how good every method is on every problem."""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.patches import Rectangle

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.figures.style import INK, WIDTH, named, save
from bench.report.page import numbers
from bench.report.page.document import Figure

_COLOURS = sns.light_palette("#0072B2", as_cmap=True)


def draw_overview(problems: list[Problem], standings: list[list[Standing]], folder: Path) -> Figure:
    """Methods × problems: the primary metric's mean, coloured from worst to best of a column."""
    methods = sorted({name for problem in problems for name in problem.by_method})
    scores = np.full((len(methods), len(problems)), np.nan)
    told = np.full(scores.shape, "", dtype=object)
    leading = []
    for column, (problem, ranked) in enumerate(zip(problems, standings, strict=True)):
        means = {s.method: s.last[problem.primary.name] for s in ranked}
        scaled = _goodness(
            {name: mean.value for name, mean in means.items() if mean},
            problem.primary.higher_is_better,
        )
        for standing in ranked:
            row = methods.index(standing.method)
            scores[row, column] = scaled.get(standing.method, np.nan)
            told[row, column] = _told(problem, standing)
            if standing.against_best(problem.primary) in ("best", "tied", "ahead"):
                leading.append((row, column))
    size = (min(WIDTH, 3.4 + 2.1 * len(problems)), 1.2 + 0.42 * len(methods))
    canvas, axis = plt.subplots(figsize=size)
    sns.heatmap(
        scores, ax=axis, cmap=_COLOURS, vmin=0, vmax=1, annot=told, fmt="", linewidths=1.5,
        annot_kws={"fontsize": 8.5}, cbar=False,
        xticklabels=[_heading(problem, 90 // len(problems)) for problem in problems],
        yticklabels=[named(method) for method in methods],
    )  # fmt: skip
    for text, score in zip(axis.texts, scores[~np.isnan(scores)], strict=True):
        text.set_color("white" if score > 0.75 else INK)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    plt.setp(axis.get_yticklabels(), rotation=0)
    for row, column in zip(*np.nonzero(np.isnan(scores)), strict=True):
        # seaborn writes nothing where there is no number
        axis.text(column + 0.5, row + 0.5, told[row, column] or numbers.NOTHING, ha="center",
                  va="center", fontsize=8, color="#777777")  # fmt: skip
    for row, column in leading:
        axis.add_patch(Rectangle((column + 0.02, row + 0.06), 0.96, 0.88, fill=False, lw=2,
                                 edgecolor="#D55E00"))  # fmt: skip
    words = "; ".join(
        f"{problem.label}: " + ", ".join(f"{s.method} {_told(problem, s)}" for s in ranked)
        for problem, ranked in zip(problems, standings, strict=True)
    ).replace("\n", ", ")
    return Figure(
        save(canvas, folder, "overview"),
        f"Heat map of methods by datasets. {words}",
        "Mean of the primary metric at the last evaluation over finished seeds; darker is better "
        "within a column, ↑ more is better, ↓ less is better. Framed: the best method and those "
        "that cannot be told apart from it.",
    )


def _heading(problem: Problem, width: int) -> str:
    way = "↑" if problem.primary.higher_is_better else "↓"
    lines = [named(problem.label, 60), f"{named(problem.primary.label)} {way}"]
    return "\n".join(textwrap.fill(line, max(width, 12)) for line in lines)


def _goodness(means: dict[str, float], higher_is_better: bool) -> dict[str, float]:
    """0 for the worst, 1 for the best, ½ where all are equal.

    By logarithms where values that are best small span decades.
    """
    if not means:
        return {}
    values = np.array(list(means.values()))
    if not higher_is_better and (values > 0).all() and values.max() > 30 * values.min():
        values = np.log(values)
    signed = values if higher_is_better else -values
    width = np.ptp(signed)
    scaled = (signed - signed.min()) / width if width > 0 else np.full(len(values), 0.5)
    return dict(zip(means, scaled.tolist(), strict=True))


def _told(problem: Problem, standing: Standing) -> str:
    mean = standing.last[problem.primary.name]
    parts = [] if mean is None else [numbers.of(problem.primary, mean.value)]
    if standing.not_computed(problem.primary):
        parts.append(numbers.NOT_COMPUTED)
    if standing.failed:
        parts.append(f"{standing.failed} of {standing.planned} failed")
    return "\n".join(parts or [next(iter(standing.statuses))])
