"""How far a dataset's order can be relied on: smallest p, seeds to settle it, other rules."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bench.report.analysis.contrast import LEVEL_TO_BEST
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.page import numbers
from bench.report.page.document import Block, Entry, Items, Table
from bench.report.statistics import smallest_rank_p
from bench.report.topics.dataset.sensitivity import Order, orders
from bench.report.topics.dataset.spread import spread_parts
from bench.words import count as counted
from bench.words import listing

_STATED = {
    "welch": "the study states Welch's t test for methods without failed seeds. ",
    "paired": "the study states the paired t test for methods without failed seeds. ",
}


def sureness(_: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Folded away: what the tests could have shown, and the order under other rules."""
    blocks: list[Block] = []
    if lines := _limits(ranked):
        blocks.append(Items(lines))
    blocks += spread_parts(problem, ranked)
    if table := order_table(
        f"orders-{problem.anchor}",
        f"Ranks on {problem.label} by {problem.primary.label} under other ranking rules.",
        [s.method for s in ranked if s.trained],
        orders(problem, ranked),
    ):
        blocks.append(table)
    return blocks


def order_table(name: str, caption: str, methods: list[str], found: list[Order]) -> Table | None:
    """Return the place of each method by each rule; None where there is nothing to compare."""
    placed = [method for method in methods if any(method in order.places for order in found)]
    if len(placed) < 2 or len(found) < 2:
        return None
    rows = [
        [Entry(method, method=method),
         *(_place(order, method) for order in found)]
        for method in methods
    ]  # fmt: skip
    agreements = [
        Entry(numbers.NOTHING if o.agreement is None else numbers.plain(o.agreement, 2), "quiet")
        for o in found
    ]
    rows.append([Entry("agreement with the first (Kendall's τ)", "quiet"), *agreements])
    return Table(name, caption, ["method", *(order.rule for order in found)], rows)


def _place(order: Order, method: str) -> Entry:
    place = order.places.get(method)
    return Entry(numbers.NOTHING) if place is None else Entry(str(place), value=place)


def _limits(ranked: list[Standing]) -> list[tuple[str, str]]:
    compared = [s for s in ranked if s.to_best is not None]
    if not compared:
        return []
    lines = []
    sizes = [len(s.scores) for s in ranked if s.scores]
    smallest = smallest_rank_p(min(sizes), min(sizes))
    tests = sum(s.to_best is not None and s.to_best.p is not None for s in compared)
    corrected = min(1.0, smallest * max(tests, 1))
    verdict = "could" if corrected <= LEVEL_TO_BEST else "could not"
    if tests:
        lines.append((
            "Smallest p of a rank test",
            f"{numbers.p_value(smallest)} with {counted(min(sizes), 'seed')} per method, "
            f"{numbers.p_value(corrected)} corrected for {counted(tests, 'comparison')}: it "
            f"{verdict} distinguish methods at {LEVEL_TO_BEST:g}.",
        ))  # fmt: skip
    lines.append((
        "Which test",
        _STATED[compared[0].to_best.comparison if compared[0].to_best else "welch"]
        + _tests_used(compared),
    ))  # fmt: skip
    if (shared := _shared(ranked)) is not None:
        told = numbers.plain(shared, 2)
        lines.append((
            "Pairing",
            f"scores of two methods at equal seed correlate by {told} on average. A paired test "
            "finds more than Welch's from about 0.45 with 5 seeds, 0.2 with 10, 0.1 with 20.",
        ))  # fmt: skip
    needed = {
        s.method: s.to_best.seeds_needed
        for s in compared
        if s.to_best is not None and s.to_best.outcome == "tied" and s.to_best.seeds_needed
    }
    if needed:
        seeds = [f"{method} about {count}" for method, count in needed.items()]
        lines.append((
            f"Seeds to settle the comparison with {ranked[0].method}",
            f"{listing(seeds)}. A rough estimate: it takes the difference and the spread "
            "seen here as the true ones.",
        ))  # fmt: skip
    return lines


def _tests_used(compared: list[Standing]) -> str:
    by_test: dict[str, list[str]] = {}
    for s in compared:
        if s.to_best is not None and s.to_best.p is not None:
            by_test.setdefault(s.to_best.test, []).append(s.method)
    words = {
        "Welch": "Welch's test",
        "paired t": "Paired t test",
        "sign": "Sign test, as nothing varies between seeds",
        "rank": "Rank test, as seeds failed",
    }
    return " ".join(f"{words[t]}: {listing(names)}." for t, names in by_test.items())


def _shared(ranked: list[Standing]) -> float | None:
    """Return the mean correlation of two methods' scores over three or more shared seeds."""
    found = []
    for one, other in combinations([s.values for s in ranked], 2):
        seeds = sorted(one.keys() & other.keys())
        pair = np.array([[one[seed], other[seed]] for seed in seeds])
        if len(seeds) > 2 and np.ptp(pair, axis=0).all():
            found.append(np.corrcoef(pair.T)[0, 1])
    return float(np.mean(found)) if found else None
