"""Writes the Parquet file, a bounded number of rows at a time."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import BenchError
from bench.execution.plan import Planned, plan
from bench.records.record import TRANSIENT
from bench.report.export.columns import CELL_COLUMNS, FLAGS, TEXT
from bench.report.export.dictionary import describe, schema
from bench.report.export.rows import Segment, Told, facts, segments, told
from bench.report.stored import open_results, opened

if TYPE_CHECKING:
    from bench.study import Study

GROUP = 250_000
"""Rows of a row group, as near as whole series allow: what is held in memory at once."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    file: Path
    described: Path
    """The data dictionary as a page."""
    cells: int
    rows: int
    size: int
    """Bytes of ``file``."""
    notes: list[str]
    """What could not be read, a line each."""


def all_of(results: Path) -> tuple[list[Planned], list[str]]:
    """Every record of a results folder, and what cannot be read.

    Raises:
        BenchError: there is no such folder, or no record in it.
    """
    records, notes = open_results(results)
    return [
        Planned(r.cell, "failed" if r.status in TRANSIENT else "done", r.reason, r) for r in records
    ], notes


def of_study(study: Study, results: Path) -> tuple[list[Planned], list[str]]:
    """Every cell of a study, absent ones included, and what cannot be read.

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
    cells = told(planned)
    form = schema(title, cells)
    described = file.with_name(file.name + ".md")
    scratch = file.with_name(f".{file.name}-{uuid.uuid4().hex[:8]}")
    notes: list[str] = []
    rows = 0
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(scratch, form, **_options()) as writer:
            for table in _tables(cells, form, notes):
                writer.write_table(table, row_group_size=len(table))
                rows += len(table)
        os.replace(scratch, file)
        scratch.write_text(describe(title, cells), encoding="utf-8")
        os.replace(scratch, described)
    except OSError as error:
        raise BenchError(
            f"cannot write the export '{file}' ({error.strerror or error}); make room there, or "
            "name another file with --out"
        ) from error
    finally:
        if scratch.exists():
            scratch.unlink()
    return Exported(file, described, len(cells), rows, file.stat().st_size, notes)


def _options() -> dict[str, Any]:
    numbers = {
        # of single precision kept in double half the bytes are nearly constant; apart from the
        # others they take next to nothing
        "value": "BYTE_STREAM_SPLIT",
        "update": "DELTA_BINARY_PACKED",
        "generator_update": "DELTA_BINARY_PACKED",
    }
    words = [c.name for c in CELL_COLUMNS] + ["kind", "player", "quantity", "flag", "note"]
    return {
        "compression": "zstd",
        "compression_level": 6,
        "use_dictionary": words,
        "column_encoding": numbers,
    }


def _tables(cells: Sequence[Told], form: pa.Schema, notes: list[str]) -> Iterator[pa.Table]:
    """Row groups: the rows of cells one after another until there are enough."""
    held: list[Segment] = []
    owners: list[int] = []
    known: list[dict[str, Any]] = []
    rows = 0
    for cell in cells:
        known.append(facts(cell))
        parts = chain.from_iterable(s.slices(GROUP) for s in segments(cell))
        for segment in parts:
            if segment.kind == "cell" and segment.note:
                notes.append(f"{cell.planned.cell}: {segment.note}")
            held.append(segment)
            owners.append(len(known) - 1)
            rows += len(segment)
            if rows >= GROUP:
                yield _table(held, owners, known, form)
                held, owners, known, rows = [], [], [known[-1]], 0
    if held:
        yield _table(held, owners, known, form)


def _table(
    held: list[Segment], owners: list[int], known: list[dict[str, Any]], form: pa.Schema
) -> pa.Table:
    lengths = np.array([len(segment) for segment in held])
    of_cell = np.repeat(owners, lengths)
    found: dict[str, pa.Array] = {}
    for column in CELL_COLUMNS:
        of_cells = [cell.get(column.name) for cell in known]
        if column.type == TEXT:
            found[column.name] = _words(of_cells, of_cell)
        else:
            found[column.name] = pa.array(of_cells, column.type).take(pa.array(of_cell))
    of_segment = np.repeat(np.arange(len(held)), lengths)
    for name in ("kind", "player", "quantity"):
        found[name] = _words([getattr(segment, name) for segment in held], of_segment)
    values = np.concatenate([segment.values for segment in held])
    exact = np.repeat([segment.exact for segment in held], lengths)
    blank = np.isnan(values) & ~exact
    found["value"] = pa.array(values, mask=blank)
    for name, attribute in (("update", "updates"), ("generator_update", "generator_updates")):
        found[name] = _whole([getattr(segment, attribute) for segment in held], lengths)
    flags = np.concatenate([
        np.full(n, -1, np.int8) if segment.flags is None else segment.flags
        for segment, n in zip(held, lengths, strict=True)
    ])  # fmt: skip
    found["flag"] = _coded(flags.astype(np.int32), list(FLAGS))
    # a note explains a missing value; the row of a cell may have one beside its value
    noted = blank | np.repeat([segment.kind == "cell" for segment in held], lengths)
    found["note"] = _words([segment.note for segment in held], of_segment, noted)
    return pa.table([found[field.name] for field in form], schema=form)


def _words(values: Sequence[str | None], places: Any, kept: Any = None) -> pa.Array:
    """Words that rows share: ``values`` by place, null outside of ``kept``."""
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    code = {value: index for index, value in enumerate(distinct)}
    codes = np.array([-1 if v is None else code[v] for v in values], np.int32)[places]
    return _coded(codes if kept is None else np.where(kept, codes, -1), distinct)


def _coded(codes: Any, distinct: list[str]) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(distinct, pa.string()))


def _whole(parts: Sequence[Any], lengths: Any) -> pa.Array:
    """Whole numbers, null for the segments that have none."""
    numbers = np.concatenate([
        np.zeros(n, np.int64) if part is None else part
        for part, n in zip(parts, lengths, strict=True)
    ])  # fmt: skip
    return pa.array(numbers, mask=np.repeat([part is None for part in parts], lengths))
