"""Known results against our own: writes docs/validation.md.

Usage: python -m tests.baselines.validation [--results results [--studies dirac mixtures stacked]]

Alone it makes the page from the tables in results/reference/validation. With ``--results`` it
first makes these tables and the figure anew from the records of the studies validation_dirac,
validation_mixtures and validation_stacked there, or of those that are named, as `make validation`
does after training them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import bench
from bench.errors import BenchError
from tests.baselines.validation import portraits, runs
from tests.baselines.validation.page import page

ROOT = Path(bench.__file__).parent.parent
TABLES = ROOT / "results" / "reference" / "validation"
STUDIES = ("dirac", "mixtures", "stacked")
PATHS, MIXTURES, STACKED = (f"{study}.csv" for study in STUDIES)


def refresh(results: Path, studies: Sequence[str]) -> None:
    """Write the tables, and dirac's figure, from records."""
    for study in studies:
        found = runs.records(f"validation_{study}", results)
        if study == "dirac":
            runs.write(runs.path_rows(found), runs.PATH_COLUMNS, TABLES / PATHS)
            portraits.draw(runs.paths(found), ROOT / "docs")
        else:
            runs.write(runs.run_rows(found), runs.RUN_COLUMNS, TABLES / f"{study}.csv")


def from_tables() -> str:
    return page(*(runs.read(TABLES / name) for name in (PATHS, MIXTURES, STACKED)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, help="folder with the studies' records")
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=STUDIES, help="only these")
    chosen = parser.parse_args()
    try:
        if chosen.results:
            refresh(chosen.results, chosen.studies)
    except BenchError as error:
        sys.exit(str(error))
    (ROOT / "docs" / "validation.md").write_text(from_tables(), encoding="utf-8")


if __name__ == "__main__":
    main()
