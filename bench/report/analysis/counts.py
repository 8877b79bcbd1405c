"""What a record counts: costs, and the thresholds of its gradients."""

from __future__ import annotations

from typing import Any

from bench.metrics.gradients import Gradients
from bench.records.record import Record


def costs(record: Record) -> dict[str, Any]:
    """Updates, gradients, seconds and memory, and where they were spent, by name.

    ``evaluation_seconds`` is missing where nothing was measured.
    """
    run = record.data["run"]
    measuring = {"evaluation_seconds": record.evaluation_seconds} if record.measurements else {}
    return {**record.cost, **run, **(run.get("versions") or {}), **measuring}


def thresholds(record: Record) -> Gradients:
    """The thresholds under which a record's gradients were counted; those of today without any."""
    for each in record.measurements:
        if each.component["name"] == Gradients.name:
            return Gradients(**each.component["hyperparameters"])
    return Gradients()
