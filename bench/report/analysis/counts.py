"""What a record cost."""

from __future__ import annotations

from typing import Any

from bench.records.record import Record


def costs(record: Record) -> dict[str, Any]:
    """Return updates, gradients, seconds and memory, and where they were spent, by name.

    ``evaluation_seconds`` is missing where nothing was measured.
    """
    run = record.data["run"]
    measuring = {"evaluation_seconds": record.evaluation_seconds} if record.measurements else {}
    return {**record.cost, **run, **(run.get("versions") or {}), **measuring}
