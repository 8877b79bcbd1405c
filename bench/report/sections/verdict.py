"""What a problem's numbers say, in words."""

from __future__ import annotations

from bench.datasets.base import Metric
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import ABSENT, Standing
from bench.report.page import numbers

_PAST = {
    "out_of_memory": "ran out of memory",
    "timed_out": "ran out of time",
    "killed": "was killed",
}

_NOT_TRAINED = (
    ("not applicable", "does not apply here", "do not apply here"),
    ("missing", "is not trained on all seeds", "are not trained on all seeds"),
    ("stale", "is outdated on some seeds", "are outdated on some seeds"),
)


def verdict(problem: Problem, ranked: list[Standing]) -> str:
    """One sentence: who is best, who cannot be told apart from it, who is behind, who failed."""
    parts = _leader(problem.primary, ranked)
    lacking = [s.method for s in ranked if s.not_computed(problem.primary)]
    if lacking and ranked[0].rank is not None:
        parts.append(f"{problem.primary.label} was not computed for {numbers.listing(lacking)}")
    parts += [f"{s.method} {told}" for s in ranked if (told := failures_in_words(s))]
    for state, one, several in _NOT_TRAINED:
        names = [s.method for s in ranked if s.statuses.get(state)]
        if names:
            parts.append(f"{numbers.listing(names)} {one if len(names) == 1 else several}")
    return "; ".join(parts) + "."


def failures_in_words(standing: Standing) -> str:
    """``diverged on 2 of 5 seeds``, or nothing."""
    told = [
        f"{_PAST.get(status, status)} on {n} of {numbers.count(standing.planned, 'seed')}"
        for status, n in sorted(standing.statuses.items())
        if status not in ("ok", *ABSENT)
    ]
    return numbers.listing(told)


def _leader(metric: Metric, ranked: list[Standing]) -> list[str]:
    leader, rest = ranked[0], [s for s in ranked[1:] if s.rank is not None]
    found = leader.last[metric.name]
    if found is None and any(s.not_computed(metric) for s in ranked):
        return [f"no method has a rank, as {metric.label} was not computed"]
    if found is None:
        return ["no method has a finished seed with a value to compare"]
    mean = f"a mean of {numbers.of(metric, found.value)}"
    shared = [s.method for s in ranked if s.rank == 1]
    if found.n == 1:
        mean += " (one seed, so that nothing can be said of chance)"
    elif found.low == found.high:
        mean += f", the same on all {found.n} seeds"
    elif len(shared) == 1:
        mean += f" ({numbers.INTERVAL} {numbers.bounds(metric, found)}, {found.n} seeds)"
    way = "higher" if metric.higher_is_better else "lower"
    by = f"by {metric.label} ({way} is better)"
    if not rest:
        return [f"{leader.method} alone has finished seeds; {by} it has {mean}"]
    if len(shared) == 1 + len(rest):
        return [f"{by} there is nothing between {numbers.listing(shared)}: all have {mean}"]
    if len(shared) > 1:
        best = f"{numbers.listing(shared)} share the best place {by}, with {mean}"
        rest = [s for s in rest if s.rank != 1]
    else:
        best = f"{leader.method} is best {by}, with {mean}"
    return [best, *_others(metric, leader, rest)]


def _others(metric: Metric, leader: Standing, rest: list[Standing]) -> list[str]:
    sides: dict[str, list[Standing]] = {"tied": [], "behind": [], "ahead": [], "unsure": []}
    for standing in rest:
        sides[standing.against_best(metric)].append(standing)
    parts = []
    if tied := sides["tied"]:
        names = numbers.listing([s.method for s in tied])
        parts.append(f"{names} cannot be told apart from {leader.method}")
    if behind := sides["behind"]:
        told = [f"{s.method} by {_gap(metric, s)}" for s in behind]
        parts.append(f"behind it are {numbers.listing(told)}" if len(told) > 1
                     else f"behind it is {told[0]}")  # fmt: skip
    if ahead := sides["ahead"]:
        told = [f"{s.method} by {_gap(metric, s)}" for s in ahead]
        parts.append(f"at the seeds both finished, ahead of it: {numbers.listing(told)}")
    if unsure := sides["unsure"]:
        names = numbers.listing([s.method for s in unsure])
        parts.append(f"too few common seeds to compare it with {names}")
    return parts


def _gap(metric: Metric, standing: Standing) -> str:
    difference = standing.difference
    assert difference is not None
    if difference.low == difference.high:
        return f"{numbers.of(metric, abs(difference.value))} on every seed"
    # the direction has been told, so that the size is all that is left to say
    ends = sorted(abs(end) for end in (difference.low, difference.high) if end is not None)
    told = " to ".join(numbers.of(metric, end) for end in ends)
    return f"{numbers.of(metric, abs(difference.value))} ({told})"
