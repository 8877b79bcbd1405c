"""Learning curves: a panel per method, over updates, gradient evaluations or seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bench.metric import Quantity
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.panels import Line, Panels, Scale
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import FLAG, INK, Style, save
from bench.report.page import numbers
from bench.report.page.document import Block, Choice, Figure
from bench.report.statistics import interquartile_mean
from bench.report.topics.dataset.equal_cost import AXES, differ, drawn_by, spent, spent_by

OTHERS = "#C4C4C4"


def curves(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the learning curves, over the reader's choice of axis where methods pay unlike."""
    counted = next(iter(problem.cell.budget), "discriminator_updates")
    order = [counted, *(axis for axis in AXES if axis != counted)]
    options, more = [], []
    for axis in order if differ(problem) else [counted]:
        kind = "curves" if axis == counted else f"curves-{axis.replace('_', '-')}"
        draw = partial(draw_curves, axis=axis)
        first, *rest = sheeted(found, problem, ranked, kind, draw, in_variants=axis == counted)
        options.append((AXES[axis], first))
        more += rest
    return [Choice(f"axis-{problem.anchor}", "Plot against", options), *more]


@dataclass(frozen=True)
class _Runs:
    """One method's curves, of finished and of failed seeds."""

    finished: list[Line]
    failed: list[Line]
    centre: Line | None
    """Interquartile mean of the finished seeds."""


def draw_curves(
    problem: Problem, sheet: Sheet, _notes: list[str], style: Style, folder: Path, axis: str
) -> Figure | None:
    """Draw the first metric that every evaluation measures, a panel per method of the sheet."""
    metric = drawn_by(problem)
    if metric is None:
        return None
    runs = {method: _runs(problem, method, metric, axis) for method in problem.by_method}
    shown = [method for method in sheet.methods if runs[method].finished or runs[method].failed]
    if not shown:
        return None
    lines = [line for each in runs.values() for line in (*each.finished, *each.failed)]
    scale, real = _scale(problem, metric, lines)
    end = max(float(x[-1]) for x, _ in lines) or 1.0
    panels = Panels([scale] * len(shown), end, (AXES[axis], metric.titled), style, is_shared=True)
    for place, method in enumerate(shown):
        others = [m for name in runs if name != method and (m := runs[name].centre) is not None]
        _draw(panels, place, method, runs[method], others, real, metric, style)
    failed = any(runs[method].failed for method in shown)
    caption = [
        _absence(problem, metric),
        "Bold: interquartile mean of finished seeds, with its last value; thin: seeds; grey: the "
        "other methods" + ("; dotted: real data." if real is not None else "."),
        "Cross: last evaluation of a failed seed." if failed else "",
        sheet.told("curves"),
    ]
    name = "curves" if axis == "discriminator_updates" else f"curves-{axis.replace('_', '-')}"
    return Figure(
        save(panels.canvas, folder, f"{problem.anchor}-{name}{sheet.suffix}"),
        f"Learning curves on {problem.label}: {metric.label} over {AXES[axis]}. "
        f"{_heard(metric, {method: runs[method].centre for method in shown})}",
        " ".join(filter(None, caption)),
    )


def _runs(problem: Problem, method: str, metric: Quantity, axis: str) -> _Runs:
    cells = problem.by_method[method]

    def line(along: list[float], evaluations: list[dict[str, float | None]]) -> Line:
        y = np.array([evaluation.get(metric.name) for evaluation in evaluations], dtype=float)
        return np.array(along)[: len(y)], metric.factor * y

    finished = [line(along, record.evaluations) for along, record in spent_by(cells, axis)]
    finished = [(x, y) for x, y in finished if np.isfinite(y).any()]
    failed = [
        line(along, c.record.evaluations)
        for c in cells
        if c.record is not None and c.record.status != "ok" and (along := spent(c.record, axis))
    ]
    centre = None
    if finished:
        y = np.array([y for _, y in finished])
        known = np.isfinite(y).any(axis=0)
        x = np.mean([x for x, _ in finished], axis=0)
        centre = x[known], np.asarray(interquartile_mean(y[:, known]))
    return _Runs(finished, [(x, y) for x, y in failed if np.isfinite(y).any()], centre)


def _scale(problem: Problem, metric: Quantity, lines: list[Line]) -> tuple[Scale, float | None]:
    """Return the y axis, and where real data stands on it; None where it would leave no room."""
    y = np.concatenate([y for _, y in lines])
    y = y[np.isfinite(y)]
    is_log = spans_decades(metric, pd.Series(y))
    floor = problem.floor.get(metric.name)
    real = None if floor is None else floor * metric.factor
    if is_log and real is not None and real < y.min() / 1000:
        real = None
    return Scale.of(y if real is None else np.append(y, real), is_log), real


def _draw(
    panels: Panels, place: int, method: str, own: _Runs, others: list[Line], real: float | None,
    metric: Quantity, style: Style,
) -> None:  # fmt: skip
    """Draw one method's panel over the others' interquartile means."""
    colour = style.colour[method]
    if real is not None:
        dotted = np.array([0, panels.end]), np.full(2, real)
        panels.plot(place, [dotted], color=INK, ls=(0, (1, 1.5)), lw=0.5 * style.line)
    panels.plot(place, others, color=OTHERS, lw=style.thin)
    panels.plot(place, [*own.finished, *own.failed], method, color=colour, lw=0.6 * style.thin,
                alpha=0.55)  # fmt: skip
    panels.plot(place, map(_end, own.failed), method, color=colour, ls="", mew=0,
                marker=FLAG["not finite"][0], ms=6 * style.scale)  # fmt: skip
    told = ""
    if own.centre is not None:
        panels.plot(place, [own.centre], method, color=colour, ls=style.dash[method],
                    lw=1.2 * style.line)  # fmt: skip
        told = numbers.of(metric, own.centre[1][-1] / metric.factor)
        ends = [float(_end(line)[1][0]) / metric.factor for line in own.finished]
        panels.tell(place, method, f"interquartile mean {told} ({_ends(metric, ends)})")
    panels.title(place, method, told)


def _ends(metric: Quantity, values: list[float]) -> str:
    """Return ``seeds from 2.00 to 8.00``."""
    low, high = (numbers.of(metric, end) for end in (min(values), max(values)))
    return f"seeds from {low} to {high}" if len(values) > 1 else "one seed"


def _end(line: Line) -> Line:
    """Return the last point of a line that has a value."""
    x, y = line
    last = np.flatnonzero(np.isfinite(y))[-1:]
    return x[last], y[last]


def _heard(metric: Quantity, centres: dict[str, Line | None]) -> str:
    """Return the values of the bold lines halfway and at the end, for those who hear the figure."""
    told = []
    for method, centre in centres.items():
        if centre is None:
            told.append(f"{method} none")
            continue
        x, y = centre
        half = int(np.abs(x - x[-1] / 2).argmin())
        middle, end = (numbers.of(metric, float(y[at]) / metric.factor) for at in (half, -1))
        told.append(f"{method} {middle}, {end}")
    return f"Interquartile mean of {metric.label} halfway and at the end: {'; '.join(told)}."


def _absence(problem: Problem, first: Quantity) -> str:
    """Return why the metric that ranks the methods has no curve."""
    primary = problem.primary
    if primary == first:
        return ""
    records = list(problem.records())
    if any(e.get(primary.name) is not None for r in records for e in r.evaluations):
        why = "is measured only at the best and the last evaluation"
    else:
        why = "was not computed"
    return f"{primary.label}, which ranks the methods, {why}: {first.label} is drawn."


def spans_decades(metric: Quantity, values: pd.Series[float]) -> bool:
    """Return whether a logarithmic axis shows more: distances that shrink by powers of ten."""
    if metric.higher_is_better or values.empty:
        return False
    return bool((values > 0).all() and values.max() > 30 * values.min())
