"""From two folders to comparison.html, comparison.md and comparison.csv."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records.cell import Cell
from bench.report.compare.comparing import compare
from bench.report.compare.found import Comparison, Pair
from bench.report.compare.page import compose
from bench.report.stored import open_results

COLUMNS: dict[str, str] = {
    "problem": "dataset label, with what tells it from other problems on the same dataset",
    "method": "label of the method",
    "verdict": "worse, better, noise (differs, not beyond noise), identical or not compared",
    "why": "what the verdict rests on, or leaves open",
    "metric": "name of the primary metric",
    "seeds": "seeds on both sides",
    "seeds_identical": "of these, those with the same status and result, bit for bit",
    "finished_a": "of these, those that finished in A",
    "finished_b": "of these, those that finished in B",
    "mean_a": "mean of A's last evaluation over the seeds that finished on both sides",
    "mean_b": "the same of B",
    "difference": "mean of B − A at equal seeds",
    "difference_low": "lower end of its 95 % interval",
    "difference_high": "upper end of its interval",
    "test": "paired t, sign or rank",
    "p": "p of the test",
    "p_adjusted": "the same, adjusted for the number of pairs tested (Holm)",
    "discriminator_explosions_a": "flagged updates per 10,000 in A, median over seeds",
    "discriminator_explosions_b": "the same in B",
    "generator_explosions_a": "flagged updates per 10,000 in A, median over seeds",
    "generator_explosions_b": "the same in B",
    "training_seconds_ratio": "B / A, only on the same kind of device",
    "peak_memory_ratio": "B / A, only on the same kind of device",
    "changed_parts": "parts of the result that differ",
}
"""Every column of comparison.csv, a row for each pair, and what it means."""


def compare_folders(a: Path, b: Path, cells: Iterable[Cell] | None = None) -> Comparison:
    """Compare two results folders; neither is changed by it.

    Args:
        cells: those of a study, to which the comparison is narrowed.

    Raises:
        BenchError: a folder is missing or has no records, both are the same, or they have no
            cell in common.
    """
    if a.exists() and b.exists() and a.samefile(b):
        raise BenchError(f"'{a}' and '{b}' are the same folder; give two that differ")
    records_a, notes_a = open_results(a)
    records_b, notes_b = open_results(b)
    return compare(records_a, records_b, cells, (str(a), str(b)), (notes_a, notes_b))


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write comparison.html, .md and .csv into ``folder`` and return the path of the page.

    Raises:
        BenchError: the folder cannot be written to, or lies within one of those compared.
    """
    for side in (comparison.a, comparison.b):
        compared = Path(side.name).resolve()
        if (compared / "cells").is_dir() and folder.resolve().is_relative_to(compared):
            raise BenchError(
                f"'{folder}' lies within '{side.name}', which is compared and stays as it is; "
                "name another folder with --out"
            )
    # a templating engine and pandas take long to import, and a refusal needs neither
    import pandas as pd

    from bench.report.page.html import render_page
    from bench.report.page.markdown import render_markdown

    document = compose(comparison)
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    table = pd.DataFrame([_row(pair) for pair in comparison.pairs], columns=list(COLUMNS))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {
            "comparison.csv": table.to_csv(index=False),
            "comparison.md": render_markdown(document, made),
            "comparison.html": render_page(document, folder, made),
        }.items():
            _put(folder / name, text)
    except OSError as error:
        raise BenchError(
            f"cannot write the comparison to '{folder}' ({error.strerror or error}); make room "
            "there, or name another folder with --out"
        ) from error
    return folder / "comparison.html"


def _put(file: Path, text: str) -> None:
    scratch = file.with_name(f".{file.name}-{uuid.uuid4().hex[:8]}")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, file)
    finally:
        scratch.unlink(missing_ok=True)


def _row(pair: Pair) -> dict[str, Any]:
    statuses = list(pair.statuses.values())
    row: dict[str, Any] = {
        "problem": pair.problem,
        "method": pair.method,
        "verdict": pair.verdict,
        "why": "; ".join(pair.reasons),
        "metric": pair.metric.name,
        "seeds": len(statuses),
        "seeds_identical": len(pair.identical),
        "finished_a": sum(a == "ok" for a, _ in statuses),
        "finished_b": sum(b == "ok" for _, b in statuses),
        "mean_a": pair.means[0] and pair.means[0].value,
        "mean_b": pair.means[1] and pair.means[1].value,
        "difference": pair.difference and pair.difference.value,
        "difference_low": pair.difference and pair.difference.low,
        "difference_high": pair.difference and pair.difference.high,
        "test": pair.test,
        "p": pair.p,
        "p_adjusted": pair.adjusted,
        "training_seconds_ratio": pair.seconds.value,
        "peak_memory_ratio": pair.memory.value,
        "changed_parts": " ".join(pair.parts),
    }
    for player, sides in pair.explosions.items():
        for side, found in zip("ab", sides, strict=True):
            row[f"{player}_explosions_{side}"] = found and found.median
    return row
