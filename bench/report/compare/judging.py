"""What is measured of a pair, and what of it is beyond noise (``rule.py`` tells it to readers)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from bench.metric import Quantity
from bench.records.record import TRANSIENT, Record
from bench.report.analysis.problems import PLAYERS, Problem
from bench.report.compare.found import Pair, Ratio, Verdict
from bench.report.page import numbers
from bench.report.statistics import (
    Comparison,
    Spread,
    comparison_p,
    mean_difference,
    mean_interval,
    spread,
)

ALPHA = 0.05
"""Adjusted p values up to this one are beyond noise."""
COMPARISON: Comparison = "paired"
"""The test of both sides, whatever a study states for its methods: one method at equal seed on two
sides is nearly the same run, and often the very same one measured otherwise."""
FLIPPED = 3
"""Seeds from which on it is beyond noise that all finished on one side and none on the other.

If a seed finishes with the same chance q on both sides, all n flip in one direction or the other
with a probability of 2 (q (1 − q))ⁿ, at most 2 / 4ⁿ: 3 % with three seeds, 13 % with two.
"""

Both = Mapping[int, tuple[Record, Record]]


def measured(problem: Problem, label: str, both: dict[int, tuple[Record, Record]]) -> Pair:
    """The numbers of one method on one problem, not judged yet."""
    metric = problem.primary
    scores_a, scores_b = _scores(both, metric)
    finite = [s for s in scores_a if math.isfinite(scores_a[s]) and math.isfinite(scores_b[s])]
    last_a, last_b = ({seed: side[seed] for seed in finite} for side in (scores_a, scores_b))
    finished = [records for records in both.values() if all(r.status == "ok" for r in records)]
    pair = Pair(
        problem.label,
        label,
        metric,
        both,
        (mean_interval(list(last_a.values())), mean_interval(list(last_b.values()))),
        mean_difference(last_b, last_a, COMPARISON),
        None,
        "",
        {player: (_rates(both, player, 0), _rates(both, player, 1)) for player in PLAYERS},
        _ratio(finished, "training_seconds", math.fsum),
        _ratio(finished, "peak_memory_mb", max),
    )
    if len(pair.identical) == len(both):
        # where no bit differs nothing can be found falsely: it is no test among the others
        return pair
    p, test = comparison_p(scores_b, scores_a, COMPARISON)
    return pair if p is None else replace(pair, p=p, test=test)


def judged(pair: Pair, adjusted: float | None) -> Pair:
    """The pair with its verdict; where something speaks for B and something against it: worse."""
    pair = replace(pair, adjusted=adjusted)
    if len(pair.identical) == len(pair.records):
        known = any(record.evaluations for records in pair.records.values() for record in records)
        return replace(pair, verdict="identical") if known else _untold(pair)
    found, small = list(_by_status(pair)), tuple[str, ...]()
    if adjusted is not None and adjusted <= ALPHA:
        if _shows(pair):
            found.insert(0, (_direction(pair), f"adjusted p {adjusted:.2g}"))
        else:
            small = ("the difference does not show in the metric's digits",)
    if found:
        worse = any(verdict == "worse" for verdict, _ in found)
        told = tuple(why for _, why in found)
        return replace(pair, verdict="worse" if worse else "better", reasons=told)
    blank = [seed for seed, records in pair.records.items() if _blank(records, pair.metric)]
    if pair.p is None and len(blank) == len(pair.records):
        return _untold(pair)
    gaps = (f"no {pair.metric.label} at {numbers.count(len(blank), 'seed')}",) if blank else ()
    single = ("one seed cannot be tested",) if pair.p is None else ()
    return replace(pair, verdict="noise", reasons=(*small, *gaps, *single))


def final(record: Record, metric: Quantity) -> float | None:
    """A finished cell's metric at the last evaluation; None for any other."""
    if record.status != "ok" or not record.evaluations:
        return None
    return record.evaluations[-1].get(metric.name)


def _scores(both: Both, metric: Quantity) -> tuple[dict[int, float], dict[int, float]]:
    """Of both sides by seed; failed seeds are infinitely bad.

    A seed that finished without the metric on either side, such as an FID without weights, is
    left out: it says nothing of the method.
    """
    worst = -math.inf if metric.higher_is_better else math.inf
    found: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for seed, records in both.items():
        values = [final(r, metric) if r.status == "ok" else worst for r in records]
        for side, value in zip(found, values, strict=True):
            if value is not None and None not in values:
                side[seed] = value
    return found


def _blank(records: tuple[Record, Record], metric: Quantity) -> bool:
    return any(r.status == "ok" and final(r, metric) is None for r in records)


def _rates(both: Both, player: str, side: int) -> Spread | None:
    found = [r[side].whole.get(f"{player}_spikes_per_10k") for r in both.values()]
    return spread([rate for rate in found if rate is not None])


def _ratio(
    finished: list[tuple[Record, Record]], name: str, join: Callable[[Iterable[float]], float]
) -> Ratio:
    """B / A of a cost, where it was measured on the same machine and in the same company."""
    if not finished:
        return Ratio(None, "no seed finished on both sides")
    for what, told in (
        ("device_name", "another device"),
        ("engine", "another engine"),
        ("population", "other populations"),
    ):
        if any(a.data["run"].get(what) != b.data["run"].get(what) for a, b in finished):
            return Ratio(None, told)
    ours, theirs = ([r.data["run"].get(name) for r in side] for side in zip(*finished, strict=True))
    if None in ours or None in theirs or not join(ours):
        return Ratio(None, "not recorded")
    return Ratio(join(theirs) / join(ours))


def _untold(pair: Pair) -> Pair:
    """Nothing to compare by: why."""
    records: list[Any] = [record for both in pair.records.values() for record in both]
    why = {w for r in records if (w := r.not_computed.get(pair.metric.name))}
    failed = all(record.status != "ok" for record in records)
    told = "every seed failed on both sides" if failed else f"no {pair.metric.label}"
    return replace(pair, verdict="not compared", reasons=("; ".join([told, *sorted(why)]),))


def _shows(pair: Pair) -> bool:
    """Whether a table would show the difference; where other seeds failed it always does.

    Last digits that all lean one way, as after another order of additions, are no finding.
    """
    if any((a == "ok") != (b == "ok") for a, b in pair.statuses.values()):
        return True
    digits = pair.metric.digits + (2 if pair.metric.percent else 0)
    return pair.difference is not None and round(pair.difference.value, digits) != 0


def _direction(pair: Pair) -> Verdict:
    """Which side wins: by the mean difference, or with failed seeds in more of all pairs of runs.

    The test decides by the same: t by the mean, ranks by the wins.
    """
    sign = 1 if pair.metric.higher_is_better else -1
    if pair.test == "rank":
        a, b = (list(side.values()) for side in _scores(pair.records, pair.metric))
        lead: float = sign * sum((y > x) - (y < x) for x in a for y in b)
    else:
        lead = sign * (pair.difference.value if pair.difference else 0.0)
    return "better" if lead > 0 else "worse"


def _by_status(pair: Pair) -> Iterable[tuple[Verdict, str]]:
    """What a change of statuses says without a test."""
    statuses = list(pair.statuses.values())
    sides: tuple[tuple[Verdict, int, str], ...] = (
        ("worse", 1, "in B alone"),
        ("better", 0, "in A alone"),
    )
    for verdict, side, where in sides:
        # a crash is no chance of training: the code or the machine has changed
        crashed = [
            s[side] for s in statuses if s[side] in TRANSIENT and s[1 - side] not in TRANSIENT
        ]
        if crashed:
            words = " or ".join(sorted({status.replace("_", " ") for status in crashed}))
            yield (
                verdict,
                f"{len(crashed)} of {numbers.count(len(statuses), 'seed')} {words} {where}",
            )
    if len(statuses) >= FLIPPED:
        if all(a == "ok" != b for a, b in statuses):
            yield "worse", f"all {len(statuses)} seeds finished in A, none in B"
        if all(a != "ok" == b for a, b in statuses):
            yield "better", f"all {len(statuses)} seeds finished in B, none in A"
