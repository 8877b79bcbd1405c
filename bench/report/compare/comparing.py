"""Compares the cells of two folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.records.cell import Cell
from bench.records.fingerprint import digest
from bench.records.record import Record
from bench.report.analysis.problems import problems
from bench.report.compare.matching import Side, Spelling, differing, identity, nearest
from bench.report.compare.pairs import Pair, Verdict, adjusted
from bench.report.stored import spelled_as, unknown

FailOn = Literal["worse", "changed", "never"]


@dataclass(frozen=True)
class Unmatched:
    """Cells of one method on one problem that only one side has."""

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
    """Empty for ingredients, which are counted over all problems."""
    cells: int
    identical: int
    """Number of ``cells`` whose results are identical all the same."""


@dataclass(frozen=True)
class Comparison:
    """Everything that changed from A to B."""

    a: Side
    b: Side
    pairs: list[Pair]
    only_a: list[Unmatched]
    only_b: list[Unmatched]
    ingredients: list[Difference]
    protocols: list[Difference]
    notes: list[str]
    """A line for each record that could not be read or compared."""

    def of(self, *verdicts: Verdict) -> list[Pair]:
        return [pair for pair in self.pairs if pair.verdict in verdicts]

    @property
    def tested(self) -> int:
        """Number of pairs that were tested, for which p values are adjusted."""
        return sum(pair.contrast.p is not None for pair in self.pairs)

    def fails(self, fail_on: FailOn) -> bool:
        """Return whether there is what ``--fail-on`` asks to fail on."""
        if fail_on == "never":
            return False
        return bool(self.of("worse") or (fail_on == "changed" and self.of("better")))


def compare(
    records_a: Sequence[Record],
    records_b: Sequence[Record],
    cells: Iterable[Cell] | None = None,
    names: tuple[str, str] = ("A", "B"),
    notes: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Comparison:
    """Match the cells of two folders and judge each method on each problem.

    Args:
        cells: those of a study, to which the comparison is narrowed; None: all.
        names: what the sides are called.
        notes: a line for each record of either side that could not be read.

    Raises:
        BenchError: a side has no cell of the study, or the sides have none in common.
    """
    spelling = Spelling()
    wanted = None if cells is None else {identity(spelling(cell)) for cell in cells}
    a = Side.of(records_a, spelling, wanted, names[0])
    b = Side.of(records_b, spelling, wanted, names[1])
    if not a.records.keys() & b.records.keys():
        raise BenchError(_nothing_common(a, b))
    known = (b.cells | a.cells).values()
    broken = unknown(cell.dataset for cell in known)
    usable = [Planned(cell, "done") for cell in known if spelled_as(cell.dataset) not in broken]
    pairs: list[Pair] = []
    unmatched: tuple[list[Unmatched], list[Unmatched]] = ([], [])
    for problem in problems(usable):
        for label, members in problem.by_method.items():
            ids = dict(sorted((each.cell.seed, identity(each.cell)) for each in members))
            in_a, in_b = ({s: side.records[own] for s, own in ids.items() if own in side.records}
                          for side in (a, b))  # fmt: skip
            if both := {seed: (in_a[seed], in_b[seed]) for seed in in_a if seed in in_b}:
                pairs.append(Pair.of(problem.label, label, problem.primary, both))
            for found, own, other in zip(unmatched, (in_a, in_b), (b, a), strict=True):
                if rest := {seed: each for seed, each in own.items() if seed not in both}:
                    statuses = dict(Counter(each.status for each in rest.values()))
                    first = next(iter(rest.values()))
                    near = nearest(first, other.records.values(), in_a=other is b)
                    found.append(Unmatched(problem.label, label, list(rest), statuses, near))
    if not pairs:
        raise BenchError(
            "none of the cells that both folders have can be compared here: "
            + "; ".join(sorted(set(broken.values())))
        )
    pairs = adjusted(pairs)
    left_out = Counter((cell.dataset.label or cell.dataset.name, broken[key]) for cell in known
                       if (key := spelled_as(cell.dataset)) in broken)  # fmt: skip
    remarks = [f"{n} cells on {label} are left out: {why}" for (label, why), n in left_out.items()]
    ingredients = _differences(pairs, lambda record: record.data["ingredients"], by_problem=False)
    return Comparison(
        a,
        b,
        pairs,
        *unmatched,
        sorted(ingredients, key=lambda each: each.name),
        _differences(pairs, lambda record: record.protocol, by_problem=True),
        [*notes[0], *notes[1], *remarks],
    )


def _differences(
    pairs: Sequence[Pair], of: Callable[[Record], Mapping[str, Any]], *, by_problem: bool
) -> list[Difference]:
    """Return equal differences once, with the number of cells that have them."""
    counts: dict[str, Difference] = {}
    for pair in pairs:
        problem = pair.problem if by_problem else ""
        for seed, records in pair.records.items():
            one, other = map(of, records)
            # a cell that crashed, or was not measured, has no protocol
            for name, (a, b) in differing(one, other).items() if one and other else ():
                key = digest([problem, name, a, b])
                so_far = counts.get(key) or Difference(name, a, b, problem, 0, 0)
                same = so_far.identical + (seed in pair.identical)
                counts[key] = Difference(name, a, b, problem, so_far.cells + 1, same)
    return list(counts.values())


def _nothing_common(a: Side, b: Side) -> str:
    told = (
        f"'{a.name}' ({len(a.records)} cells) and '{b.name}' ({len(b.records)} cells) "
        "have no cell in common"
    )
    # one record stands for those that differ by their seed
    one, other = ({r.cell.group: r for r in side.records.values()}.values() for side in (a, b))
    near = [changes for each in one if (changes := nearest(each, other, in_a=True))]
    if near:
        closest = min(near, key=lambda changes: (len(changes), changes))
        return f"{told}; the nearest differ in {', '.join(closest)}: train the same study in both"
    labels = (sorted({cell.dataset.label for cell in side.cells.values()}) for side in (a, b))
    datasets = " against ".join(map(", ".join, labels))
    return f"{told}: datasets {datasets}; train the same study in both"
