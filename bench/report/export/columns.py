"""The columns of the export, the kinds of its rows, and the quantities that all problems share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from bench.datasets.base import Dataset
from bench.metrics.gradients import Gradients
from bench.report.analysis.columns import COST_COLUMNS, RUN_COLUMNS
from bench.report.analysis.training import TRAINING_COLUMNS

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Words that many rows share: pandas reads them as categories."""

ORIGIN = ("device", "device_name", "engine", "python", "torch", "numpy", "commit", "finished_at")
"""The entries of :data:`COST_COLUMNS` that say where a record comes from."""
COSTS = tuple(name for name in COST_COLUMNS if name not in ORIGIN)

_KINDS = {"boolean": pa.bool_(), "integer": pa.int32(), "number": pa.float64(), "string": TEXT}
_TYPES = {
    **{"seed": pa.int64(), "budget": pa.int64(), "evaluations": pa.int32()},
    **{column.name: _KINDS[column.kind] for column in TRAINING_COLUMNS},
}
_UNITS = {
    "budget": "discriminator updates",
    **{column.name: column.unit for column in TRAINING_COLUMNS},
}
_COST_UNITS = {
    "updates": "updates", "evaluations": "gradients", "seconds": "s", "population": "members",
    "mb": "MiB",
}  # fmt: skip
"""By the last word of a cost's name."""


@dataclass(frozen=True)
class Column:
    """One column; ``meaning`` is its entry in the data dictionary."""

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""


_names = list(RUN_COLUMNS)
IDENTITY = tuple(_names[: _names.index("reason") + 1])
"""The columns of runs.csv that say what a cell is and how it ended."""

CELL_COLUMNS = (
    *(
        Column(name, _TYPES.get(name, TEXT), RUN_COLUMNS[name], _UNITS.get(name, ""))
        for name in (*IDENTITY, *ORIGIN)
    ),
    Column(
        "protocol",
        TEXT,
        "how the cell was measured, as JSON: sample counts, reference, extractor; null where "
        "nothing was",
    ),
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
    "gradient": "counts over a player's whole series of gradient norms",
    "loss": "a player's loss at one update",
    "norm": "the unclipped global L2 norm of a player's whole gradient, penalties included, at one "
    "update",
}


@dataclass(frozen=True)
class Quantity:
    """The meaning of one value of ``quantity``; of metrics, on one problem."""

    kind: str
    name: str
    meaning: str
    unit: str = ""
    problem: str = ""
    label: str = ""
    higher_is_better: bool | None = None
    """None: neither more nor less is better."""
    primary: bool = False
    """Whether it ranks the methods of its problem."""


def shared_quantities(dataset: Dataset | None) -> Iterator[Quantity]:
    """Yield the quantities that are the same for every problem; counts need any dataset."""
    finished = "1 if the cell's status is ok, 0 if it failed; null where absent"
    yield Quantity("cell", "finished", finished)
    for name in COSTS:
        yield Quantity("cost", name, COST_COLUMNS[name], _COST_UNITS[name.split("_")[-1]])
    counts: dict[str, Quantity] = {}
    for each in Gradients().quantities(dataset) if dataset is not None else ():
        player, _, name = each.name.partition("_")
        meaning = each.meaning.removeprefix(f"{player}: ").removesuffix(f" of the {player}")
        counts.setdefault(name, Quantity("gradient", name, meaning))
    yield from counts.values()
    yield Quantity("loss", "loss", "loss of the player at its update, penalties included")
    yield Quantity("norm", "norm", KINDS["norm"])
