"""What every method cost, and what it reached for that."""

from __future__ import annotations

import pandas as pd

from bench.report.analysis.findings import Findings
from bench.report.page import numbers
from bench.report.page.document import Block, Drawn, Entry, Section, Table
from bench.report.sections.stability import mean_of


def cost(found: Findings, figures: list[Drawn]) -> Section:
    """Updates, gradients, seconds and memory a cell."""
    rows = []
    for problem, ranked in found.pairs:
        for standing in ranked:
            own = found.cells[problem.label, standing.method]
            own = own[own["status"] == "ok"]
            rows.append([
                Entry(problem.label),
                Entry(standing.method, method=standing.method),
                *(_mean(own[name], 0) for name in
                  ("discriminator_updates", "generator_updates", "gradient_evaluations")),
                *(_mean(own[name], 1) for name in
                  ("training_seconds", "evaluation_seconds")),
                _mean(own["population"], 0),
                _mean(own["peak_memory_mb"], 0),
            ])  # fmt: skip
    table = Table(
        "cost",
        "Mean over finished seeds. Seeds of one population share their time: a cell's seconds are "
        "the population's divided by its members. Peak memory is the worker process's (on a GPU, "
        "the device's).",
        ["dataset", "method", "discriminator updates", "generator updates",
         "gradient evaluations", "training, seconds a cell", "evaluation, seconds a cell",
         "members a population", "peak memory, MiB"],
        rows,
        names=1,
        texts=(0,),
    )  # fmt: skip
    blocks: list[Block] = [*figures, table]
    return Section("Cost", "cost", blocks)


def _mean(values: pd.Series, digits: int) -> Entry:
    found = mean_of(values)
    return Entry(numbers.plain(found, digits), value=found)
