"""Compares two results folders and publishes the comparison."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records.cell import Cell
from bench.report.compare.comparing import Comparison, compare
from bench.report.compare.page import compose
from bench.report.compare.pairs import Pair
from bench.report.page.document import Document
from bench.report.publishing import publish
from bench.report.stored import open_results


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
    """Write the comparison into ``folder`` and return the path of comparison.html.

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

    def make(scratch: Path) -> Document:
        import pandas as pd

        rows = [_row(pair) for pair in comparison.pairs]
        pd.DataFrame(rows).to_csv(scratch / "comparison.csv", index=False)
        return compose(comparison)

    return publish(folder, "comparison", make, option="--out")


def _row(pair: Pair) -> dict[str, Any]:
    """Return the row of comparison.csv (docs/comparing.md has the columns)."""
    found, statuses = pair.contrast, pair.statuses.values()
    row: dict[str, Any] = {
        "problem": pair.problem,
        "method": pair.method,
        "verdict": pair.verdict,
        "why": "; ".join(pair.reasons),
        "metric": pair.metric.name,
        "seeds": len(pair.records),
        "seeds_identical": len(pair.identical),
        "finished_a": sum(a == "ok" for a, _ in statuses),
        "finished_b": sum(b == "ok" for _, b in statuses),
        **{f"mean_{n}": mean and mean.value for n, mean in zip("ab", pair.means, strict=True)},
        "difference": found.difference and found.difference.value,
        "difference_low": found.difference and found.difference.low,
        "difference_high": found.difference and found.difference.high,
        "test": "" if found.p is None else found.test,
        "p": found.p,
        "p_adjusted": found.adjusted,
    }
    for player, sides in pair.spikes.items():
        for side, rate in zip("ab", sides, strict=True):
            row[f"{player}_spikes_{side}"] = rate and rate.median
    return row | {
        "training_seconds_ratio": pair.seconds.value,
        "peak_memory_ratio": pair.memory.value,
        "changed_parts": " ".join(pair.parts),
    }
