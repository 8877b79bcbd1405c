"""Published orders of methods, held against our own runs by a rule fixed beforehand."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Literal

from bench.report.statistics.intervals import Interval, differences, mean_interval
from bench.report.statistics.significance import comparison_p, holm, seeds_to_settle

ALPHA = 0.05

Verdict = Literal[
    "same order",
    "opposite order",
    "not significant",
    "difference only here",
    "difference in neither",
    "not trained far enough",
]
Scores = Mapping[int, float]
"""Score by seed; a failed seed is infinitely bad."""


@dataclass(frozen=True)
class Published:
    """A mean and its standard error, where the source gives one."""

    mean: float
    error: float | None = None


@dataclass(frozen=True)
class Claim:
    """That one method scores better than another."""

    problem: str
    metric: str
    better: str
    worse: str
    higher: bool
    """Whether more is better."""
    values: tuple[Published, Published] | None = None
    """The better's and the worse's; None where only the order is published."""

    @property
    def apart(self) -> bool:
        """Whether the published values are apart: by two standard errors of their difference.

        Without standard errors, or without values, the source's word is taken.
        """
        if self.values is None:
            return True
        first, second = self.values
        if first.error is None or second.error is None:
            return True
        return abs(first.mean - second.mean) > 2 * math.hypot(first.error, second.error)


@dataclass(frozen=True)
class Found:
    """What our runs say of a claim."""

    claim: Claim
    verdict: Verdict
    gain: Interval | None
    """Mean advantage of the claimed better one at equal seeds, in units of the metric."""
    p: float | None
    """Adjusted for all claims judged together."""
    seeds: int
    needed: int | None
    """Seeds that would tell them apart if what was seen were true; None where none is asked."""


def judge(
    claims: list[Claim],
    scores: Mapping[tuple[str, str, str], Scores],
    untrained: Container[tuple[str, str]] = frozenset(),
) -> list[Found]:
    """Each claim, from scores by problem, metric, method; p values adjusted (Holm).

    ``same order``: apart in the published direction with adjusted p < 0.05. ``opposite order``:
    apart in the other one. ``not significant``: published as apart, and ours are not. Where the
    published values are not apart themselves there is no order to reproduce: ``difference in
    neither``, or ``difference only here``. ``not trained far enough``: one of the two is
    among the ``untrained``, by problem and method, whose scores say nothing yet.
    """
    pairs = [
        (scores[c.problem, c.metric, c.better], scores[c.problem, c.metric, c.worse])
        for c in claims
    ]
    ps = holm([comparison_p(better, worse, "paired")[0] for better, worse in pairs])
    return [
        _found(claim, better, worse, p, untrained)
        for claim, (better, worse), p in zip(claims, pairs, ps, strict=True)
    ]


def _found(
    claim: Claim,
    better: Scores,
    worse: Scores,
    p: float | None,
    untrained: Container[tuple[str, str]],
) -> Found:
    sign = 1 if claim.higher else -1
    gains = [sign * value for value in differences(better, worse)]
    finite = all(map(math.isfinite, (*better.values(), *worse.values())))
    ahead = math.fsum(gains) if finite else _wins(sign, better, worse)
    told = p is not None and p < ALPHA and ahead != 0
    needed = seeds_to_settle(gains, ALPHA) if finite and not told else None
    verdict: Verdict
    if any((claim.problem, method) in untrained for method in (claim.better, claim.worse)):
        verdict, needed = "not trained far enough", None
    elif not claim.apart:
        verdict = "difference only here" if told else "difference in neither"
    elif told:
        verdict = "same order" if ahead > 0 else "opposite order"
    else:
        verdict = "not significant"
    return Found(claim, verdict, mean_interval(gains), p, len(gains), needed)


def _wins(sign: int, better: Scores, worse: Scores) -> float:
    """Pairs of runs that the claimed better one wins, less those that it loses."""
    return math.fsum(
        (sign * b > sign * w) - (sign * b < sign * w)
        for b in better.values() for w in worse.values()
    )  # fmt: skip
