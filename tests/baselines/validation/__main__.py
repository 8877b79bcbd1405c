"""Known results against our own: writes docs/validation.md.

Usage: python -m tests.baselines.validation [--results results]

Alone it makes the page from the tables in results/reference/validation. With ``--results`` it
first makes these tables and the figure anew from the records of the studies validation_dirac,
validation_mixtures and validation_stacked there, as `make validation` does after training them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bench
from bench.errors import BenchError
from tests.baselines.validation import portraits, runs
from tests.baselines.validation.page import page

ROOT = Path(bench.__file__).parent.parent
TABLES = ROOT / "results" / "reference" / "validation"
PATHS, MIXTURES, STACKED = "dirac.csv", "mixtures.csv", "stacked.csv"


def refresh(results: Path) -> None:
    """Write the tables and the figure from records."""
    dirac = runs.records("validation_dirac", results)
    mixtures = runs.records("validation_mixtures", results)
    stacked = runs.records("validation_stacked", results)
    runs.write(runs.path_rows(dirac), runs.PATH_COLUMNS, TABLES / PATHS)
    runs.write(runs.run_rows(mixtures), runs.RUN_COLUMNS, TABLES / MIXTURES)
    runs.write(runs.run_rows(stacked), runs.RUN_COLUMNS, TABLES / STACKED)
    portraits.draw(runs.paths(dirac), ROOT / "docs")


def from_tables() -> str:
    return page(*(runs.read(TABLES / name) for name in (PATHS, MIXTURES, STACKED)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, help="folder with the studies' records")
    chosen = parser.parse_args()
    try:
        if chosen.results:
            refresh(chosen.results)
    except BenchError as error:
        sys.exit(str(error))
    (ROOT / "docs" / "validation.md").write_text(from_tables(), encoding="utf-8")


if __name__ == "__main__":
    main()
