"""State that a worker keeps from job to job, and its reports of progress."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

from bench.datasets.base import Dataset
from bench.records.fingerprint import digest
from bench.records.sources import sources_of_part
from bench.whole import write_whole

HEARTBEAT_SECONDS = 1.0
KEPT_ON_CPU = 4
"""Prepared datasets that a worker keeps on a CPU; on a GPU, whose memory they may take, it is 1."""


class PreparedDatasets:
    """Keeps the last prepared datasets, so that the next job on the same data starts at once."""

    def __init__(self) -> None:
        self._kept: dict[str, Dataset] = {}

    def prepare(self, dataset: Dataset, cache: Path, device: torch.device) -> Dataset:
        """Return ``dataset`` prepared, in a copy of its own that a job may change."""
        known = [
            dataset.name,
            dataset.hyperparameters(),
            dataset.content(),
            str(cache),
            str(device),
        ]
        # a file of the user's may have been changed since the last job
        key = digest([*known, sources_of_part(dataset)])
        kept = self._kept.pop(key, None)
        if kept is None:
            while len(self._kept) >= (KEPT_ON_CPU if device.type == "cpu" else 1):
                # the one that was not asked for for the longest time
                del self._kept[next(iter(self._kept))]
            dataset.prepare(cache, device)
            kept = dataset
        self._kept[key] = kept
        return kept.as_prepared()

    def clear(self) -> None:
        self._kept.clear()


KEPT = PreparedDatasets()


class Heartbeat:
    """Says how far the job is, at most once a second."""

    def __init__(self, folder: Path, total: int):
        self._file, self._total, self._last = folder / "progress.json", total, 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._last >= HEARTBEAT_SECONDS:
            self._last = now
            write_whole(self._file, json.dumps({"fraction": done / self._total}))
