"""Which cells are the same thing in two folders, whatever code trained them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from bench.errors import BenchError
from bench.records.cell import Cell, Component
from bench.records.fingerprint import digest
from bench.records.record import Record
from bench.registry import label_of, make_architecture, make_dataset, make_method


class Spelling:
    """Cells with their hyperparameters as the code here spells them, and without its sources.

    A hyperparameter that was added between two commits is missing in the older records; it had its
    default. What the code here does not know stays as it was recorded.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Component] = {}
        self.broken: dict[str, str] = {}
        """Why a dataset cannot be used here, by its :func:`spelled_as`."""

    def __call__(self, cell: Cell) -> Cell:
        return replace(
            cell,
            method=self._component(make_method, cell.method),
            dataset=self._component(make_dataset, cell.dataset),
            architecture=self._component(make_architecture, cell.architecture),
            sources={},
        )

    def _component(self, make: Any, recorded: Component) -> Component:
        key = (make.__name__, spelled_as(recorded))
        if key not in self._known:
            try:
                part = make(recorded.name, recorded.hyperparameters)
                self._known[key] = Component(
                    part.name, part.hyperparameters(), label_of(part), recorded.evaluation
                )
            except BenchError as error:
                self._known[key] = recorded
                if make is make_dataset:
                    self.broken[key[1]] = str(error)
        return self._known[key]


def spelled_as(component: Component) -> str:
    """A hash of name and hyperparameters; the label follows from them."""
    return digest([component.name, component.hyperparameters])


def identity(cell: Cell) -> str:
    """Equal for cells that are the same but for the code that trained them."""
    parts = {n: spelled_as(getattr(cell, n)) for n in ("method", "dataset", "architecture")}
    numbers = cell.seed, cell.updates, cell.evaluations, cell.iterate
    return digest([parts, asdict(cell.training), numbers])


def nearest(record: Record, others: Iterable[Record], *, in_a: bool) -> tuple[str, ...]:
    """What tells a record from the nearest of ``others`` with its method and dataset.

    ``in_a`` says on which side the record is: differences read from A to B. Another seed is told
    only where nothing else differs. Empty where no other has its method and dataset.
    """
    place = record.cell.coordinates()[:2]
    best: tuple[str, ...] = ()
    for other in others:
        if other.cell.coordinates()[:2] != place:
            continue
        one, two = (record, other) if in_a else (other, record)
        changes = differing(
            *({**each.data["ingredients"], "iterate": each.iterate} for each in (one, two))
        )
        told = tuple(
            f"{name} {shown(a)} → {shown(b)}"
            for name, (a, b) in changes.items()
            if not name.startswith("source ") and name not in ("schema", "seed")
        ) or ("the seeds alone",)
        if not best or (len(told), told) < (len(best), best):
            best = told
    return best


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Entries that are not the same in both; what one lacks is None there."""
    names = dict.fromkeys((*a, *b))
    apart = {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}
    # records come from JSON, where a tuple has become a list
    return {name: (x, y) for name, (x, y) in apart.items() if digest(x) != digest(y)}


def shown(value: Any) -> str:
    """A value of an ingredient or a protocol in a table."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(shown, value))
    return str(value)
