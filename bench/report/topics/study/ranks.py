"""The critical-difference diagram: mean ranks over a study's problems, and which differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, mean_places
from bench.report.drawing.style import INK, Style, named, save
from bench.report.drawing.words import seeds_told
from bench.report.page import numbers
from bench.report.page.document import Figure
from bench.report.statistics import CriticalDifference, critical_difference
from bench.words import listing


def draw_critical_difference(
    problems: list[Problem], standings: list[list[Standing]], style: Style, folder: Path
) -> Figure | str:
    """Draw the diagram of Demšar (2006, figure 1), or return in words why there is none."""
    pairs = [(p, r) for p, r in zip(problems, standings, strict=True) if any(s.holds for s in r)]
    cells = [{s.method: s.centre.value for s in ranked if s.centre} for _, ranked in pairs]
    places = mean_places(problems, standings)
    methods = [m for m in places if all(m in own for own in cells)]
    if len(pairs) < 2 or len(methods) < 2:
        return (
            "No critical-difference diagram: it needs two methods or more with scores on the "
            "same two problems or more."
        )
    found = critical_difference(
        [[own[method] for method in methods] for own in cells],
        [problem.primary.higher_is_better for problem, _ in pairs],
    )
    if isinstance(found, str):
        return f"No critical-difference diagram: {found}."
    canvas = diagram(found, methods, style)
    groups = [listing([methods[i] for i in group]) for group in found.groups]
    order = np.argsort(found.ranks, kind="stable")
    ranks = ", ".join(f"{methods[i]} {found.ranks[i]:.2f}" for i in order)
    used = [problem for problem, _ in pairs]
    p = numbers.p_value(found.p)
    told = (
        f"Mean ranks over {found.datasets} problems, {seeds_told(used)}; 1 is best. A bar joins "
        f"methods that are not significantly different; ranks at least CD = {found.difference:.2f} "
        f"apart are (Nemenyi's test at {100 * found.alpha:g} %; Friedman's test that all are "
        f"alike: p {p if p.startswith('<') else f'= {p}'}). Each problem gives a method one rank, "
        "by the interquartile mean over seeds, in which a failed seed counts as the worst value."
    )
    if len({problem.cell.dataset.name for problem in used}) < len(used):
        told += " Some problems share a dataset; the test takes them as independent all the same."
    if left_out := sorted(set(places) - set(methods)):
        some = listing(left_out) if len(left_out) <= 6 else f"{len(left_out)} methods"
        told += f" Left out, as not every problem has a score of them: {some}."
    return Figure(
        save(canvas, folder, "critical-difference"),
        f"Critical difference diagram of {len(methods)} methods over {found.datasets} "
        f"problems. Mean ranks: {ranks}. Not distinguishable: {'; '.join(groups) or 'none'}.",
        told,
    )


def diagram(found: CriticalDifference, methods: list[str], style: Style) -> Any:
    """Return the diagram, each method in its colour."""
    import pandas as pd
    from scikit_posthocs import critical_difference_diagram

    apart = pd.DataFrame(np.array(found.pairwise), methods, methods)
    if found.p >= found.alpha:
        apart[:] = 1.0
    half = -(-len(methods) // 2)
    canvas, axis = plt.subplots(figsize=(0.85 * style.width, 0.24 * (half + 5)))
    ranks = pd.Series(found.ranks, methods)
    drawn = critical_difference_diagram(
        ranks,
        apart,
        alpha=found.alpha,
        ax=axis,
        label_fmt_left="{label}  {rank:.2f} ",
        label_fmt_right=" {rank:.2f}  {label}",
        label_props={"fontsize": style.small},
        elbow_props={"linewidth": style.line},
        crossbar_props={"linewidth": 3.0, "color": INK, "solid_capstyle": "butt"},
        color_palette=style.colour,
        text_h_margin=0.04 * (len(methods) - 1),
    )
    # above the ticks' numbers, where scikit-posthocs would draw it across them
    first = min(found.ranks)
    axis.plot([first, first + found.difference], [1.5, 1.5], color=INK, lw=1.5)
    axis.text(first + found.difference / 2, 1.6, f"CD = {found.difference:.2f}", ha="center",
              va="bottom", fontsize=style.small)  # fmt: skip
    order = list(ranks.sort_values().index)
    # the right half is drawn from the last one up
    order = [*order[:half], *reversed(order[half:])]
    for kind in ("markers", "elbows", "labels"):
        for artist, method in zip(drawn[kind], order, strict=True):
            style.tag(artist, method)
    for label, method in zip(drawn["labels"], order, strict=True):
        label.set(color=INK, text=label.get_text().replace(method, named(method)))
    return canvas
