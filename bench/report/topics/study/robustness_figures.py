"""Where an experiment has variants: who works at which, and at how many."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.variants import Robustness, Varied, variant_of
from bench.report.drawing.style import Style, save
from bench.report.drawing.words import seeds_told
from bench.report.page import numbers
from bench.report.page.document import Figure
from bench.report.topics.dataset.profiles import MOST_COLOURED, Line, Upright, draw_lines
from bench.report.topics.study.heat_map import CROSS, HeatMap

WORKS = "✓"
MOST_TOLD = 60
"""Cells beyond which the text that stands for the picture tells the variants at which a method
fails alone."""


class VariantsMap(HeatMap):
    """Methods × variants: coloured by what is attained, ticked where the target is reached."""

    counted: ClassVar[tuple[str, str]] = ("works", "at")

    def __init__(self, varied: Varied, style: Style):
        self.varied = varied
        problems, standings = zip(*varied.pairs, strict=True)
        super().__init__(list(problems), list(standings), style)

    def order(self) -> dict[str, str]:
        return {m.method: told_share(m) for m in self.varied.methods}

    def head(self, problem: Problem) -> tuple[str, str]:
        return variant_of(problem), ""

    def leads(self, column: int, standing: Standing) -> str:
        works = standing.centre is not None and self.varied.meets(standing.centre.value)
        return WORKS if works else ""

    def explain(self, x: float, middle: float, size: float) -> float:
        told = f"{WORKS} works: {numbers.requirement(self.varied.metric, self.varied.target)}"
        return self._beside(x, middle, told, size) + 0.12


def draw_variants(varied: Varied, style: Style, folder: Path) -> Figure | None:
    """The heat map of methods × variants; None where nothing was trained."""
    if not varied.methods:
        return None
    sheet = VariantsMap(varied, style)
    sheet.draw()
    metric = varied.metric
    required = numbers.requirement(metric, varied.target)
    problems = [problem for problem, _ in varied.pairs]
    parts = [
        f"Interquartile mean of {metric.label} on {varied.label}, {seeds_told(problems)}. {WORKS}: "
        f"the target is reached, {required}. Colour: progress from an untrained generator (pale) "
        "to real data (dark).",
    ]
    if sheet.any_failed:
        parts.append(f"{CROSS}: seeds that failed; where a cell is grey, too many for a mean.")
    return Figure(
        save(sheet.canvas, folder, f"{varied.anchor}-variants"), _heard(varied), " ".join(parts)
    )


def draw_robustness(varied: Varied, style: Style, folder: Path) -> Figure | None:
    """Share of variants against what is required; None where no variant has a mean."""
    if not any(math.isfinite(value) for m in varied.methods for value in m.scores.values()):
        return None
    metric = varied.metric
    required = numbers.requirement(metric, varied.target)
    target = Upright(varied.target, f"target, {required}", "--", is_kept=True)
    lines = [Line(m.method, varied.shown(m)) for m in varied.methods]
    canvas, _ = draw_lines(lines, metric, "share of variants this good", target, style)
    at = ", ".join(f"{m.method} {told_share(m)}" for m in varied.methods[:MOST_COLOURED])
    rest = f" Grey: all but the first {MOST_COLOURED}." if len(lines) > MOST_COLOURED else ""
    return Figure(
        save(canvas, folder, f"{varied.anchor}-robustness"),
        f"Robustness profiles on {varied.label}: the share of {len(varied.pairs)} variants at "
        f"which each method is at least as good as required of {metric.label}, a line a method. "
        f"At the target, {required}: {at}.",
        f"Share of the {len(varied.pairs)} variants at which a method's interquartile mean is at "
        f"least this good. Dashed: the target. Left of it: a "
        f"{'milder' if metric.higher_is_better else 'stricter'} one.{rest}",
    )


def told_share(method: Robustness) -> str:
    """``4/6``: variants at which it works, of those at which it was trained."""
    return f"{len(method.works)}/{len(method.scores)}"


def _heard(varied: Varied) -> str:
    few = len(varied.methods) * len(varied.pairs) <= MOST_TOLD
    rows = []
    for m in varied.methods:
        told = [
            f"{variant} {_value(varied, value)}{', works' if variant in m.works else ''}"
            for variant, value in m.scores.items()
            if few
        ]
        rows.append(f"{m.method} works at {told_share(m)}" + (f": {'; '.join(told)}" * few))
    return (
        f"Heat map of {numbers.count(len(varied.methods), 'method')} by "
        f"{numbers.count(len(varied.pairs), 'variant')} of {varied.label}. {'. '.join(rows)}."
    )


def _value(varied: Varied, value: float) -> Any:
    return numbers.of(varied.metric, value) if math.isfinite(value) else "too many seeds failed"
