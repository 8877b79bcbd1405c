"""How the order of the methods depends on rules that could have been others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, score
from bench.report.statistics import interquartile_mean, mean, median

Centre = Callable[[Sequence[float]], Any]


@dataclass(frozen=True)
class Order:
    """The places that a rule gives to methods, 1 the first, equal ones sharing the best place."""

    rule: str
    places: dict[str, int]
    agreement: float | None
    """Kendall's τ-b with the first rule's; None where an order has but one place."""


RULES: tuple[tuple[str, str, Centre], ...] = (
    ("last evaluation, mean", "last", mean),
    ("last evaluation, median", "last", median),
    ("best evaluation, interquartile mean", "best", interquartile_mean),
    ("best evaluation, mean", "best", mean),
)


def orders(problem: Problem, ranked: Sequence[Standing]) -> list[Order]:
    """Return the report's ranks by the primary metric, and other rules'; of ranked methods only.

    Failed seeds count as infinitely bad; methods that are infinitely bad by a rule share the last
    place.
    """
    metric = problem.primary
    ranks = {s.method: s.rank for s in ranked if s.rank is not None}
    found = [("the report's: last evaluation, interquartile mean", ranks)]
    for rule, checkpoint, centre in RULES:
        values = {}
        for method in ranks:
            scores = [_score(cell, metric, checkpoint) for cell in problem.by_method[method]]
            values[method] = float(centre([score for score in scores if score is not None]))
        found.append((rule, _places(values, metric.higher_is_better)))
    return _compared(found)


def _score(planned: Planned, metric: Quantity, checkpoint: str) -> float | None:
    record = planned.record
    if checkpoint == "last" or record is None or record.status != "ok":
        return score(planned, metric)
    after = record.evaluations[1:] or record.evaluations
    values = [v for e in after if (v := e.get(metric.name)) is not None]
    return metric.best(values) if values else None


def _places(values: Mapping[str, float], higher_is_better: bool) -> dict[str, int]:
    sign = -1 if higher_is_better else 1
    signed = {method: sign * value for method, value in values.items()}
    return {m: 1 + sum(other < own for other in signed.values()) for m, own in signed.items()}


def _compared(found: list[tuple[str, dict[str, int]]]) -> list[Order]:
    if not found:
        return []
    first = found[0][1]
    return [Order(rule, places, _agreement(first, places)) for rule, places in found]


def _agreement(first: Mapping[str, int], second: Mapping[str, int]) -> float | None:
    from scipy.stats import kendalltau

    common = [method for method in first if method in second]
    one, other = ([places[method] for method in common] for places in (first, second))
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return float(kendalltau(one, other).statistic)
