"""The findings in words: one sentence over all datasets, and one per dataset."""

from __future__ import annotations

from bench.metric import Quantity
from bench.report.analysis.contrast import Contrast
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import ABSENT, Standing
from bench.report.page import numbers
from bench.words import count as counted
from bench.words import listing

MOST_NAMED = 3
"""Methods that a sentence names; of more, it gives their number."""

_PAST = {
    "out_of_memory": "ran out of memory",
    "timed_out": "ran out of time",
    "killed": "was killed",
}

_NOT_TRAINED = {
    "not applicable": "not applicable",
    "missing": "not trained on all seeds",
    "stale": "outdated on some seeds",
}


def finding(found: Findings) -> str:
    """Return the sentence over all datasets: who wins, or that nobody does."""
    judged = [(p, ranked) for p, ranked in found.fixed if is_judged(p, ranked)]
    if not judged:
        return "" if found.varied else "No method can be compared with another yet."
    tops = [leaders(ranked) for _, ranked in judged]
    count = counted(len(judged), "dataset")
    if len(judged) < len(found.fixed):
        where = listing([problem.label for problem, _ in judged])
    else:
        where = {1: judged[0][0].label, 2: "both datasets"}.get(len(judged), f"all {count}")
    compared = {s.method for _, ranked in judged for s in ranked if s.rank is not None}
    always = [m for m in tops[0] if all(m in top for top in tops)]
    won = [p.label for p, ranked in judged if _wins(ranked) and ranked[0].method in always]
    if len(won) == len(judged):
        parts = [f"{always[0]} is the best of {len(compared)} methods on {where}"]
    elif len(always) == 1 and len(judged) > 1:
        but = f", and ahead of all others on {listing(won)}" if won else ""
        parts = [
            f"No method wins on every dataset; only {always[0]} is among the best on {where}{but}"
        ]
    else:
        whole = len(judged) > 1 and len(judged) == len(found.fixed)
        on = count if whole else where
        parts = [f"No clear winner among {len(compared)} methods on {on}"]
        if always and len(always) < len(compared):
            verb = "is" if len(always) == 1 else "are"
            parts.append(f"{_named(always)} {verb} among the best on {where}")
    if parts[0].startswith("No") and (told := _worst(judged, len(found.fixed))):
        parts.append(told)
    return f"{'; '.join(parts)}."


def headline(problem: Problem, ranked: list[Standing]) -> str:
    """Return the sentence on one dataset, in about 25 words."""
    parts = [_leader(problem, ranked)]
    open_ones = {
        "no value": [s.method for s in ranked if s.not_computed(problem.primary)],
        **{
            words: [s.method for s in ranked if s.statuses.get(state)]
            for state, words in _NOT_TRAINED.items()
        },
    }
    if ranked[0].rank is None:
        del open_ones["no value"]
    told = listing([f"{_named(names)} ({why})" for why, names in open_ones.items() if names])
    if told:
        parts.append(told if parts[0].startswith("Not judged") else f"not judged: {told}")
    return f"{'; '.join(parts)}."


def failed(ranked: list[Standing]) -> str:
    """Return who failed on how many seeds; nothing where nobody did."""
    return "; ".join(f"{s.method} {told}" for s in ranked if (told := failures_in_words(s)))


def failures_in_words(standing: Standing) -> str:
    """Return ``diverged on 2 of 5 seeds``, or nothing."""
    told = [
        f"{_PAST.get(status, status)} on {n} of {counted(standing.planned, 'seed')}"
        for status, n in sorted(standing.statuses.items())
        if status not in ("ok", *ABSENT)
    ]
    return listing(told)


def is_judged(problem: Problem, ranked: list[Standing]) -> bool:
    """Return whether a test compared two methods or more, and one of them learnt anything."""
    tested = any(s.to_best is not None and s.to_best.p is not None for s in ranked)
    return tested and ranked[0].learnt and not problem.copies


def leaders(ranked: list[Standing]) -> list[str]:
    """Return the best method and those that no test distinguishes from it."""
    return [s.method for s in ranked if s.against_best in ("best", "tied")]


def _wins(ranked: list[Standing]) -> bool:
    """Return whether every other method with a rank is significantly worse than the first."""
    return all(s.against_best == "behind" for s in ranked[1:] if s.rank is not None)


def _worst(judged: list[tuple[Problem, list[Standing]]], datasets: int) -> str:
    """Return who is significantly worse than the best, on most of the datasets."""
    behind: dict[str, list[str]] = {}
    for problem, ranked in judged:
        for s in ranked:
            if s.against_best == "behind":
                behind.setdefault(s.method, []).append(problem.label)
    most = max(map(len, behind.values()), default=0)
    names = [method for method, labels in behind.items() if len(labels) == most]
    if not names or len(names) > MOST_NAMED or 2 * most < len(judged):
        return ""
    where = behind[names[0]] if all(behind[m] == behind[names[0]] for m in names) else []
    on = listing(where) if where else f"{most} of {len(judged)} datasets"
    on = "every dataset" if most == datasets > 1 else on
    verb = "is" if len(names) == 1 else "are"
    return f"{listing(names)} {verb} significantly worse than the best on {on}"


def _leader(problem: Problem, ranked: list[Standing]) -> str:
    metric, leader = problem.primary, ranked[0]
    rest = [s for s in ranked[1:] if s.rank is not None]
    if leader.last[metric.name] is None:
        if any(s.not_computed(metric) for s in ranked):
            return f"Not judged: {metric.label} was not computed"
        return "Not judged: no method has a finished seed with a value"
    reached = _reached(metric, leader)
    if not leader.learnt:
        return f"No method beats an untrained generator; best: {leader.method}, {reached}"
    if not rest:
        return f"Not judged: only {leader.method} has finished seeds with a value: {reached}"
    shared = [s.method for s in ranked if s.rank == 1]
    if len(shared) == 1 + len(rest):
        both = "both" if len(shared) == 2 else "all"
        return f"No difference: {_named(shared)} {both} reach {reached}"
    if problem.copies:
        return (
            f"{_named(shared)} {'is' if len(shared) == 1 else 'are'} ahead with {reached}; seeds "
            "are copies here, so no test applies"
        )
    return _compared(metric, ranked, rest)


def _compared(metric: Quantity, ranked: list[Standing], rest: list[Standing]) -> str:
    leader, top = ranked[0], leaders(ranked)
    behind = [s for s in rest if s.against_best == "behind"]
    rest = [s for s in rest if s.against_best != "behind"]
    others = {
        "too few seeds": [s.method for s in rest if s.against_best == "unsure" and s.learnt],
        "no better than an untrained generator": [s.method for s in rest if not s.learnt],
        "ahead by the mean of finished seeds": [
            s.method for s in rest if s.against_best == "ahead"
        ],
    }
    beside = "".join(f"; {_named(names)}: {why}" for why, names in others.items() if names)
    reached = _reached(metric, leader)
    if len(top) == 1 and not behind:
        told = f"No winner: {leader.method} has the best value, {reached}"
    elif len(top) == 1:
        near = behind[0]
        place = "the next best" if near is ranked[1] else "the best of those significantly worse"
        return (
            f"{leader.method} leads with {reached}, {_gap(metric, near.to_best)} {near.method}, "
            f"{place}{beside}"
        )
    elif not behind:
        told = (
            f"No significant difference between {_named(top)}; best value: {leader.method}, "
            f"{reached}"
        )
    else:
        told = (
            f"No single winner: {_named(top)} are not distinguishable; {leader.method} is "
            f"{_gap(metric, behind[0].to_best)} {behind[0].method}, the next"
        )
    return told + beside


def _named(methods: list[str]) -> str:
    if len(methods) > MOST_NAMED:
        return f"{len(methods)} methods"
    return listing(methods)


def _reached(metric: Quantity, leader: Standing) -> str:
    """Return the number that ranks it, as ``24.3``; one seed, or failures, are stated."""
    finished = leader.last[metric.name]
    value = leader.centre if leader.holds else finished
    assert value is not None
    told = numbers.of(metric, value.value)
    if not leader.holds:
        return f"{told} (mean of finished seeds)"
    return f"{told} (one seed)" if value.n == 1 else told


def _gap(metric: Quantity, found: Contrast | None) -> str:
    """Return ``on average 1.80 (0.74 to 2.86) ahead of``; after failures, how often one wins."""
    assert found is not None
    if found.test == "rank" and found.improvement is not None:
        won = max(found.improvement.value, 1 - found.improvement.value)
        return f"better in {numbers.share(won)} of all pairs of seeds than"
    difference = found.difference
    assert difference is not None
    size = numbers.of(metric, abs(difference.value))
    if difference.low is None or difference.high is None:
        return f"on average {size} ahead of"
    # a positive number is the leader's advantage, whichever direction is better
    sign = 1 if difference.value > 0 else -1
    ends = sorted((sign * difference.low, sign * difference.high))
    between = " to ".join(numbers.of(metric, end) for end in ends)
    return f"on average {size} ({between}) ahead of"
