"""A cell's entry in MLflow: a record in MLflow's terms, without importing MLflow."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.records.measurements import listed
from bench.tracking.pictures import pictures

if TYPE_CHECKING:
    from bench.records.record import Record

POINTS = 100
"""Points of a loss or gradient-norm curve that are sent; the whole series is in the store."""
PARAM_LENGTH, TAG_LENGTH = 6000, 8000
"""MLflow's limits on the characters of a value."""
NAME_LENGTH = 250
"""Characters of a name that databases take."""


@dataclass(frozen=True)
class Entry:
    """The entry of one cell in MLflow."""

    name: str
    params: dict[str, str]
    metrics: list[tuple[str, int, float]]
    """(name, step, value); steps are discriminator updates."""
    tags: dict[str, str]
    status: str
    start: int
    end: int
    """Milliseconds since 1970."""
    pictures: dict[str, bytes]
    """PNGs by file name."""

    def to_json(self) -> dict[str, Any]:
        pictures = {name: base64.b64encode(png).decode() for name, png in self.pictures.items()}
        return {**asdict(self), "pictures": pictures}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Entry:
        pictures = {name: base64.b64decode(png) for name, png in data["pictures"].items()}
        return cls(**{**data, "pictures": pictures})


def describe(record: Record) -> Entry:
    """Return the entry of a record.

    Raises:
        BenchError: a file of the record is damaged.
    """
    cell, run = record.data["cell"], record.data["run"]
    params = {
        **_component("method", cell["method"]),
        **_component("dataset", cell["dataset"]),
        **_component("architecture", cell["architecture"]),
        **cell["training"],
        **{name: cell[name] for name in ("seed", "updates", "evaluations")},
    }
    tags = {
        **{name: params[name] for name in ("method", "dataset", "architecture", "seed")},
        "method_label": cell["method"]["label"],
        "status": record.status,
        "reason": record.reason,
        "not_computed": _not_computed(record),
        "key": record.key,
        "commit": run.get("commit"),
    }
    end = time.time()
    if "finished_at" in run:
        end = datetime.fromisoformat(run["finished_at"]).timestamp()
    return Entry(
        name=short(str(record.cell)),
        params={short(name): _text(value)[:PARAM_LENGTH] for name, value in params.items()},
        metrics=[
            (short(re.sub(r"[^\w.\- /]", "_", name)), step, float(value))
            for name, step, value in _metrics(record)
            if value is not None and np.isfinite(value)
        ],
        tags={name: _text(value)[:TAG_LENGTH] for name, value in tags.items() if value is not None},
        status="FINISHED" if record.status == "ok" else "FAILED",
        start=int(1000 * (end - run.get("job_seconds", 0.0))),
        end=int(1000 * end),
        pictures=pictures(record.samples()),
    )


def short(name: str) -> str:
    """Return a name in one line that databases take; one that is cut ends in a hash of it all."""
    name = " ".join(name.split())
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[: NAME_LENGTH - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _component(kind: str, part: dict[str, Any]) -> dict[str, Any]:
    return {kind: part["name"]} | {f"{kind}.{k}": v for k, v in part["hyperparameters"].items()}


def _metrics(record: Record) -> Iterator[tuple[str, int, float | None]]:
    """Return evaluations by update, the thinned series, and the summary's numbers at step 0."""
    for evaluation in record.evaluations:
        for name in evaluation.keys() - {"update", "generator_update"}:
            yield name, evaluation["update"], evaluation[name]
    series = record.series()
    for player in ("discriminator", "generator"):
        total = series.get("discriminator_loss", np.empty(0)).size
        for quantity, pick in (("loss", np.mean), ("norm", np.max)):
            values = series.get(f"{player}_{quantity}", np.empty(0))
            name = f"training/{player}_{'gradient_' if quantity == 'norm' else ''}{quantity}"
            yield from ((name, step, value) for step, value in thinned(values, total, pick))
    yield from ((f"whole/{name}", 0, value) for name, value in record.whole.items())
    costs = {**record.cost, **record.data["run"]}
    if record.measurements:
        costs["evaluation_seconds"] = record.evaluation_seconds
    for name, value in costs.items():
        yield from _numbers(f"cost/{name}", value)


def thinned(
    values: NDArray[Any], total: int, pick: Callable[[NDArray[Any]], Any]
) -> Iterator[tuple[int, float]]:
    """Return a series in at most ``POINTS`` parts: (step, ``pick`` of the finite values).

    A part's step is its last update, counted in ``total`` discriminator updates, so that the
    curves of methods with many critic steps lie over those of the others.
    """
    bounds = np.linspace(0, values.size, min(POINTS, values.size) + 1).astype(int).tolist()
    for start, stop in pairwise(bounds):
        part = values[start:stop]
        finite = part[np.isfinite(part)]
        if finite.size:
            yield round(stop * total / values.size), float(pick(finite))


def _numbers(name: str, value: Any) -> Iterator[tuple[str, int, float | None]]:
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from _numbers(f"{name}_{inner}", part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, 0, value


def _not_computed(record: Record) -> str | None:
    """Return ``metric, metric: reason; …`` for metrics without a value at the last evaluation."""
    last = record.evaluations[-1] if record.evaluations else {}
    lacking = {n: why.text for n, why in record.not_computed.items() if last.get(n) is None}
    return listed(lacking) or None


def _text(value: Any) -> str:
    """Return text without NULs, which a crashed worker may print and databases may refuse."""
    return (value if isinstance(value, str) else json.dumps(value)).replace("\0", "")
