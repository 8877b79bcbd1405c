"""Studies whose records are written by hand, so that every number of a report is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.execution.plan import Planned, plan
from bench.measuring.keys import Keys
from bench.metric import Reason
from bench.records.cell import SCHEMA, Cell
from bench.records.measurements import Measurement
from bench.records.record import Record, pack, with_files
from bench.records.store import Store
from bench.registry import make_dataset
from bench.study import Study, load_study

STUDY = """
description: Two methods, by hand.
methods: [non_saturating, wgan_gp]
seeds: 3
evaluations: 2
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 100
"""

RING = {"modes_1": 8.0, "high_quality": 0.5, "reverse_kl": 0.25, "jsd": 0.125, "data_fd": 0.01}


def studies_in(folder: Path) -> Callable[..., Study]:
    def make(text: str = STUDY, name: str = "by_hand") -> Study:
        file = folder / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        return load_study(str(file))

    return make


def store_in(folder: Path) -> Store:
    made = Store(folder / "results")
    made.cells.mkdir(parents=True, exist_ok=True)
    return made


def trainer(store: Store) -> Callable[..., Planned]:
    """Stores a cell as if it had been trained and measured, and returns it as planned."""
    put = recorder(store)

    def train(cell: Cell, *args: Any, **more: Any) -> Planned:
        put(cell, *args, **more)
        return plan([cell], store)[0]

    return train


def recorder(store: Store) -> Callable[..., None]:
    """Stores a cell as if it had been trained and measured. Many cells are planned at once."""
    # makes and hashes every metric once
    keys = Keys()

    def put(
        cell: Cell,
        evaluations: Mapping[int, Mapping[str, float | None]] | None = None,
        status: str = "ok",
        reason: str = "",
        output: str = "",
        norms: np.ndarray | None = None,
        samples: np.ndarray | None = None,
        protocol: Mapping[str, Any] | None = None,
        floor: Mapping[str, float | None] | None = None,
        not_computed: Mapping[str, str] | None = None,
        pictures: Mapping[str, np.ndarray] | None = None,
        **run: Any,
    ) -> None:
        result: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        if evaluations is not None:
            updates = sorted(evaluations)
            norms = np.ones(cell.updates, np.float32) if norms is None else norms
            if samples is None:
                points = make_dataset(cell.dataset.name, cell.dataset.hyperparameters).sample_shape
                samples = np.zeros((len(updates), 20, *points), np.float16)
            files = {
                "series.npz": pack(
                    {
                        f"{player}_{quantity}": norms
                        for player in ("discriminator", "generator")
                        for quantity in ("norm", "loss")
                    }
                ),
                "samples.npz": pack(
                    {"last samples": samples, "updates": np.array(updates), **(pictures or {})}
                ),
            }
            result = {
                "checkpoints": [{"update": at, "generator_update": at} for at in updates],
                "cost": {
                    "discriminator_updates": len(norms),
                    "generator_updates": len(norms),
                    "gradient_evaluations": 2 * len(norms),
                },
            }
        data = {
            "schema": SCHEMA,
            "key": cell.key,
            "cell": cell.to_json(),
            "ingredients": cell.ingredients(),
            "status": status,
            "reason": reason,
            "output": output,
            "result": result,
            "run": {
                "training_seconds": 3.0,
                "checkpoint_seconds": 0.25,
                "population": 3,
                "peak_memory_mb": 100.0,
                "device": "cpu",
                "device_name": "a processor",
                "versions": {"python": "3.11", "torch": "2.11", "numpy": "2.0"},
                "finished_at": "2026-01-01T00:00:00Z",
                **run,
            },
        }
        store.put(with_files(data, files), files)
        if evaluations is not None:
            found = measured(
                cell,
                evaluations,
                {"modes_20": 8.0, **RING} if floor is None else floor,
                {"evaluation_samples": 2500} | dict(protocol or {}),
                not_computed or {},
                store.records[cell.key],
                keys,
            )
            store.measured(cell.key, found)

    return put


def measured(
    cell: Cell,
    evaluations: Mapping[int, Mapping[str, float | None]],
    floor: Mapping[str, float | None],
    protocol: Mapping[str, Any],
    not_computed: Mapping[str, str],
    record: Record,
    keys: Keys,
) -> list[Measurement]:
    """Measurements that hold these numbers, as if a worker had taken them."""
    dataset = make_dataset(cell.dataset.name, cell.dataset.hyperparameters)
    found = []
    for wanted in keys.wanted(cell, dataset):
        names = set(wanted.names)
        whole = wanted.metric.times == "once"
        taken = wanted.metric.measure(Series(record.series())) if whole else {}
        found.append(
            Measurement(
                wanted.key,
                wanted.metric.called,
                wanted.part,
                wanted.ingredients,
                values={
                    at: {name: value for name, value in numbers.items() if name in names}
                    for at, numbers in evaluations.items()
                    if names & numbers.keys()
                },
                whole={n: None if isinstance(v, Reason) else v for n, v in taken.items()},
                reasons={name: why for name, why in taken.items() if isinstance(why, Reason)}
                | {
                    name: Reason("undefined", why)
                    for name, why in not_computed.items()
                    if name in names
                },
                floor={name: value for name, value in floor.items() if name in names},
                protocol={} if whole else dict(protocol),
                measured={"seconds": 0.5},
            )
        )
    return found


@dataclass
class Series:
    """What a metric of the whole run is shown."""

    series: Mapping[str, np.ndarray]


def ring_modes(*values: float) -> dict[int, dict[str, float | None]]:
    return {50 * i: {"modes_20": value, **RING} for i, value in enumerate(values)}


def by_hand(folder: Path) -> tuple[Study, list[Planned], Store]:
    study, store = studies_in(folder)(), store_in(folder)
    train, by_place = trainer(store), {(c.method.name, c.seed): c for c in study.cells}
    planned = [
        train(by_place["non_saturating", seed], ring_modes(0, 8 if seed == 2 else 5, last))
        for seed, last in {0: 6.0, 1: 7.0, 2: 8.0}.items()
    ]
    planned += [
        train(by_place["wgan_gp", 0], ring_modes(0, 3, 2)),
        train(by_place["wgan_gp", 1], ring_modes(0, 3, 4)),
        train(
            by_place["wgan_gp", 2],
            ring_modes(0, 8),
            status="diverged",
            reason="a weight is not finite after 60 discriminator updates",
            norms=np.ones(60, np.float32),
        ),
    ]
    return study, planned, store
