"""The fuzzer of the command line: random files, options and environments; no traceback allowed.

Usage: python -m tests.fuzz [--examples 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis

from tests.fuzz.calling import complaints, prepare
from tests.fuzz.inputs import Call, calls


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    ended: Counter[tuple[str, int]] = Counter()
    wrong: list[tuple[Call, list[str]]] = []

    @hypothesis.seed(chosen.seed)
    @hypothesis.settings(
        max_examples=chosen.examples, deadline=None, database=None,
        suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    @hypothesis.given(calls())
    def tried(call: Call) -> None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            code, found = complaints(call, prepared, Path(name))
        ended[call.arguments[0], code] += 1
        if found:
            wrong.append((call, found))
            print(call, *found, sep="\n", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder)
        prepare(prepared)
        tried()
    print("| command | exit code | times |\n|---|---|---|")
    for (command, code), times in sorted(ended.items()):
        print(f"| {command} | {code} | {times} |")
    print(f"\n{ended.total()} examples with seed {chosen.seed}, {len(wrong)} with complaints.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
