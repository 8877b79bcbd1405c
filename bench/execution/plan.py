"""Which cells are done, which would train, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.metrics.inception import UNAVAILABLE, find_weights
from bench.records.cell import Cell
from bench.records.fingerprint import digest
from bench.records.store import TRANSIENT, Record, Store

State = Literal["done", "missing", "stale", "failed", "not applicable"]


@dataclass(frozen=True)
class Planned:
    """One cell of a study, and what the store knows of it."""

    cell: Cell
    state: State
    why: str = ""
    record: Record | None = None

    @property
    def to_train(self) -> bool:
        return self.state in ("missing", "stale", "failed")


def plan(
    cells: list[Cell], store: Store, retry: bool = False, require: Sequence[str] = ()
) -> list[Planned]:
    """Hold every cell against the store.

    A cell without a record is ``stale`` where one of the same method, dataset, architecture and
    seed exists: the ingredients that changed are named. With ``retry`` diverged cells are tried
    again, too, and those that lack FID for want of weights that have been found since. Cells that
    lack a metric of ``require`` are to be trained in any case.
    """
    by_key = store.records
    by_place: dict[tuple[str, str, str, int], list[Record]] = defaultdict(list)
    current = {cell.key for cell in cells}
    for record in by_key.values():
        if record.key in current:
            continue  # it answers for another cell of this study
        by_place[record.cell.coordinates()].append(record)
    return [
        _judge(cell, by_key.get(cell.key), by_place[cell.coordinates()], retry, require)
        for cell in cells
    ]


def _judge(
    cell: Cell,
    record: Record | None,
    relatives: list[Record],
    retry: bool,
    require: Sequence[str],
) -> Planned:
    if cell.not_applicable:
        return Planned(cell, "not applicable", cell.not_applicable)
    if record is not None:
        if record.status in TRANSIENT or (retry and record.status != "ok"):
            return Planned(cell, "failed", f"{record.status}: {record.reason}", record)
        for metric in require:
            if record.not_computed.get(metric) == UNAVAILABLE:
                return Planned(
                    cell, "stale", f"it lacks {metric}, which the study requires", record
                )
        blank = [name for name, why in record.not_computed.items() if why == UNAVAILABLE]
        if retry and blank and find_weights() is not None:
            return Planned(cell, "stale", "Inception weights have been found since", record)
        lacking = f", without {', '.join(blank)}: no Inception weights" if blank else ""
        return Planned(cell, "done", record.status + lacking, record)
    if not relatives:
        return Planned(cell, "missing", "never trained")
    wanted = cell.ingredients()
    closest = min((_changed(wanted, r.data["ingredients"]) for r in relatives), key=len)
    return Planned(cell, "stale", "changed: " + ", ".join(closest))


def _changed(wanted: dict[str, Any], had: dict[str, Any]) -> list[str]:
    # had comes from JSON, where a tuple has become a list
    names = sorted(wanted.keys() | had.keys())
    return [name for name in names if digest(wanted.get(name)) != digest(had.get(name))]
