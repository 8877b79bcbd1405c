"""What every method cost, and what it reached for that."""

from __future__ import annotations

from functools import partial

import pandas as pd

from bench.records.record import Record
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.page import numbers
from bench.report.page.document import Block, Details, Drawing, Entry, Paragraph, Section, Table
from bench.report.topics.study.cost_figure import draw_costs
from bench.report.topics.study.stability import mean_of


def cost(found: Findings) -> list[Section]:
    """Return updates, gradients, seconds and memory per run, and quality against them."""
    if not found.problems:
        return []
    blocks: list[Block] = [*_shared(found), *_doubt(found)]
    if found.fixed:
        problems, standings = map(list, zip(*found.fixed, strict=True))
        blocks.insert(0, Drawing("costs", partial(draw_costs, problems, standings)))
        blocks.append(_table(found, "cost", found.fixed))
    for varied in found.varied:
        table = _table(found, f"cost-{varied.anchor}", varied.pairs)
        blocks.append(Details(f"Cost on {varied.label}, variant by variant", [table]))
    return [Section("Cost", "cost", blocks)]


def _table(found: Findings, name: str, pairs: list[tuple[Problem, list[Standing]]]) -> Table:
    rows = []
    for problem, ranked in pairs:
        for standing in ranked:
            own = found.cells[problem.label, standing.method]
            own = own[own["status"] == "ok"]
            rows.append([
                Entry(problem.label),
                Entry(standing.method, method=standing.method),
                *(_mean(own[name], 0) for name in
                  ("discriminator_updates", "generator_updates", "gradient_evaluations")),
                *(_mean(own[name], 1) for name in
                  ("training_seconds", "checkpoint_seconds", "evaluation_seconds")),
                _mean(own["population"], 0),
                _mean(own["peak_memory_mb"], 0),
            ])  # fmt: skip
    return Table(
        name,
        "Mean per finished run. Seeds that train as one block share its seconds and its memory.",
        ["dataset", "method", "discriminator updates", "generator updates",
         "gradient evaluations", "training, seconds", "checkpoints, seconds",
         "measuring, seconds", "seeds in a block", "peak memory, MiB"],
        rows,
        names=1,
        texts=(0,),
        hidden=(6, 7, 8, 9),
    )  # fmt: skip


def cost_per_run(found: Findings) -> str:
    """Return the range of updates and gradient evaluations per run, and who updates less often."""
    axes = ("discriminator_updates", "generator_updates", "gradient_evaluations")
    means: dict[str, dict[tuple[str, str], float]] = {axis: {} for axis in axes}
    for problem, ranked in found.pairs:
        for standing in ranked:
            own = found.cells[problem.label, standing.method]
            own = own[own["status"] == "ok"]
            for axis in axes:
                if (mean := mean_of(own[axis])) is not None:
                    means[axis][problem.label, standing.method] = mean
    if not all(means.values()):
        return ""
    told = [f"{_range(list(means[axis].values()))} {axis.replace('_', ' ')}" for axis in axes]
    made = means["generator_updates"]
    fewer: dict[str, float] = {}
    for problem, ranked in found.pairs:
        here = {s.method: made[key] for s in ranked if (key := (problem.label, s.method)) in made}
        for method, updates in here.items():
            if updates and (ratio := max(here.values()) / updates) > 1:
                fewer[method] = max(ratio, fewer.get(method, 1))
    rest = [f"{method} ({ratio:.3g} times fewer)" for method, ratio in fewer.items()]
    few = f" Fewer generator updates than the others: {numbers.listing(rest)}." if rest else ""
    return f"{numbers.listing(told)} per run.{few}"


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"


def _mean(values: pd.Series, digits: int) -> Entry:
    found = mean_of(values)
    return Entry(numbers.plain(found, digits), value=found)


def _shared(found: Findings) -> list[Block]:
    """State how many timings were taken while several jobs shared a device."""
    records = [record for problem, _ in found.pairs for record in problem.records() if record.cost]
    shared = [most for record in records if (most := _most_jobs(record)) > 1]
    if not shared:
        return []
    jobs = f"{min(shared)}" if min(shared) == max(shared) else f"{min(shared)} to {max(shared)}"
    return [
        Paragraph(
            f"{len(shared)} of {len(records)} runs were timed while {jobs} jobs shared a "
            "core or a GPU: their seconds include waiting for each other."
        )
    ]


def _most_jobs(record: Record) -> int:
    """Return how many jobs shared the device on which a run was trained or measured."""
    timed = [record.data["run"], *(each.measured for each in record.measurements)]
    return max(each.get("device_shared") or 1 for each in timed)


NOISE = 1.3
"""Ratio of seconds between methods that compute as much, from which on the reader is warned."""


def _doubt(found: Findings) -> list[Block]:
    """Where seconds differ between methods that compute as many gradients, by how much."""
    told = []
    for problem, ranked in found.pairs:
        by_work: dict[float, list[float]] = {}
        for standing in ranked:
            own = found.cells[problem.label, standing.method]
            own = own[own["status"] == "ok"]
            work, seconds = mean_of(own["gradient_evaluations"]), mean_of(own["training_seconds"])
            if work is not None and seconds:
                by_work.setdefault(work, []).append(seconds)
        ratio = max((max(alike) / min(alike) for alike in by_work.values()), default=1.0)
        if ratio > NOISE:
            told.append(f"{numbers.plain(ratio, 1)}× on {problem.label}")
    if not told:
        return []
    return [
        Paragraph(
            "Treat seconds as rough: methods with the same number of gradient evaluations differ "
            f"by up to {numbers.listing(told)}, partly through machine load."
        )
    ]
