"""A group-sequential test of many pairs of methods with one family-wise error.

At every look the p values of open pairs are held against O'Brien and Fleming's level of that look
(``boundaries``), for an error of ``error`` / m with m pairs. A pair that is found different passes
its share on to the others, as in Holm's procedure; this is the graphical procedure of Maurer and
Bretz (2013) with equal weights. docs/statistics.md says what is proved and what is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, TypeAlias

from bench.report.statistics.boundaries import nominal
from bench.report.statistics.intervals import Interval, differences
from bench.report.statistics.significance import Comparison, comparison_p, mean_difference

Pair: TypeAlias = tuple[str, str]
Decide: TypeAlias = Literal["best", "baseline"] | float
Scores: TypeAlias = Mapping[int, float]
"""Score by seed; a failed seed is infinitely bad."""


@dataclass(frozen=True)
class Asked:
    """What is to be decided, at which error, after which numbers of seeds."""

    looks: tuple[int, ...]
    error: float = 0.05
    decide: Decide = "best"
    """The best method, every method against the baseline, or a share of all pairs."""
    baseline: str = ""
    besides: int = 0
    """Pairs that share the error and are not compared: of methods that a run leaves out."""
    margin: float | None = None
    """Methods whose difference is surely smaller are equal; None: no pair is called equal."""

    @property
    def fractions(self) -> tuple[float, ...]:
        return tuple(n / self.looks[-1] for n in self.looks)

    def level(self, look: int, open_pairs: int) -> float:
        """Return the nominal level of a pair at a look, from 0, where so many share the error."""
        return nominal(self.error / open_pairs, self.fractions, look)


@dataclass(frozen=True)
class Compared:
    """A pair of methods after one look."""

    p: float | None
    ahead: bool | None
    """Whether the first does better; None where neither does."""
    difference: Callable[[float], Interval | None]
    """First − second with its interval, from a confidence level."""
    bounds: Callable[[float], tuple[float, float] | None]
    """Ends that hold the true difference at a level; None where there are none."""


@dataclass(frozen=True)
class Result:
    """A pair after the last look at which it was compared."""

    first: str
    second: str
    outcome: Literal["ahead", "behind", "equal", "open"] = "open"
    """Of the first method; ``equal``: within the margin."""
    look: int = 0
    """From 1; 0: not compared yet."""
    seeds: int = 0
    p: float | None = None
    level: float | None = None
    """The nominal level that p was held against, and the error of the interval."""
    difference: Interval | None = None

    @property
    def loser(self) -> str:
        return {"ahead": self.second, "behind": self.first}.get(self.outcome, "")


@dataclass(frozen=True)
class Replay:
    """A family of pairs after all looks that the stored seeds allow."""

    results: dict[Pair, Result]
    seeds: dict[str, int]
    """Seeds that each method has, or is to get before the next look."""
    needed: list[Pair]
    """Open pairs on which the answer still depends; none: it is decided."""


def replay(
    methods: Sequence[str],
    asked: Asked,
    ready: Mapping[str, int],
    growing: Collection[str],
    compare: Callable[[str, str, int], Compared],
) -> Replay:
    """Take the looks in their order, from the first seeds of each, and return what is decided.

    Look k compares the first n_k seeds, whatever else is stored, so that a run that is continued
    decides as one that was not interrupted. ``ready`` counts the seeds of a method whose scores are
    known; a look waits for methods that are ``growing`` and passes over pairs of the others.
    """
    results = {pair: Result(*pair) for pair in family(methods, asked)}
    seeds = dict.fromkeys(methods, asked.looks[0])
    for look, n in enumerate(asked.looks):
        needed = still_needed(results, asked)
        active = {method for pair in needed for method in pair}
        lacking = {method for method in active if ready[method] < n}
        seeds |= dict.fromkeys((active - lacking) | (active & {*growing}), n)
        known = [pair for pair in needed if not lacking & {*pair}]
        if lacking & {*growing} or not known:
            break
        found = {pair: compare(*pair, n) for pair in known}
        results |= take_look(results, found, asked, look)
    return Replay(results, seeds, still_needed(results, asked))


def family(methods: Sequence[str], asked: Asked) -> list[Pair]:
    """Return the pairs that share the error."""
    if asked.decide != "baseline":
        return list(combinations(methods, 2))
    others = [method for method in methods if method != asked.baseline]
    return [(method, asked.baseline) for method in others] if len(others) < len(methods) else []


def still_needed(results: Mapping[Pair, Result], asked: Asked) -> list[Pair]:
    """Return the open pairs on which what was asked depends.

    The best method is one that no other beats: pairs of a method that is beaten are not needed.
    """
    still_open = [pair for pair, each in results.items() if each.outcome == "open"]
    if asked.decide == "best":
        beaten = {each.loser for each in results.values()}
        return [pair for pair in still_open if not beaten & {*pair}]
    if asked.decide == "baseline":
        return still_open
    settled = len(results) - len(still_open)
    return still_open if settled < math.ceil(asked.decide * len(results) - 1e-9) else []


def take_look(
    results: Mapping[Pair, Result], found: Mapping[Pair, Compared], asked: Asked, look: int
) -> dict[Pair, Result]:
    """Return the results of the pairs that are compared at a look."""
    n = asked.looks[look]
    # "equal" does not pass its share on: the error of "different" is then that of Holm's procedure
    share = asked.besides + sum(each.outcome in ("open", "equal") for each in results.values())
    told: dict[Pair, Result] = {}
    stopped = False
    for pair, each in sorted(found.items(), key=lambda item: _p(item[1])):
        level = asked.level(look, share)
        differs = not stopped and _p(each) <= level and each.ahead is not None
        stopped = stopped or not differs
        result = Result(*pair, "open", look + 1, n, each.p, level, each.difference(1 - level))
        if differs:
            result = replace(result, outcome="ahead" if each.ahead else "behind")
            share -= 1
        elif asked.margin is not None:
            own = asked.level(look, len(results))
            ends = each.bounds(1 - own)
            if ends is not None and -asked.margin < ends[0] and ends[1] < asked.margin:
                result = replace(
                    result, outcome="equal", level=own, difference=each.difference(1 - own)
                )
        told[pair] = result
    return told


def _p(found: Compared) -> float:
    return 1.0 if found.p is None else found.p


def compare_scores(
    first: Scores,
    second: Scores,
    higher_is_better: bool,
    comparison: Comparison = "welch",
) -> Compared:
    """Compare two methods by the study's test, with the interval that belongs to it."""
    p, name = comparison_p(first, second, comparison)
    one, other = ({s: v for s, v in own.items() if math.isfinite(v)} for own in (first, second))

    def interval(level: float) -> Interval | None:
        return mean_difference(one, other, comparison, level)

    def bounds(level: float) -> tuple[float, float] | None:
        apart = differences(first, second)
        if name == "rank" or len(apart) < 2:  # survivors do not speak for a method
            return None
        if name == "sign":  # least and most hold the median with an error of 2 · ½ⁿ
            return (apart[0], apart[0]) if 2 * 0.5 ** len(apart) <= 1 - level else None
        found = interval(level)
        if found is None or found.low is None or found.high is None:
            return None
        return found.low, found.high

    if name == "rank":
        runs = [(a, b) for a in first.values() for b in second.values()]
        lead = float(sum((a > b) - (a < b) for a, b in runs))
    else:
        middle = interval(0.95)
        lead = 0.0 if middle is None else middle.value
    lead = lead if higher_is_better else -lead
    return Compared(p, lead > 0 if lead else None, interval, bounds)
