"""The data dictionary: within the Parquet's schema, and as a page beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from bench.metric import Quantity as Measured
from bench.report.export.columns import COLUMNS, KINDS, QUANTITIES, Quantity
from bench.report.export.rows import Told
from bench.report.page.markdown import escape

KEY = "data_dictionary"
"""Of the schema's metadata, where the dictionary stands as JSON."""


def dictionary(title: str, cells: Sequence[Told]) -> dict[str, Any]:
    """``title``, ``columns``, ``kinds`` and ``quantities``, ready for JSON."""
    return {
        "title": title,
        "columns": [
            {"name": c.name, "type": _type(c.type), "meaning": c.meaning, "unit": c.unit}
            for c in COLUMNS
        ],
        "kinds": KINDS,
        "quantities": [asdict(quantity) for quantity in (*QUANTITIES, *_metrics(cells))],
    }


def schema(title: str, cells: Sequence[Told]) -> pa.Schema:
    """The file's schema: every field says what it means, the schema holds the dictionary."""
    fields = [
        pa.field(
            c.name,
            c.type,
            metadata={"description": c.meaning, **({"unit": c.unit} if c.unit else {})},
        )
        for c in COLUMNS
    ]
    told = json.dumps(dictionary(title, cells), ensure_ascii=False)
    return pa.schema(fields, metadata={KEY: told, "title": title})


def describe(title: str, cells: Sequence[Told]) -> str:
    """The dictionary as a page of Markdown."""
    known = dictionary(title, cells)
    lines = [
        f"# {escape(title)}",
        "One row holds one number. All rows of a cell repeat what the cell is.",
        "## Kinds",
        _table(("kind", "meaning"), known["kinds"].items()),
        "## Columns",
        _table(
            ("column", "type", "unit", "meaning"),
            ((c["name"], c["type"], c["unit"], c["meaning"]) for c in known["columns"]),
        ),
        "## Quantities",
        _table(
            ("kind", "quantity", "problem", "unit", "better", "meaning"),
            (
                (q["kind"], q["name"], q["problem"], q["unit"], _better(q), q["meaning"])
                for q in known["quantities"]
            ),
        ),
    ]
    return "\n\n".join(lines) + "\n"


def _metrics(cells: Sequence[Told]) -> list[Quantity]:
    known: dict[tuple[str, str], Quantity] = {}
    for cell in cells:
        for place, metric in enumerate(cell.quantities):
            entry = _quantity(metric, cell.problem, primary=place == 0)
            known.setdefault((cell.problem, metric.name), entry)
    return [*known.values()]


def _quantity(metric: Measured, problem: str, *, primary: bool) -> Quantity:
    return Quantity(
        "evaluation",
        metric.name,
        metric.meaning,
        "share" if metric.percent else "",
        problem,
        metric.label,
        metric.higher_is_better,
        primary,
    )


def _better(quantity: dict[str, Any]) -> str:
    if quantity["higher_is_better"] is None:
        return ""
    told = "greater" if quantity["higher_is_better"] else "smaller"
    return told + (", ranks the methods" if quantity["primary"] else "")


def _type(kind: pa.DataType) -> str:
    return "text" if pa.types.is_dictionary(kind) else str(kind)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *(map(escape, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
