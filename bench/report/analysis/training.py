"""The training configuration as columns of tables and as words, read off its class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from bench.training.configuration import TrainingConfiguration


@dataclass(frozen=True)
class TrainingColumn:
    """One option, or one of the numbers of an option that has several."""

    name: str
    kind: str
    """As JSON Schema calls it: boolean, integer, number or string."""
    meaning: str
    unit: str


def _columns() -> Iterator[TrainingColumn]:
    for name, told in TypeAdapter(TrainingConfiguration).json_schema()["properties"].items():
        meaning = " ".join(told["description"].split()).removesuffix(".")
        meaning, unit = meaning[0].lower() + meaning[1:], told.get("unit", "")
        parts = told.get("prefixItems", [])
        for place, part in enumerate(parts, 1):
            numbered = f"training_{name.removesuffix('s')}{place}"
            which = f"number {place} of {len(parts)}: {meaning}"
            yield TrainingColumn(numbered, part["type"], which, unit)
        if not parts:
            # of an option that may be left open, the first alternative is its type
            kind = told.get("anyOf", [told])[0]["type"]
            yield TrainingColumn(f"training_{name}", kind, meaning, unit)


TRAINING_COLUMNS = tuple(_columns())


def training_row(training: TrainingConfiguration) -> dict[str, Any]:
    """Return values by :data:`TRAINING_COLUMNS`; None where each method has its own."""
    values: list[Any] = []
    for value in asdict(training).values():
        values += value if isinstance(value, tuple) else [value]
    return {column.name: value for column, value in zip(TRAINING_COLUMNS, values, strict=True)}


def training_words(training: TrainingConfiguration) -> dict[str, str]:
    """Return options and their values as a report tells them."""
    return {name.replace("_", " "): _told(value) for name, value in asdict(training).items()}


def _told(value: Any) -> str:
    if value is None:
        return "each method's own"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
