"""Measurements on disk: one file a run, ``measurements.json``, written whole.

A measurement is one metric's numbers of one run, under a key that hashes the run's key and all
that measures it: an edited metric makes its own measurements stale, and trains nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.metric import Iterate, Reason
from bench.records.fingerprint import digest

FILE = "measurements.json"

Numbers = dict[str, float | None]
"""By the name of the quantity; None where there is none."""


def joined(protocols: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return several protocols as one, with each of their ``cautions`` once."""
    whole: dict[str, Any] = {}
    cautions: dict[str, None] = {}
    for each in protocols:
        whole |= each
        cautions |= dict.fromkeys(each.get("cautions", ()))
    return {**whole, "cautions": list(cautions)} if cautions else whole


@dataclass(frozen=True)
class Measurement:
    """One metric of one run."""

    key: str
    metric: str
    """The name by which a study asks for it."""
    component: dict[str, Any]
    """``name`` and ``hyperparameters`` of the metric."""
    ingredients: dict[str, Any]
    values: dict[int, Numbers] = field(default_factory=dict)
    """Numbers by the update of the checkpoint, and by name; None where there is none."""
    whole: Numbers = field(default_factory=dict)
    """Numbers of the whole run, for metrics that are taken once."""
    reasons: dict[str, Reason] = field(default_factory=dict)
    """Why a number is missing, by its name: at the last checkpoint where it is."""
    floor: Numbers = field(default_factory=dict)
    """Scores of real samples."""
    protocol: dict[str, Any] = field(default_factory=dict)
    best: int | None = None
    """The best checkpoint's update by this metric, if it was taken at every one."""
    measured: dict[str, Any] = field(default_factory=dict)
    """Seconds, device, versions and time: recorded, and no part of the key."""

    def lost(self, older: Measurement, kept: Collection[int]) -> bool:
        """Return whether it lacks numbers of ``older`` because networks are not ``kept``."""
        if not any(why.kind in ("not_kept", "failed") for why in self.reasons.values()):
            return False
        return any(
            value is not None and self.values.get(update, {}).get(name) is None
            for update, numbers in older.values.items()
            if update not in kept
            for name, value in numbers.items()
        )

    @property
    def place(self) -> str:
        """Hash of metric, evaluation and iterate; of measurements alike in it the newest counts."""
        return digest([self.component, self.evaluation, self.iterate])

    @property
    def is_of_iterate(self) -> bool:
        """Whether it states its iterate, independently of the one that a study ranks by."""
        return "iterate" in self.component["hyperparameters"]

    @property
    def iterate(self) -> Iterate | None:
        """The iterate of the generator that it measured; None for a series."""
        iterate: Iterate | None = self.ingredients.get("iterate")
        return iterate

    @property
    def evaluation(self) -> dict[str, Any]:
        """The dataset's hyperparameters that only measuring depends on."""
        begins = "evaluation "
        return {
            name.removeprefix(begins): value
            for name, value in self.ingredients.items()
            if name.startswith(begins)
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, which are not copied."""
        reasons = {name: asdict(reason) for name, reason in self.reasons.items()}
        return {**vars(self), "reasons": reasons}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Measurement:
        reasons = {name: Reason(**reason) for name, reason in data["reasons"].items()}
        values = {int(update): numbers for update, numbers in data["values"].items()}
        return cls(**{**data, "reasons": reasons, "values": values})


def listed(missing: Mapping[str, str]) -> str:
    """Return why numbers are missing as one line, ``metric, metric: reason; …``."""
    by_reason: dict[str, list[str]] = {}
    for name, why in missing.items():
        by_reason.setdefault(why, []).append(name)
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())
