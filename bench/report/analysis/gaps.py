"""Why metrics have no value."""

from __future__ import annotations

from bench.records.record import Record


def reasons(record: Record) -> dict[str, str]:
    """Why metrics have no value at a record's last evaluation, by their names."""
    if not record.evaluations:
        return {}
    last = record.evaluations[-1]
    # a reason may stem from an earlier evaluation, or from the floor
    missing = {n: why for n, why in record.not_computed.items() if last.get(n) is None}
    return {name: " ".join(why.text.split()) for name, why in missing.items()}
