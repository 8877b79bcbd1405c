"""How much of a spread between runs comes from training seeds, how much from drawn samples."""

from __future__ import annotations

import math

from bench.metric import Quantity
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, final
from bench.report.page import numbers
from bench.report.page.document import Block, Entry, Paragraph, Table
from bench.report.statistics import Parts, pooled, variance_parts
from bench.taken import REDRAWN
from bench.words import count

HEADS = [
    "seeds", "between runs", "from training seeds", "from drawing samples",
    "share of drawing in the variance",
]  # fmt: skip


def spread_parts(problem: Problem, ranked: list[Standing]) -> list[Block]:
    """State both parts, where samples were drawn anew: of the metric that ranks by method, and of
    every quantity pooled over methods."""
    spreads = {each.name: each for each in problem.quantities}
    found = {}
    for metric in problem.quantities:
        if redrawn := spreads.get(f"{metric.name}_{REDRAWN}"):
            by_method = {s.method: _parts(problem, s.method, metric, redrawn) for s in ranked}
            known = {method: parts for method, parts in by_method.items() if parts is not None}
            if (whole := pooled(list(known.values()))) is not None:
                found[metric] = redrawn, known, whole
    if problem.primary not in found:
        return []
    redrawn, known, whole = found[problem.primary]
    label = problem.primary.label
    return [
        Paragraph(_sentence(problem.primary, redrawn, whole, problem.dataset.evaluation_samples)),
        Table(
            f"spread-{problem.anchor}",
            f"Standard deviation of {label} on {problem.label} at the last evaluation between runs "
            "of a method, and its two parts.",
            ["method", *HEADS],
            [[Entry(method, method=method), *_row(redrawn, p)] for method, p in known.items()],
        ),
        Table(
            f"spread-pooled-{problem.anchor}",
            f"The same for every metric that was computed on redrawn samples on {problem.label}, "
            "pooled over methods.",
            ["metric", *HEADS],
            [[Entry(metric.label), *_row(own, p)] for metric, (own, _, p) in found.items()],
        ),
    ]


def _parts(problem: Problem, method: str, metric: Quantity, redrawn: Quantity) -> Parts | None:
    """Return the parts over the finished seeds of a method that have both numbers."""
    pairs = [(final(each, metric), final(each, redrawn)) for each in problem.by_method[method]]
    known = [(score, spread) for score, spread in pairs if score is not None and spread is not None]
    return variance_parts([score for score, _ in known], [spread for _, spread in known])


def _row(metric: Quantity, parts: Parts) -> list[Entry]:
    deviations = [math.sqrt(part) for part in (parts.total, parts.between, parts.within)]
    return [
        Entry(str(parts.seeds), value=parts.seeds),
        *(Entry(numbers.of(metric, each), value=each) for each in deviations),
        Entry(_share(parts.share), value=parts.share),
    ]


def _sentence(metric: Quantity, redrawn: Quantity, parts: Parts, samples: int) -> str:
    if parts.share is None:
        return f"Neither training seeds nor drawing samples change {metric.label} here."
    between, within = (
        numbers.of(redrawn, math.sqrt(part)) for part in (parts.between, parts.within)
    )
    return (
        f"Of the variance of {metric.label} between runs of a method, {_share(parts.share)} "
        f"comes from drawing {samples:,} evaluation samples anew and the rest from training seeds: "
        f"standard deviations {within} and {between}, pooled over "
        f"{count(parts.methods, 'method')}."
    )


def _share(share: float | None) -> str:
    if share is not None and 0 < share < 0.005:
        return f"under 1{numbers.PERCENT}"
    return numbers.share(share)
