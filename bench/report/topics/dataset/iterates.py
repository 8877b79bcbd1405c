"""Compares the generator that methods are ranked by with the other: last iterate and average.

GAN training goes round its equilibrium, and the last iterate with it; an average of iterates lies
nearer to the middle (Yazıcı et al. 2019; Mescheder et al. 2018 for the Dirac-GAN).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.execution.plan import Planned
from bench.metric import Iterate, Quantity
from bench.records.record import Record
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, scores_of
from bench.report.statistics import interquartile_mean

CALLED: dict[Iterate, str] = {
    "last": "the generator's last weights",
    "averaged": "the moving average of the generator's weights",
}
FINAL = 0.9
"""Share of the budget after which the spread of the last iterates is taken."""


def other(problem: Problem) -> tuple[Iterate, Quantity] | None:
    """Return the iterate that is not ranked by, and the metric that ranks, computed on it.

    None where it was not computed on that one.
    """
    iterate: Iterate = "last" if ranked(problem) == "averaged" else "averaged"
    name = f"{problem.primary.name}_{iterate}"
    return next(((iterate, q) for q in problem.quantities if q.name == name), None)


def means_of_other(
    problem: Problem, standings: Sequence[Standing]
) -> tuple[Iterate, Quantity, dict[str, float]] | None:
    """Return :func:`other` and its interquartile mean for every ranked method, as the ranking does.

    None where it was not computed.
    """
    beside = other(problem)
    if beside is None:
        return None
    scores = {s.method: scores_of(problem.by_method[s.method], beside[1])
              for s in standings if s.rank is not None}  # fmt: skip
    means = {m: interquartile_mean(list(own.values())) for m, own in scores.items() if own}
    return *beside, {method: float(mean) for method, mean in means.items()}


def ranked(problem: Problem) -> Iterate:
    """Return the iterate that is ranked by; a method's own average has the place of its last."""
    iterates = {planned.cell.iterate for planned in problem.planned}
    return "last" if "last" in iterates else "averaged"


def oscillation(problem: Problem, cells: Sequence[Planned]) -> float | None:
    """Return the spread of the last iterates over the final tenth of the budget.

    Of the metric that ranks: the root of the mean over finished seeds of the variance over a seed's
    checkpoints there. None where no seed has two of them.
    """
    variances = []
    for cell in cells:
        record = cell.record
        if record is None or record.status != "ok":
            continue
        name = _name_of_last(problem, record)
        values = [
            float(value)
            for evaluation in record.evaluations
            if evaluation["update"] >= FINAL * cell.cell.updates
            and (value := evaluation.get(name)) is not None
        ]
        if len(values) > 1:
            middle = sum(values) / len(values)
            variances.append(sum((v - middle) ** 2 for v in values) / (len(values) - 1))
    return math.sqrt(sum(variances) / len(variances)) if variances else None


def _name_of_last(problem: Problem, record: Record) -> str:
    """Return the name of the metric that ranks, computed on the last iterate."""
    name = problem.primary.name
    return name if record.iterate == "last" else f"{name}_last"
