"""Matches cells of two folders, whatever code trained them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench.errors import BenchError
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
from bench.records.record import Record
from bench.registry import label_of, make_architecture, make_dataset, make_method
from bench.report.stored import spelled_as

_MAKERS = {"method": make_method, "dataset": make_dataset, "architecture": make_architecture}


class Spelling:
    """Spells the hyperparameters of cells as the code here does, and leaves out their sources.

    A hyperparameter that was added between two commits is missing in the older records; it had its
    default. Parts that are unknown here stay as recorded.
    """

    def __init__(self) -> None:
        self._known: dict[str, Component] = {}

    def __call__(self, cell: Cell) -> Cell:
        parts: dict[str, Any] = {name: self._part(name, getattr(cell, name)) for name in _MAKERS}
        return replace(cell, sources={}, **parts)

    def _part(self, kind: str, recorded: Component) -> Component:
        key = kind + spelled_as(recorded)
        if key not in self._known:
            try:
                part: Any = _MAKERS[kind](recorded.name, recorded.hyperparameters)
                found = part.name, part.hyperparameters(), label_of(part), recorded.evaluation
                self._known[key] = Component(*found)
            except BenchError:
                self._known[key] = recorded
        return self._known[key]


@dataclass(frozen=True)
class Side:
    """One of the two folders, with the newest record of each cell."""

    name: str
    records: dict[str, Record]
    """By :func:`identity`, as ``cells``."""
    cells: dict[str, Cell]
    """As the code here spells them."""
    older: int
    """Number of records passed over because a newer one has the same cell."""

    @classmethod
    def of(
        cls, records: Sequence[Record], spelling: Spelling, wanted: set[str] | None, name: str
    ) -> Side:
        """Take the records of the ``wanted`` cells; None: of all.

        Raises:
            BenchError: there is none.
        """
        newest: dict[str, Record] = {}
        cells: dict[str, Cell] = {}
        found = 0
        for record in sorted(records, key=lambda r: str(r.data["run"].get("finished_at") or "")):
            cell = spelling(record.cell)
            own = identity(cell)
            if wanted is None or own in wanted:
                found += 1
                newest[own], cells[own] = record, cell
        if not found:
            hint = "; leave --study out to compare everything" if records else ""
            raise BenchError(f"'{name}' holds no record of this study{hint}")
        return cls(name, newest, cells, found - len(newest))


def identity(cell: Cell) -> str:
    """Return a hash that is equal for cells that differ only by the code that trained them."""
    parts = [spelled_as(getattr(cell, name)) for name in _MAKERS]
    numbers = cell.seed, cell.updates, cell.evaluations, cell.iterate
    return digest([parts, asdict(cell.training), numbers])


def nearest(record: Record, others: Iterable[Record], *, in_a: bool) -> tuple[str, ...]:
    """Return how a record differs from the nearest of ``others`` with its method and dataset.

    Differences read from A to B; ``in_a`` says on which side the record is. Empty where no other
    record has its method and dataset.
    """
    alike = [each for each in others if each.coordinates[:2] == record.coordinates[:2]]
    found = [_changes(record, each) if in_a else _changes(each, record) for each in alike]
    return min(found, key=lambda changes: (len(changes), changes), default=())


def _changes(a: Record, b: Record) -> tuple[str, ...]:
    apart = differing(*({**each.data["ingredients"], "iterate": each.iterate} for each in (a, b)))
    return tuple(
        f"{name} {shown(x)} → {shown(y)}"
        for name, (x, y) in apart.items()
        if not name.startswith("source ") and name not in ("schema", "seed")
    ) or ("only the seeds",)


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the entries that are not the same in both; None on the side that lacks one."""
    names = dict.fromkeys((*a, *b))
    apart = {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}
    # records come from JSON, where a tuple has become a list
    return {name: (x, y) for name, (x, y) in apart.items() if digest(x) != digest(y)}


def shown(value: Any) -> str:
    """Return an ingredient, or an entry of a protocol, as text of a table."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(shown, value))
    return "none" if value is None else str(value)
