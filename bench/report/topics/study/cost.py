"""What every method cost."""

from __future__ import annotations

from functools import partial

import pandas as pd

from bench.records.record import Record
from bench.report.analysis.findings import Findings
from bench.report.analysis.tables import mean_of
from bench.report.analysis.variants import Pair
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Details,
    Drawing,
    Entry,
    Paragraph,
    Section,
    Table,
)
from bench.report.statistics import spread
from bench.report.topics.study.cost_figure import draw_costs
from bench.words import listing

AXES = ("discriminator_updates", "generator_updates", "gradient_evaluations")
NOISE = 1.3
"""Ratio of seconds between methods that compute as much, from which on the reader is warned."""


def cost(found: Findings) -> list[Section]:
    """Return updates, gradients, seconds and memory per run, and quality against them."""
    if not found.problems:
        return []
    blocks: list[Block] = [Paragraph(told) for told in (_shared(found), _doubt(found)) if told]
    if found.fixed:
        blocks.insert(0, Drawing("costs", partial(draw_costs, found.fixed)))
        blocks.append(_table(found, "cost", found.fixed))
    for varied in found.varied:
        table = _table(found, f"cost-{varied.anchor}", varied.pairs)
        blocks.append(Details(f"Cost on {varied.label}, variant by variant", [table]))
    return [Section("Cost", "cost", blocks)]


def cost_per_run(found: Findings) -> str:
    """Return the range of updates and gradient evaluations per run, and who updates less often."""
    ranges: list[str] = []
    fewer: dict[str, float] = {}
    for axis in AXES:
        means: list[float] = []
        for problem, ranked in found.pairs:
            here = {s.method: mean_of(found.finished(problem, s.method)[axis]) for s in ranked}
            known = {method: mean for method, mean in here.items() if mean is not None}
            means += known.values()
            for method, mean in known.items() if axis == "generator_updates" else ():
                if mean and (ratio := max(known.values()) / mean) > 1:
                    fewer[method] = max(ratio, fewer.get(method, 1))
        if not means:
            return ""
        ends = [f"{end:,.0f}" for end in sorted({min(means), max(means)})]
        ranges.append(f"{' to '.join(ends)} {axis.replace('_', ' ')}")
    rest = [f"{method} ({ratio:.3g} times fewer)" for method, ratio in fewer.items()]
    few = f" Fewer generator updates than the others: {listing(rest)}." if rest else ""
    return f"{listing(ranges)} per run.{few}"


def _table(found: Findings, name: str, pairs: list[Pair]) -> Table:
    def mean(values: pd.Series) -> Entry:
        found = mean_of(values)
        return Entry(numbers.NOTHING if found is None else f"{found:,.0f}", value=found)

    def seconds(values: pd.Series) -> Entry:
        found = spread(values.dropna().tolist())
        value = None if found is None else found.median
        return Entry(numbers.median_and_range(found), value=value)

    rows = []
    for problem, ranked in pairs:
        for standing in ranked:
            own = found.finished(problem, standing.method)
            timed = ("training_seconds", "checkpoint_seconds", "evaluation_seconds")
            rows.append([
                Entry(problem.label),
                Entry(standing.method, method=standing.method),
                *(mean(own[axis]) for axis in AXES),
                *(seconds(own[name]) for name in timed),
                *(mean(own[name]) for name in ("population", "peak_memory_mb")),
            ])  # fmt: skip
    return Table(
        name,
        "Mean per finished run; seconds as median (min – max) over seeds. Seeds that train as one "
        "block share its seconds and its memory.",
        ["dataset", "method", "discriminator updates", "generator updates",
         "gradient evaluations", "training, seconds", "checkpoints, seconds",
         "measuring, seconds", "seeds in a block", "peak memory, MiB"],
        rows,
        names=1,
        texts=(0,),
        hidden=(6, 7, 8, 9),
    )  # fmt: skip


def _shared(found: Findings) -> str:
    """State how many timings were taken while several jobs shared a device."""
    records = [record for problem, _ in found.pairs for record in problem.records() if record.cost]
    shared = sorted({most for record in records if (most := _most_jobs(record)) > 1})
    if not shared:
        return ""
    jobs = " to ".join(str(end) for end in sorted({shared[0], shared[-1]}))
    count = sum(_most_jobs(record) > 1 for record in records)
    return (
        f"{count} of {len(records)} runs were timed while {jobs} jobs shared a "
        "core or a GPU: their seconds include waiting for each other."
    )


def _most_jobs(record: Record) -> int:
    """Return how many jobs shared the device on which a run was trained or measured."""
    timed = [record.data["run"], *(each.measured for each in record.measurements)]
    return max(each.get("device_shared") or 1 for each in timed)


def _doubt(found: Findings) -> str:
    """State by how much seconds differ between methods that compute as many gradients."""
    told = []
    for problem, ranked in found.pairs:
        by_work: dict[float, list[float]] = {}
        for standing in ranked:
            own = found.finished(problem, standing.method)
            work, seconds = mean_of(own["gradient_evaluations"]), mean_of(own["training_seconds"])
            if work is not None and seconds:
                by_work.setdefault(work, []).append(seconds)
        ratio = max((max(alike) / min(alike) for alike in by_work.values()), default=1.0)
        if ratio > NOISE:
            told.append(f"{numbers.plain(ratio, 1)}× on {problem.label}")
    if not told:
        return ""
    return (
        "Treat seconds as rough: methods with the same number of gradient evaluations differ "
        f"by up to {listing(told)}, partly through machine load."
    )
