"""What a problem's numbers say, in words."""

from __future__ import annotations

from bench.metric import Quantity
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import ABSENT, Standing
from bench.report.page import numbers

MOST_TOLD = 5
"""Methods whose distance to the best one is told in a sentence."""

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
    """All there is to say in one sentence: who is best, who is behind, who failed."""
    return (
        "; ".join(filter(None, [headline(problem, ranked).removesuffix("."), failed(ranked)])) + "."
    )


def headline(problem: Problem, ranked: list[Standing]) -> str:
    """The same without the failures."""
    parts = _leader(problem, ranked)
    lacking = [s.method for s in ranked if s.not_computed(problem.primary)]
    if lacking and ranked[0].rank is not None:
        parts.append(f"{problem.primary.label} was not computed for {numbers.listing(lacking)}")
    for state, one, several in _NOT_TRAINED:
        names = [s.method for s in ranked if s.statuses.get(state)]
        if names:
            parts.append(f"{numbers.listing(names)} {one if len(names) == 1 else several}")
    return "; ".join(parts) + "."


def failed(ranked: list[Standing]) -> str:
    """Who failed on how many seeds; nothing where nobody did."""
    return "; ".join(f"{s.method} {told}" for s in ranked if (told := failures_in_words(s)))


def failures_in_words(standing: Standing) -> str:
    """``diverged on 2 of 5 seeds``, or nothing."""
    told = [
        f"{_PAST.get(status, status)} on {n} of {numbers.count(standing.planned, 'seed')}"
        for status, n in sorted(standing.statuses.items())
        if status not in ("ok", *ABSENT)
    ]
    return numbers.listing(told)


def _leader(problem: Problem, ranked: list[Standing]) -> list[str]:
    metric = problem.primary
    leader, rest = ranked[0], [s for s in ranked[1:] if s.rank is not None]
    found = leader.last[metric.name]
    if found is None and any(s.not_computed(metric) for s in ranked):
        return [f"No method has a rank, as {metric.label} was not computed"]
    if found is None:
        return ["No method has a finished seed with a value to compare"]
    way = "higher" if metric.higher_is_better else "lower"
    by = f"by {metric.label} ({way} is better)"
    reached = _reached(metric, leader)
    shared = [s.method for s in ranked if s.rank == 1]
    if not leader.learnt:
        return [f"No method does better than an untrained generator {by}: {leader.method} "
                f"reached {reached}"]  # fmt: skip
    if not rest:
        return [f"{leader.method} alone has finished seeds; {by} it reached {reached}"]
    if len(shared) == 1 + len(rest):
        names = numbers.listing(shared)
        return [f"There is nothing between {names} {by}: all reached {reached}"]
    if problem.copies:
        return [
            f"{numbers.listing(shared)} {'is' if len(shared) == 1 else 'are'} ahead {by}, with "
            f"{reached}; the seeds of a method are copies of "
            "one another here, so that nothing is said of chance"
        ]
    outcomes = {s.against_best for s in rest}
    if len(shared) > 1:
        best = f"{numbers.listing(shared)} share the best place {by}, with {reached}"
        rest = [s for s in rest if s.rank != 1]
    elif outcomes == {"behind"}:
        best = f"{leader.method} is best {by}, with {reached}"
    elif "behind" in outcomes:
        best = f"{leader.method} leads {by}, with {reached}"
    else:
        best = f"No method is clearly the best {by}: {leader.method} reached {reached}"
    subject = leader.method if len(shared) > 1 else "it"
    return [best, *_others(metric, rest, subject)]


def _reached(metric: Quantity, leader: Standing) -> str:
    """``24.3 (5 seeds)``: the number that ranks it."""
    finished = leader.last[metric.name]
    found = leader.centre if leader.holds else finished
    assert found is not None
    value = numbers.of(metric, found.value)
    if found.n == 1:
        return f"{value} (one seed, so that nothing can be said of chance)"
    if len(set(leader.scores.values())) == 1:
        return f"{value} on all {found.n} seeds"
    told = "" if leader.holds else "mean of the finished "
    return f"{value} ({told}{numbers.count(found.n, 'seed')})"


def _others(metric: Quantity, rest: list[Standing], subject: str) -> list[str]:
    lost = [s.method for s in rest if not s.learnt and s.against_best != "behind"]
    sides: dict[str, list[Standing]] = {"tied": [], "behind": [], "ahead": [], "unsure": []}
    for standing in rest:
        if standing.method not in lost:
            sides[standing.against_best].append(standing)
    parts = []
    if behind := sides["behind"]:
        told = [f"of {s.method} {_gap(metric, s)}" for s in behind]
        if len(told) > MOST_TOLD:
            told = [
                f"of {len(told)} others, the nearest {behind[0].method} {_gap(metric, behind[0])}"
            ]
        parts.append(f"{subject} is ahead {numbers.listing(told)}")
    if tied := sides["tied"]:
        names, near = numbers.listing([s.method for s in tied]), ""
        if (found := tied[0].to_best) and found.test != "rank" and found.better is False:
            near = (
                f", {'the first of them ' if len(tied) > 1 else ''}behind {_gap(metric, tied[0])}"
            )
        parts.append(f"{names} cannot be told apart from it{near}")
    if lost:
        parts.append(f"{numbers.listing(lost)} did no better than an untrained generator")
    if ahead := sides["ahead"]:
        told = [f"{s.method} {_gap(metric, s)}" for s in ahead]
        parts.append(f"by the mean of finished seeds, ahead of it: {numbers.listing(told)}")
    if unsure := sides["unsure"]:
        names = numbers.listing([s.method for s in unsure])
        parts.append(f"too few seeds to compare it with {names}")
    return parts


def _gap(metric: Quantity, standing: Standing) -> str:
    """``by 3.2 on average (95 % interval 1.1 to 5.3)``; after failures, how often one wins."""
    found = standing.to_best
    assert found is not None
    if found.test == "rank" and found.improvement is not None:
        won = max(found.improvement.value, 1 - found.improvement.value)
        return f"in {numbers.share(won)} of all pairs of seeds"
    difference = found.difference
    assert difference is not None
    size = numbers.of(metric, abs(difference.value))
    if difference.low is None or difference.high is None:
        return f"by {size} on every seed"
    # the direction has been told: a positive number is what lies that way
    sign = 1 if difference.value > 0 else -1
    ends = sorted((sign * difference.low, sign * difference.high))
    told = " to ".join(numbers.of(metric, end) for end in ends)
    return f"by {size} on average ({numbers.INTERVAL} {told})"
