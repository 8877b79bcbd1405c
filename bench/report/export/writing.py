"""Writes the Parquet file, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import BenchError
from bench.execution.plan import Planned, plan
from bench.records.record import TRANSIENT
from bench.report.export.columns import COLUMNS, TEXT
from bench.report.export.dictionary import describe, schema
from bench.report.export.rows import Labelled, labelled, rows_of
from bench.report.stored import open_results, opened
from bench.whole import whole, write_whole

if TYPE_CHECKING:
    from bench.study import Study

GROUP = 250_000
"""Rows of a row group. So many are held in memory at once, with those of one cell."""


@dataclass(frozen=True)
class Exported:
    """Where an export was written, and how much it holds."""

    file: Path
    described: Path
    """The data dictionary as a page."""
    cells: int
    rows: int
    size: int
    """Bytes of ``file``."""
    notes: list[str]
    """A line for each cell that could not be read whole."""


def all_of(results: Path) -> tuple[list[Planned], list[str]]:
    """Return every record of a results folder, and a line for each that cannot be read.

    Raises:
        BenchError: there is no such folder, or no record in it.
    """
    records, notes = open_results(results)
    return [
        Planned(r.cell, "failed" if r.status in TRANSIENT else "done", r.reason, r) for r in records
    ], notes


def of_study(study: Study, results: Path) -> tuple[list[Planned], list[str]]:
    """Return every cell of a study, absent ones too, and a line for each record not readable.

    Raises:
        BenchError: there is no such folder, or none of its records is of this study.
    """
    store = opened(results)
    planned = plan(study.grown(store.records).cells, store)
    if not any(each.record for each in planned):
        raise BenchError(
            f"none of the {len(store.records)} records in '{results}' is of the study "
            f"'{study.name}' as the code is now; train it with `bench run {study.name}`, or export "
            "all records with `bench export all`"
        )
    return planned, store.set_aside


def export(planned: Sequence[Planned], file: Path, title: str) -> Exported:
    """Write all series and evaluations of these cells, and the data dictionary beside them.

    The file is there whole or not at all, and the same for the same records. Memory does not grow
    with the number of cells but for their records without the series.

    Args:
        file: ends in ``.parquet``; the dictionary goes to ``file``.md.

    Raises:
        BenchError: the file cannot be written.
    """
    if file.suffix != ".parquet" or file.is_dir():
        raise BenchError(f"'{file}' is no name for the export; give --out a file FILE.parquet")
    cells = labelled(planned)
    described = file.with_name(file.name + ".md")
    notes: list[str] = []
    rows = 0
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        form = schema(title, cells)
        with whole(file) as scratch, pq.ParquetWriter(scratch, form, **_OPTIONS) as writer:
            for group in _groups(cells, notes):
                writer.write_table(group, row_group_size=len(group))
                rows += len(group)
        write_whole(described, describe(title, cells))
    except OSError as error:
        raise BenchError(
            f"cannot write the export '{file}' ({error.strerror or error}); make room there, or "
            "name another file with --out"
        ) from error
    return Exported(file, described, len(cells), rows, file.stat().st_size, notes)


_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 6,
    "use_dictionary": [column.name for column in COLUMNS if column.type == TEXT],
    "column_encoding": {
        # of single precision kept in double half the bytes are nearly constant; apart from the
        # others they take next to nothing
        "value": "BYTE_STREAM_SPLIT",
        "update": "DELTA_BINARY_PACKED",
        "generator_update": "DELTA_BINARY_PACKED",
    },
}


def _groups(cells: Sequence[Labelled], notes: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of one cell after another, ``GROUP`` at a time."""
    held: list[pa.Table] = []
    for cell in cells:
        table, note = rows_of(cell)
        if note:
            notes.append(f"{cell.planned.cell}: {note}")
        held = [pa.concat_tables([*held, table])]
        while len(held[0]) >= GROUP:
            yield held[0].slice(0, GROUP).unify_dictionaries()
            held = [held[0].slice(GROUP)]
    if held and len(held[0]):
        yield held[0].unify_dictionaries()
