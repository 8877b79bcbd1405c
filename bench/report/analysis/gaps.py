"""Why metrics have no value."""

from __future__ import annotations

from bench.metric import Reason
from bench.records.record import Record


def reasons(record: Record) -> dict[str, str]:
    """Return why metrics have no value at a record's last evaluation, by their names."""
    if not record.evaluations:
        return {}
    last = record.evaluations[-1]
    # a reason may stem from an earlier evaluation, or from the floor
    missing = {n: why for n, why in record.not_computed.items() if last.get(n) is None}
    return _in_a_line(missing)


def earlier(record: Record) -> dict[str, str]:
    """Return why metrics with a last value have none at an earlier evaluation, by their names:
    networks were not kept or cannot be read, or the metric failed. What is undefined there is not
    listed."""
    *before, last = record.evaluations or [{}]
    missing = {
        name: why
        for name, why in record.not_computed.items()
        if why.kind in ("not_kept", "failed")
        and last.get(name) is not None
        and any(name in each and each[name] is None for each in before)
    }
    return _in_a_line(missing)


def _in_a_line(missing: dict[str, Reason]) -> dict[str, str]:
    return {name: " ".join(why.text.split()) for name, why in missing.items()}
