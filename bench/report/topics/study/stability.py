"""How stable every method was."""

from __future__ import annotations

import pandas as pd

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.analysis.tables import mean_of
from bench.report.page import numbers
from bench.report.page.document import Block, Details, Entry, Section, Table
from bench.report.topics.dataset.iterates import oscillation
from bench.words import count


def stability(found: Findings) -> list[Section]:
    """Return statuses, best against last, and when all modes were held."""
    if not found.problems:
        return []
    blocks: list[Block] = []
    for problem, ranked in found.fixed:
        blocks.append(_stability(found, problem, ranked))
    for varied in found.varied:
        inner: list[Block] = [_stability(found, *pair) for pair in varied.pairs]
        blocks.append(Details(f"Stability on {varied.label}, variant by variant", inner))
    return [Section("Stability", "stability", blocks)]


def _stability(found: Findings, problem: Problem, ranked: list[Standing]) -> Table:
    primary, coverage = problem.primary, problem.coverage
    rows = []
    swings = {m: oscillation(problem, planned) for m, planned in problem.by_method.items()}
    more = ["oscillation"] if any(swing is not None for swing in swings.values()) else []
    if coverage is not None:
        more.append("all modes first held at update")
    for standing in ranked:
        finished = found.finished(problem, standing.method)
        last, best = finished[primary.name], finished[f"{primary.name}_best"]
        values = (mean_of(best), mean_of(last), mean_of((best - last).abs()))
        told = [Entry(numbers.of(primary, value), value=value) for value in values]
        if standing.not_computed(primary):
            told = [Entry(numbers.NOT_COMPUTED, "quiet")] * 3
        row = [
            Entry(standing.method, method=standing.method),
            Entry(standing.told_statuses, "failed" if standing.failed else ""),
            *told,
        ]
        if "oscillation" in more:
            swing = swings[standing.method]
            row.append(Entry(numbers.of(primary, swing), value=swing))
        if coverage is not None:
            row.append(_held(found.cells[problem.label, standing.method]))
        rows.append(row)
    caption = f"Stability on {problem.label}: best and last evaluation, mean over finished seeds."
    if "oscillation" in more:
        caption += (
            " Oscillation: standard deviation over the final tenth of the budget, by the "
            "generator's last weights."
        )
    measured = any(standing.last[primary.name] for standing in ranked)
    if measured and problem.throughout and primary not in problem.throughout:
        caption += (
            f" {primary.label} is measured only at the last evaluation and at the best by "
            f"{problem.throughout[0].label}."
        )
    return Table(
        f"stability-{problem.anchor}",
        caption,
        ["method", "seeds", f"best {primary.label}", f"last {primary.label}", "gap",
         *more],
        rows,
        texts=(1,),
        hidden=(4,),
    )  # fmt: skip


def _held(own: pd.DataFrame) -> Entry:
    """Return the median update over the seeds that ever held all modes, and how many those are."""
    held, measured = own["first_update_all_modes"].dropna(), own["last_evaluation"].count()
    if held.empty:
        return Entry(f"never, {count(measured, 'seed')}" if measured else numbers.NOTHING)
    middle = float(held.median())
    told = f"{middle:,.0f} ({len(held)} of {measured} seeds)"
    return Entry(told, value=middle)
