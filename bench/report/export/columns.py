"""The columns of the export, what each means, and what kinds of rows there are."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from bench.metrics.gradients import meanings
from bench.report.analysis.columns import COST_COLUMNS, RUN_COLUMNS
from bench.report.analysis.training import TRAINING_COLUMNS

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Words that many rows share: pandas reads them as categories."""

BY_KIND = {"boolean": pa.bool_(), "integer": pa.int32(), "number": pa.float64(), "string": TEXT}
"""Types by the kinds of training columns."""

ORIGIN = ("device", "device_name", "engine", "python", "torch", "numpy", "commit", "finished_at")
"""What a record says of where it comes from."""


@dataclass(frozen=True)
class Column:
    """One column; ``meaning`` is what the data dictionary says of it."""

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""


def _as_in_runs(name: str, type: pa.DataType, unit: str = "") -> Column:
    return Column(name, type, RUN_COLUMNS[name], unit)


CELL_COLUMNS = (
    _as_in_runs("key", TEXT),
    _as_in_runs("problem", TEXT),
    _as_in_runs("method", TEXT),
    _as_in_runs("method_label", TEXT),
    _as_in_runs("method_hyperparameters", TEXT),
    _as_in_runs("dataset", TEXT),
    _as_in_runs("dataset_hyperparameters", TEXT),
    _as_in_runs("architecture", TEXT),
    _as_in_runs("architecture_hyperparameters", TEXT),
    *(_as_in_runs(c.name, BY_KIND[c.kind], c.unit) for c in TRAINING_COLUMNS),
    _as_in_runs("seed", pa.int64()),
    _as_in_runs("budget", pa.int64(), "discriminator updates"),
    _as_in_runs("evaluations", pa.int32()),
    _as_in_runs("state", TEXT),
    _as_in_runs("status", TEXT),
    _as_in_runs("reason", TEXT),
    Column(
        "protocol",
        TEXT,
        "how the cell was measured, as JSON: sample counts, reference, extractor; null where "
        "nothing was",
    ),
    *(_as_in_runs(name, TEXT) for name in ORIGIN),
)
"""What a row says of its cell: the same in all rows of the cell."""

ROW_COLUMNS = (
    Column("kind", TEXT, "what kind of number this row holds; see Kinds"),
    Column("player", TEXT, "discriminator or generator; null where the number is of neither"),
    Column("quantity", TEXT, "name of the number; see Quantities"),
    Column(
        "update",
        pa.int64(),
        "when: evaluations, discriminator updates made by then; losses and norms, the player's "
        "own update, from 1 on; null for numbers of the whole cell",
        "updates",
    ),
    Column(
        "generator_update",
        pa.int64(),
        "evaluations: generator updates made by then; null elsewhere",
        "updates",
    ),
    Column(
        "value",
        pa.float64(),
        "the number, in the unit of its quantity; null where it is not defined or was not "
        "computed, and then `note` says why where that is known. Losses and norms were kept in "
        "single precision",
    ),
    Column(
        "flag",
        TEXT,
        "norms and losses: spike, vanishing or non_finite, by the "
        "definition of docs/metrics.md under the thresholds that its counts were made with; "
        "null where the update is ordinary",
    ),
    Column("note", TEXT, "why there is no value, or what of the cell could not be read"),
)
"""What a row says beside that."""

COLUMNS = (*CELL_COLUMNS, *ROW_COLUMNS)

KINDS = {
    "cell": "one row for every cell, failed and absent ones included",
    "evaluation": "a metric of the samples at one evaluation; the first is before training",
    "floor": "the same metric of real data against real data: what a perfect generator would get",
    "cost": "what the cell cost in all",
    "gradient": "what the metric gradients finds in a player's whole series of gradient norms",
    "loss": "a player's loss at one update",
    "norm": "the unclipped global L2 norm of a player's whole gradient, penalties included, at one "
    "update",
}

FLAGS = ("non_finite", "spike", "vanishing")

COSTS = {
    "discriminator_updates": "updates",
    "generator_updates": "updates",
    "gradient_evaluations": "gradients",
    "training_seconds": "s",
    "checkpoint_seconds": "s",
    "evaluation_seconds": "s",
    "compile_seconds": "s",
    "population": "members",
    "peak_memory_mb": "MiB",
}
"""Costs and their units."""


@dataclass(frozen=True)
class Quantity:
    """What ``quantity`` names; metrics may mean something else on another problem."""

    kind: str
    name: str
    meaning: str
    unit: str = ""
    problem: str = ""
    label: str = ""
    higher_is_better: bool | None = None
    primary: bool = False
    """Whether it ranks the methods of its problem."""


QUANTITIES = (
    Quantity("cell", "finished", "1 if the cell's status is ok, 0 if it failed; null where absent"),
    *(Quantity("cost", name, COST_COLUMNS[name], unit) for name, unit in COSTS.items()),
    *(
        Quantity("gradient", name.removeprefix("generator_"), meaning.removeprefix("generator: "))
        for name, meaning in meanings("generator").items()
    ),
    Quantity("loss", "loss", "loss of the player at its update, penalties included"),
    Quantity("norm", "norm", KINDS["norm"]),
)
"""Those that are the same for every problem; metrics are added to them."""
