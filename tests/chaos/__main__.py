"""The fault suite: kills, faulty methods, odd surroundings and damaged files; prints the table.

Usage: python -m tests.chaos [--kills 200] [--seed 0]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos import damage, faults
from tests.chaos.campaign import campaign


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="kills that meet a process")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the targets")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        found = campaign(folder / "campaign", chosen.kills, chosen.seed)
        print("| fault | times | lost | the user sees |\n|---|---|---|---|")
        for what, times in sorted(found.kills.items()):
            told = found.seen.get(what, "the run goes on; the cells are tried again")
            print(f"| {what} | {times} | {'' if found.wrong else 0} | {_cell(told)} |")
        met = faults.of_methods(folder / "methods", list(faults.FAULTS))
        met += faults.of_methods_before_training(folder / "before")
        met += faults.of_surroundings(folder / "surroundings")
        met.append(faults.of_compiling(folder / "compiling"))
        undisturbed = folder / "campaign" / "undisturbed"
        met += damage.of_files(undisturbed)
        met.append(damage.of_database(undisturbed, folder / "campaign" / "study.yaml"))
        for each in met:
            told = _cell(each.seen.replace(f"{folder}/", ""))
            print(f"| {each.fault} | 1 | {len(each.lost)} | {told} |")
        print(
            f"\n{found.kills.total()} kills in {found.runs} runs with seed {chosen.seed}; "
            f"{found.resumed} cells went on from a savepoint."
        )
        wrong = found.wrong + [line for each in met for line in each.lost]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return f"`{line[:150]}`" if line else ""


if __name__ == "__main__":
    sys.exit(main())
