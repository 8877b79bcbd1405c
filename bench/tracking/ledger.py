"""The records of this results folder that were sent, and where."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.records.fingerprint import digest
from bench.whole import write_whole

if TYPE_CHECKING:
    from bench.records.record import Record

SAVE_SECONDS = 1.0
"""Between two writings of the whole file, which grows with the study."""


def identity(record: Record) -> str:
    """Return a hash that distinguishes records of one cell, such as a crash and a success."""
    # networks may be given up without anything else being another
    made_of = {name: record.data[name] for name in ("key", "status", "run")}
    taken = sorted((m.key, m.measured.get("finished_at")) for m in record.measurements)
    return digest([made_of, taken])


class Ledger:
    """``tracked.json``: ``{tracking URI: {study: {cell key: identity}}}``.

    It saves asking MLflow about every cell. Losing it costs time, never a duplicate.
    """

    def __init__(self, file: Path, uri: str, study: str):
        self._file, self._saved = file, -SAVE_SECONDS
        try:
            self._all = json.loads(file.read_text(encoding="utf-8"))
            self._sent: dict[str, str] = dict(self._all.setdefault(uri, {}).get(study, {}))
        except (OSError, ValueError, TypeError, AttributeError):
            self._all, self._sent = {uri: {}}, {}
        self._all[uri][study] = self._sent

    def holds(self, record: Record) -> bool:
        return self._sent.get(record.key) == identity(record)

    def add(self, key: str, identity: str) -> None:
        self._sent[key] = identity
        if time.monotonic() > self._saved + SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        self._saved = time.monotonic()
        with contextlib.suppress(OSError):
            write_whole(self._file, json.dumps(self._all, indent=1, sort_keys=True))

    def forget(self) -> None:
        self._sent.clear()
