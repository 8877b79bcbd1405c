"""Where the seconds of a study went, from its records.

Usage: python -m tests.baselines.shares quick results

Worker seconds are added up over all workers; divide by their number for the share of wall time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.execution.plan import plan
from bench.records.store import Store
from bench.study import load_study


def main(study: str = "quick", results: str = "results") -> None:
    planned = plan(load_study(study).cells, Store(Path(results)))
    records = [each.record for each in planned if each.record is not None]
    runs = [record.data["run"] for record in records]
    measuring = sum(record.evaluation_seconds for record in records)
    whole = sum(run["job_seconds"] for run in runs) + measuring
    training = sum(run.get("training_seconds", 0.0) for run in runs)
    checkpoints = sum(run.get("checkpoint_seconds", 0.0) for run in runs)
    compiling = sum(run.get("compile_seconds", 0.0) for run in runs)
    rest = whole - training - checkpoints - measuring - compiling
    print(f"{len(runs)} cells, {whole:.0f} worker seconds")
    for name, seconds in (
        ("training loops", training),
        ("checkpoints", checkpoints),
        ("measuring", measuring),
        ("compiling rounds", compiling),
        ("start-up, data, packing", rest),
    ):
        print(f"{name:32} {seconds:7.0f} s  {100 * seconds / whole:5.1f} %")


if __name__ == "__main__":
    main(*sys.argv[1:])
