"""The data dictionary: within the Parquet's schema, and as a page beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from bench.report.export.columns import COLUMNS, KINDS, Quantity, shared_quantities
from bench.report.export.rows import Labelled
from bench.report.page.markdown import escape

KEY = "data_dictionary"
"""The entry of the schema's metadata that holds the dictionary as JSON."""


def dictionary(title: str, cells: Sequence[Labelled]) -> dict[str, Any]:
    """Return ``title``, ``columns``, ``kinds`` and ``quantities``, ready for JSON."""
    return {
        "title": title,
        "columns": [{**vars(c), "type": _type(c.type)} for c in COLUMNS],
        "kinds": KINDS,
        "quantities": [asdict(quantity) for quantity in _quantities(cells)],
    }


def schema(title: str, cells: Sequence[Labelled]) -> pa.Schema:
    """Return the file's schema: fields have their meaning, the schema has the dictionary."""
    fields = [
        pa.field(
            c.name,
            c.type,
            metadata={"description": c.meaning, **({"unit": c.unit} if c.unit else {})},
        )
        for c in COLUMNS
    ]
    text = json.dumps(dictionary(title, cells), ensure_ascii=False)
    return pa.schema(fields, metadata={KEY: text, "title": title})


def describe(title: str, cells: Sequence[Labelled]) -> str:
    """Return the dictionary as a page of Markdown."""
    known = dictionary(title, cells)
    for each in known["quantities"]:
        way = {True: "more", False: "less", None: ""}[each["higher_is_better"]]
        each["better"] = way + (", ranks the methods" if each["primary"] else "")
    lines = [
        f"# {escape(title)}",
        "One row holds one number. All rows of a cell repeat what the cell is.",
        "## Kinds",
        _table(("kind", "meaning"), [{"kind": k, "meaning": m} for k, m in KINDS.items()]),
        "## Columns",
        _table(("name", "type", "unit", "meaning"), known["columns"]),
        "## Quantities",
        _table(("kind", "name", "problem", "unit", "better", "meaning"), known["quantities"]),
    ]
    return "\n\n".join(lines) + "\n"


def _quantities(cells: Sequence[Labelled]) -> Iterator[Quantity]:
    found = {cell.label: cell.problem for cell in cells if cell.problem}
    yield from shared_quantities(next((each.dataset for each in found.values()), None))
    for label, problem in found.items():
        for metric in problem.measured:
            yield Quantity(
                "evaluation",
                metric.name,
                metric.meaning,
                "share" if metric.percent else "",
                label,
                metric.label,
                None if metric.descriptive else metric.higher_is_better,
                metric == problem.primary,
            )


def _type(kind: pa.DataType) -> str:
    return "text" if pa.types.is_dictionary(kind) else str(kind)


def _table(header: Sequence[str], rows: Iterable[dict[str, str]]) -> str:
    lines = [header, ["---"] * len(header), *([escape(row[h]) for h in header] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
