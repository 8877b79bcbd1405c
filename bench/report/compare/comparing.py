"""Holds the cells of two folders against each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.records.cell import Cell
from bench.records.fingerprint import digest
from bench.records.record import Record
from bench.report.analysis.problems import Problem, problems
from bench.report.compare.found import Alone, Comparison, Difference, Pair, Side
from bench.report.compare.judging import judged, measured
from bench.report.compare.matching import Spelling, differing, identity, nearest, spelled_as
from bench.report.statistics import holm


def compare(
    records_a: Sequence[Record],
    records_b: Sequence[Record],
    cells: Iterable[Cell] | None = None,
    names: tuple[str, str] = ("A", "B"),
    notes: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Comparison:
    """Match the cells of two folders and say of each method on each problem what changed.

    Args:
        cells: those of a study, to which the comparison is narrowed; None for all there is.
        names: what the sides are called.
        notes: what could not be read on either side, a line each.

    Raises:
        BenchError: a side has no cell of the study, or the sides have none in common.
    """
    spelling = Spelling()
    wanted = None if cells is None else {identity(spelling(cell)) for cell in cells}
    a = _newest(records_a, spelling, wanted, names[0])
    b = _newest(records_b, spelling, wanted, names[1])
    if not a.by_identity.keys() & b.by_identity.keys():
        raise BenchError(_nothing_common(names, a, b))
    known = b.cells | a.cells
    left_out = Counter(
        (cell.dataset.label or cell.dataset.name, why)
        for cell in known.values()
        if (why := spelling.broken.get(spelled_as(cell.dataset)))
    )
    usable = [c for c in known.values() if spelled_as(c.dataset) not in spelling.broken]
    pairs: list[Pair] = []
    only_a: list[Alone] = []
    only_b: list[Alone] = []
    for problem in problems([Planned(cell, "done") for cell in usable]):
        for members in _by_method(problem):
            ids = {cell.seed: identity(cell) for cell in members}
            in_a = {s: a.by_identity[i] for s, i in ids.items() if i in a.by_identity}
            in_b = {s: b.by_identity[i] for s, i in ids.items() if i in b.by_identity}
            label = members[0].method.label
            if both := {seed: (in_a[seed], in_b[seed]) for seed in sorted(in_a.keys() & in_b)}:
                pairs.append(measured(problem, label, both))
            if rest := {seed: in_a[seed] for seed in sorted(in_a.keys() - in_b)}:
                only_a.append(_alone(problem, label, rest, b, in_a=True))
            if rest := {seed: in_b[seed] for seed in sorted(in_b.keys() - in_a)}:
                only_b.append(_alone(problem, label, rest, a, in_a=False))
    if not pairs:
        raise BenchError(
            "none of the cells that both folders have can be compared here: "
            + "; ".join(sorted({why for _, why in left_out}))
        )
    adjusted = holm([pair.p for pair in pairs])
    pairs = [judged(pair, p) for pair, p in zip(pairs, adjusted, strict=True)]
    remarks = [f"{n} cells on {label} are left out: {why}" for (label, why), n in left_out.items()]
    return Comparison(
        Side(names[0], list(a.by_identity.values()), a.older),
        Side(names[1], list(b.by_identity.values()), b.older),
        pairs,
        only_a,
        only_b,
        _ingredients(pairs),
        _protocols(pairs),
        [*notes[0], *notes[1], *remarks],
    )


@dataclass(frozen=True)
class _Newest:
    """One record for each cell of a side."""

    by_identity: dict[str, Record]
    cells: dict[str, Cell]
    """As the code here spells them."""
    older: int


def _newest(
    records: Sequence[Record], spelling: Spelling, wanted: set[str] | None, name: str
) -> _Newest:
    by_identity: dict[str, Record] = {}
    cells: dict[str, Cell] = {}
    found = 0
    for record in sorted(records, key=lambda r: str(r.data["run"].get("finished_at") or "")):
        cell = spelling(record.cell)
        own = identity(cell)
        if wanted is None or own in wanted:
            found += 1
            by_identity[own], cells[own] = record, cell
    if not found:
        raise BenchError(
            f"'{name}' holds no record of this study"
            + ("; leave --study out to compare everything" if records else "")
        )
    return _Newest(by_identity, cells, found - len(by_identity))


def _by_method(problem: Problem) -> list[list[Cell]]:
    """The cells of each method with its hyperparameters, which differ by their seeds."""
    found: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for planned in problem.planned:
        method = planned.cell.method
        found[method.label, spelled_as(method)].append(planned.cell)
    return [found[key] for key in sorted(found)]


def _alone(
    problem: Problem, label: str, own: Mapping[int, Record], other: _Newest, *, in_a: bool
) -> Alone:
    first = next(iter(own.values()))
    statuses = Counter(record.status for record in own.values())
    changes = nearest(first, other.by_identity.values(), in_a=in_a)
    return Alone(problem.label, label, list(own), dict(statuses), changes)


def _ingredients(pairs: Sequence[Pair]) -> list[Difference]:
    found = (
        (pair, seed, differing(a.data["ingredients"], b.data["ingredients"]))
        for pair in pairs
        for seed, (a, b) in pair.records.items()
    )
    return sorted(_counted(found, told_by_problem=False), key=lambda each: each.name)


def _protocols(pairs: Sequence[Pair]) -> list[Difference]:
    found = (
        (pair, seed, differing(*(r.protocol for r in records)))
        for pair in pairs
        for seed, records in pair.records.items()
        # a cell that crashed, or was not measured, has no protocol
        if all(r.protocol for r in records)
    )
    return _counted(found, told_by_problem=True)


def _counted(
    found: Iterable[tuple[Pair, int, dict[str, tuple[object, object]]]], *, told_by_problem: bool
) -> list[Difference]:
    """Equal differences told once, with the number of cells that show them."""
    counts: dict[str, Difference] = {}
    for pair, seed, changes in found:
        problem = pair.problem if told_by_problem else ""
        for name, (a, b) in changes.items():
            key = digest([problem, name, a, b])
            so_far = counts.get(key) or Difference(name, a, b, problem, 0, 0)
            same = so_far.identical + (seed in pair.identical)
            counts[key] = Difference(name, a, b, problem, so_far.cells + 1, same)
    return list(counts.values())


def _nothing_common(names: tuple[str, str], a: _Newest, b: _Newest) -> str:
    told = (
        f"'{names[0]}' ({len(a.by_identity)} cells) and '{names[1]}' ({len(b.by_identity)} cells) "
        "have no cell in common"
    )
    groups = {record.cell.group: record for record in a.by_identity.values()}
    others = list({record.cell.group: record for record in b.by_identity.values()}.values())
    near = [why for r in groups.values() if (why := nearest(r, others, in_a=True))]
    if near:
        closest = min(near, key=lambda why: (len(why), why))
        return f"{told}; the nearest differ in {', '.join(closest)}: train the same study in both"
    sets = (sorted({cell.dataset.label for cell in side.cells.values()}) for side in (a, b))
    one, other = (", ".join(labels) for labels in sets)
    return f"{told}: datasets {one} against {other}; train the same study in both"
