"""What a comparison finds. A stands first everywhere, B after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bench.metric import Quantity
from bench.records.record import Record
from bench.report.statistics import Interval, Spread

Verdict = Literal["worse", "better", "noise", "identical", "not compared"]
"""Of B against A; ``noise``: the results differ, but not beyond noise."""
FailOn = Literal["worse", "changed", "never"]


@dataclass(frozen=True)
class Side:
    """One of the two folders."""

    name: str
    records: list[Record]
    """One a cell: of several that answer for a cell the newest."""
    older: int
    """Records that were passed over, as a newer one answers for the same cell."""


@dataclass(frozen=True)
class Ratio:
    """B / A, or the reason why there is none."""

    value: float | None
    why: str = ""


def outcome(record: Record) -> dict[str, Any]:
    """All that training and measuring found, without what they took: its parts by their names."""
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
    """The primary one, which alone decides."""
    records: dict[int, tuple[Record, Record]]
    """By seed."""
    means: tuple[Interval | None, Interval | None]
    """Of the last evaluation, over the seeds that finished and have a value on both sides."""
    difference: Interval | None
    """B − A over the same seeds."""
    p: float | None
    """Of ``comparison_p``; None where nothing was tested."""
    test: str
    spikes: dict[str, tuple[Spread | None, Spread | None]]
    """Spikes per 10,000 updates by player, over the seeds with such a count."""
    seconds: Ratio
    """Training seconds of the seeds that finished on both sides."""
    memory: Ratio
    """Greatest peak memory of theirs."""
    adjusted: float | None = None
    """p adjusted for the number of pairs that were tested (Holm)."""
    verdict: Verdict = "not compared"
    reasons: tuple[str, ...] = ()
    """What the verdict rests on, or what it leaves open."""

    @property
    def seeds(self) -> list[int]:
        return sorted(self.records)

    @cached_property
    def identical(self) -> list[int]:
        """Seeds with the same status and, bit for bit, the same :func:`outcome`."""
        return [
            seed
            for seed, (a, b) in self.records.items()
            if a.status == b.status and outcome(a) == outcome(b)
        ]

    @cached_property
    def parts(self) -> list[str]:
        """Parts of the outcome that differ at any seed: evaluations, cost, protocol, …"""
        both = [(outcome(a), outcome(b)) for a, b in self.records.values()]
        return [name for name in both[0][0] if any(a[name] != b[name] for a, b in both)]

    @property
    def statuses(self) -> dict[int, tuple[str, str]]:
        """Of every seed, on both sides."""
        return {seed: (a.status, b.status) for seed, (a, b) in sorted(self.records.items())}

    @property
    def changes(self) -> dict[int, tuple[str, str]]:
        """The statuses of seeds that have another one in B."""
        return {seed: (a, b) for seed, (a, b) in self.statuses.items() if a != b}


@dataclass(frozen=True)
class Alone:
    """Cells of one method on one problem that one side alone has."""

    problem: str
    method: str
    seeds: list[int]
    statuses: dict[str, int]
    nearest: tuple[str, ...]
    """How they differ from the other side's nearest cells: ``budget 60 → 100``, A → B."""


@dataclass(frozen=True)
class Difference:
    """An ingredient, or an entry of the protocol, that is not the same on both sides."""

    name: str
    a: Any
    b: Any
    """None on the side that lacks it."""
    problem: str
    """Where it was found; empty for ingredients, which are told for all problems at once."""
    cells: int
    identical: int
    """Those of ``cells`` with identical results all the same."""


@dataclass(frozen=True)
class Comparison:
    """Everything that changed from A to B."""

    a: Side
    b: Side
    pairs: list[Pair]
    only_a: list[Alone]
    only_b: list[Alone]
    ingredients: list[Difference]
    protocols: list[Difference]
    notes: list[str]
    """What could not be read or compared, a line each."""

    def of(self, *verdicts: Verdict) -> list[Pair]:
        return [pair for pair in self.pairs if pair.verdict in verdicts]

    @property
    def tested(self) -> int:
        """Pairs that were tested: p values are adjusted for their number."""
        return sum(pair.p is not None for pair in self.pairs)

    def fails(self, fail_on: FailOn) -> bool:
        """Whether there is what ``--fail-on`` asks to fail on."""
        if fail_on == "never":
            return False
        return bool(self.of("worse") or (fail_on == "changed" and self.of("better")))
