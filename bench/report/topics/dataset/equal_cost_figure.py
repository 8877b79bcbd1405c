"""The same curves against other costs: generator updates, gradients, seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from bench.metric import Quantity
from bench.report.analysis.problems import Problem
from bench.report.drawing.style import Style, save
from bench.report.page.document import Figure
from bench.report.topics.dataset.axes import AXES, curves, differ, drawn_by
from bench.report.topics.dataset.curves import MOST, MOST_BANDS, OTHERS

HEIGHT = 2.3


def draw_axes(problem: Problem, methods: list[str], style: Style, folder: Path) -> Figure | None:
    """A panel for each axis but the budget's; None where all methods pay alike.

    ``methods`` come in order of their ranks.
    """
    metric = drawn_by(problem)
    if metric is None or not differ(problem):
        return None
    shown = [axis for axis in AXES if axis != "discriminator_updates"]
    bright = methods if len(methods) <= MOST else methods[:MOST_BANDS]
    across = 1 if style.narrow else len(shown)
    size = (style.width, HEIGHT * (len(shown) if style.narrow else 1))
    canvas, panels = plt.subplots(len(shown) // across, across, figsize=size, squeeze=False,
                                  sharey=True)  # fmt: skip
    for panel, axis in zip(panels.flat, shown, strict=True):
        _panel(panel, problem, metric, axis, methods, bright, style)
        panel.set_xlabel(AXES[axis])
    for panel in panels[:, 0]:
        panel.set_ylabel(metric.label + (" (%)" if metric.percent else ""))
    return Figure(
        save(canvas, folder, f"{problem.anchor}-axes"),
        f"{metric.label} on {problem.label} over generator updates, gradient evaluations and "
        f"seconds of training, a line for each of {', '.join(methods)}.",
        "Mean over finished seeds; a line ends where the method's budget ended.",
    )


def _panel(
    panel: Any, problem: Problem, metric: Quantity, axis: str, methods: list[str],
    bright: list[str], style: Style,
) -> None:  # fmt: skip
    scale = 100 if metric.percent else 1
    # the best one last, on top of the others
    for place, method in enumerate(reversed(methods)):
        found = curves(problem.by_method[method], axis)
        values = np.array(
            [[e.get(metric.name) for e in record.evaluations] for _, record in found], dtype=float
        )
        if not values.size:
            continue
        own = method in bright
        (line,) = panel.plot(
            np.mean([along for along, _ in found], axis=0), scale * np.nanmean(values, axis=0),
            color=style.colour[method] if own else OTHERS, ls=style.dash[method] if own else "-",
            lw=style.line if own else style.thin, zorder=2 + place / 100,
        )  # fmt: skip
        style.tag(line, method)
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    sns.despine(ax=panel)
