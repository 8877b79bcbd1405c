"""One method on one problem in both folders: the contrast of B with A, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

from bench.execution.plan import Planned
from bench.metric import Quantity
from bench.metrics.gradients import PLAYERS
from bench.records.record import TRANSIENT, Record
from bench.report.analysis.contrast import Contrast, contrast
from bench.report.analysis.ranking import score
from bench.report.statistics import Interval, Spread, holm, mean_interval, spread
from bench.words import count

Verdict = Literal["worse", "better", "noise", "identical", "not compared"]
"""Of B against A; ``noise``: the results differ, but not beyond noise."""
LEVEL = 0.05
"""Adjusted p values up to this one are beyond noise."""
FLIPPED = 3
"""Seeds from which on it is beyond noise that all finished on one side and none on the other.

If a seed finishes with the same chance q on both sides, all n flip in one direction or the other
with a probability of 2 (q (1 − q))ⁿ, at most 2 / 4ⁿ: 3 % with three seeds, 13 % with two.
"""
_COMPANY = {
    "device_name": "another device", "engine": "another engine", "population": "other populations",
}  # fmt: skip
"""Entries of a run without which costs do not compare, and the reason given then."""


class Ratio(NamedTuple):
    """B / A, or the reason why there is none."""

    value: float | None
    why: str = ""


def outcomes(a: Record, b: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both results of training and measuring, without time and memory, by name.

    Metrics that only one side was measured by are left out.
    """
    common = measured_by(a) & measured_by(b)
    if common:
        a, b = (
            r.asked([m.key for m in r.measurements if m.metric in common], r.absent, r.ranked)
            for r in (a, b)
        )
    return _outcome(a), _outcome(b)


def measured_by(record: Record) -> set[str]:
    """Return the metrics that a record was measured by."""
    return {each.metric for each in record.measurements}


def _outcome(record: Record) -> dict[str, Any]:
    return {
        "evaluations": record.evaluations,
        "whole-run": record.whole,
        "cost": record.cost,
        "floor": record.floor,
        "protocol": record.protocol,
    }


@dataclass(frozen=True)
class Pair:
    """One method on one problem, at the seeds that both sides have."""

    problem: str
    method: str
    metric: Quantity
    """The primary one: the verdict depends on no other."""
    records: dict[int, tuple[Record, Record]]
    """A's and B's by seed."""
    contrast: Contrast
    """B against A by the paired test, whatever test a study states: a method at equal seed is
    nearly the same run on both sides. Not tested where all seeds are identical."""

    @classmethod
    def of(
        cls, problem: str, method: str, metric: Quantity, records: dict[int, tuple[Record, Record]]
    ) -> Pair:
        a, b = _scores(records, metric)
        found = contrast(b, a, "A", metric.higher_is_better, LEVEL, "paired")
        pair = cls(problem, method, metric, records, found)
        # where no bit differs nothing can be found falsely: it is no test among the others
        same = len(pair.identical) == len(records)
        return replace(pair, contrast=found.without_chance()) if same else pair

    @property
    def means(self) -> tuple[Interval | None, Interval | None]:
        """A's and B's at the last evaluation, over the seeds that finished on both sides."""
        a, b = _scores(self.records, self.metric)
        finite = [seed for seed in a if math.isfinite(a[seed]) and math.isfinite(b[seed])]
        return mean_interval([a[s] for s in finite]), mean_interval([b[s] for s in finite])

    @property
    def statuses(self) -> dict[int, tuple[str, str]]:
        """A's and B's by seed."""
        return {seed: (a.status, b.status) for seed, (a, b) in self.records.items()}

    @property
    def changes(self) -> dict[int, tuple[str, str]]:
        """The statuses of seeds that have another one in B."""
        return {seed: (a, b) for seed, (a, b) in self.statuses.items() if a != b}

    @cached_property
    def _outcomes(self) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
        return {seed: outcomes(*both) for seed, both in self.records.items()}

    @cached_property
    def identical(self) -> list[int]:
        """Seeds with the same status and, bit for bit, the same of :func:`outcomes`."""
        same = {seed: one == other for seed, (one, other) in self._outcomes.items()}
        return [seed for seed, (a, b) in self.statuses.items() if a == b and same[seed]]

    @cached_property
    def parts(self) -> list[str]:
        """Parts of the outcome that differ at any seed: evaluations, cost, protocol, …"""
        both = list(self._outcomes.values())
        return [name for name in both[0][0] if any(a[name] != b[name] for a, b in both)]

    @cached_property
    def spikes(self) -> dict[str, tuple[Spread | None, Spread | None]]:
        """Spikes per 10,000 updates by player, over the seeds with such a count."""

        def rates(player: str, records: Iterable[Record]) -> Spread | None:
            found = [record.whole.get(f"{player}_spikes_per_10k") for record in records]
            return spread([rate for rate in found if rate is not None])

        a, b = zip(*self.records.values(), strict=True)
        return {player: (rates(player, a), rates(player, b)) for player in PLAYERS}

    @property
    def seconds(self) -> Ratio:
        """Training seconds of the seeds that finished on both sides."""
        return self._ratio("training_seconds", math.fsum)

    @property
    def memory(self) -> Ratio:
        """Greatest peak memory of these seeds."""
        return self._ratio("peak_memory_mb", max)

    def _ratio(self, name: str, join: Callable[[Iterable[float]], float]) -> Ratio:
        both = self.records.values()
        runs = [(a.data["run"], b.data["run"]) for a, b in both if a.status == b.status == "ok"]
        if not runs:
            return Ratio(None, "no seed finished on both sides")
        for entry, why in _COMPANY.items():
            if any(a.get(entry) != b.get(entry) for a, b in runs):
                return Ratio(None, why)
        a, b = ([run.get(name) for run in side] for side in zip(*runs, strict=True))
        if None in a or None in b or not join(a):
            return Ratio(None, "not recorded")
        return Ratio(join(b) / join(a))

    @property
    def verdict(self) -> Verdict:
        return self._judged[0]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the verdict rests on, or what it leaves open."""
        return self._judged[1]

    @cached_property
    def _judged(self) -> tuple[Verdict, tuple[str, ...]]:
        """Judge B; if something speaks for it and something against it, it is worse."""
        records = [record for both in self.records.values() for record in both]
        same = len(self.identical) == len(self.records)
        if same and any(record.evaluations for record in records):
            return "identical", ()
        found, open_ = list(self._by_status()), []
        if self.contrast.outcome in ("ahead", "behind"):
            if self._shows:
                verdict: Verdict = "better" if self.contrast.better else "worse"
                found.insert(0, (verdict, f"adjusted p {self.contrast.adjusted:.2g}"))
            else:
                open_.append("the difference does not show in the metric's digits")
        if found:
            worse = any(verdict == "worse" for verdict, _ in found)
            return "worse" if worse else "better", tuple(why for _, why in found)
        without = [
            any(r.status == "ok" and _score(r, self.metric) is None for r in both)
            for both in self.records.values()
        ]
        if same or (self.contrast.p is None and all(without)):
            failed = all(record.status != "ok" for record in records)
            told = "every seed failed on both sides" if failed else f"no {self.metric.label}"
            why = {str(w) for r in records if (w := r.not_computed.get(self.metric.name))}
            return "not compared", ("; ".join([told, *sorted(why)]),)
        if any(without):
            open_.append(f"no {self.metric.label} at {count(sum(without), 'seed')}")
        if self.contrast.p is None:
            open_.append("one seed cannot be tested")
        return "noise", tuple(open_)

    @property
    def _shows(self) -> bool:
        """Whether a table would show the difference; where other seeds failed it always does.

        Last digits that all lean to one side, as after another order of additions, are no finding.
        """
        if any((a == "ok") != (b == "ok") for a, b in self.statuses.values()):
            return True
        difference = self.contrast.difference
        return difference is not None and self.metric.shown(difference.value) != 0

    def _by_status(self) -> Iterator[tuple[Verdict, str]]:
        """Yield what a change of statuses shows without a test."""
        statuses = list(self.statuses.values())
        sides: tuple[tuple[Verdict, int], ...] = (("worse", 1), ("better", 0))
        for verdict, side in sides:
            own, other = "AB"[side], "AB"[1 - side]
            # a crash is no chance of training: the code or the machine has changed
            crashed = [
                s[side] for s in statuses if s[side] in TRANSIENT and s[1 - side] not in TRANSIENT
            ]
            if crashed:
                words = " or ".join(sorted({status.replace("_", " ") for status in crashed}))
                of_all = f"{len(crashed)} of {count(len(statuses), 'seed')}"
                yield verdict, f"{of_all} {words} only in {own}"
            if len(statuses) >= FLIPPED and all(s[1 - side] == "ok" != s[side] for s in statuses):
                yield verdict, f"all {len(statuses)} seeds finished in {other}, none in {own}"


def adjusted(pairs: list[Pair]) -> list[Pair]:
    """Return the pairs with p adjusted for the number of them that were tested (Holm)."""
    return [
        replace(pair, contrast=replace(pair.contrast, adjusted=p))
        for pair, p in zip(pairs, holm([pair.contrast.p for pair in pairs]), strict=True)
    ]


def _score(record: Record, metric: Quantity) -> float | None:
    return score(Planned(record.cell, "done", "", record), metric)


def _scores(
    records: dict[int, tuple[Record, Record]], metric: Quantity
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the scores of both sides by seed; failed seeds are infinitely bad.

    A seed that finished without the metric on either side, such as an FID without weights, is
    left out.
    """
    a, b = ({s: _score(both[side], metric) for s, both in records.items()} for side in (0, 1))
    known = [(s, x, y) for s, x in a.items() if x is not None and (y := b[s]) is not None]
    return {s: x for s, x, _ in known}, {s: y for s, _, y in known}
