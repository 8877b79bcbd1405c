"""The figures of docs/diagnosis.md.

Usage: .venv/bin/python -m tests.baselines.diagnosis planted | healthy [SEEDS] | noise
       .venv/bin/python -m tests.baselines.diagnosis STUDY RESULTS
       .venv/bin/python -m tests.baselines.diagnosis eigenvalues STUDY RESULTS
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from bench.diagnosis import KINDS, Finding, diagnose
from bench.diagnosis.swings import swing
from bench.execution.plan import plan
from bench.metrics.eigenvalues import MOMENTS, stored
from bench.records.store import Store
from bench.study import load_study
from tests.diagnosis.planted import CASES, HEALTHY, with_parts

SIMULATIONS = 400


def planted() -> None:
    """A row a planted case: what it got, since when, and what fired beside it."""
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            (record,) = case.records([1], Path(folder) / "run")
            found = diagnose(record)
        also = ", ".join(each.kind for each in found.also) or "–"
        print(
            f"| {name} | {case.updates:,} | {found.kind} | {_since(found)} | {also} |", flush=True
        )


def _since(found: Finding) -> str:
    return "–" if found.since is None else f"{found.since:,}"


def healthy(seeds: int = 50) -> None:
    """How many runs of a configuration that works get another diagnosis, and which rules fire."""
    with tempfile.TemporaryDirectory() as folder:
        records = HEALTHY.records(range(seeds), Path(folder) / "run")
        found = [diagnose(record) for record in records]
        modes = Counter(record.evaluations[-1]["modes_20"] for record in records)
    faults = Counter(each.kind for one in found for each in one.also)
    faults += Counter(one.kind for one in found if one.kind != "healthy")
    false = sum(one.kind != "healthy" or bool(one.also) for one in found)
    print(f"{seeds} seeds, modes at the end: {dict(modes)}")
    print(f"not healthy: {sum(one.kind != 'healthy' for one in found)}; with any fault: {false}")
    print("rules that fired:", dict(faults) or "none")


def noise() -> None:
    """The share of AR(1) series that are taken for a swing, by length and memory."""
    rng = np.random.default_rng(0)
    for length in (400, 1000, 10_000):
        row = []
        for memory in (0.0, 0.5, 0.9, 0.99, 0.999, 1.0):
            walk = np.zeros((SIMULATIONS, length + 1000))
            steps = rng.standard_normal(walk.shape)
            for place in range(1, walk.shape[1]):
                walk[:, place] = memory * walk[:, place - 1] + steps[:, place]
            row.append(float(np.mean([swing(each[1000:]) is not None for each in walk])))
        print(f"| {length:,} | " + " | ".join(f"{share:.4f}" for share in row) + " |", flush=True)


def study(name: str, results: str) -> None:
    """A table methods × diagnoses for each dataset: since which update, with how much held."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    begun: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    extents: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    also: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in plan(load_study(name).cells, Store(Path(results))):
        if each.record is None:
            continue
        found, (method, dataset, _, _) = diagnose(each.record), each.record.coordinates
        counts[dataset, method][found.kind] += 1
        also[dataset, method].update(one.kind for one in found.also)
        if found.since is not None:
            begun[dataset, method, found.kind].append(found.since)
        if found.extent is not None:
            extents[dataset, method, found.kind].append(found.extent.held)
    print("| dataset | method | diagnosis (seeds, since; modes held: least, median, most) | also |")
    print("|---|---|---|---|")
    for (dataset, method), kinds in counts.items():
        told = []
        for kind in KINDS:
            if kinds[kind]:
                since = begun[dataset, method, kind]
                when = f", {min(since):,}, {np.median(since):,.0f}, {max(since):,}" if since else ""
                if held := extents[dataset, method, kind]:
                    when += f"; holds {min(held):g}, {np.median(held):g}, {max(held):g}"
                told.append(f"{kind} ({kinds[kind]}{when})")
        beside = ", ".join(f"{kind} ({n})" for kind, n in also[dataset, method].items())
        print(f"| {dataset} | {method} | {'; '.join(told)} | {beside} |")


def eigenvalues(name: str, results: str) -> None:
    """The largest eigenvalues of the game at three checkpoints, of the first seed of each method:
    how many are known, turn (|Im λ| > |Re λ|) and repel (Re λ > 0)."""
    print("| dataset | method | checkpoint | largest λ | known | turn | repel |")
    print("|---|---|---|---|---|---|---|")
    for each in plan(load_study(name).cells, Store(Path(results))):
        numbers = each.record.evaluations[-1] if each.record and each.record.evaluations else {}
        place = f"{each.cell.dataset.label} | {each.cell.method.label}"
        for moment in MOMENTS:
            own = stored(numbers, moment)
            if own.size:
                turn = np.sum(np.abs(own.imag) > np.abs(own.real))
                counts = f"{own.size} | {turn} | {np.sum(own.real > 0)}"
                print(f"| {place} | {moment} | {own[0]:.4g} | {counts} |")


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["planted"]
    with with_parts():
        if command in ("planted", "healthy", "noise"):
            {"planted": planted, "healthy": healthy, "noise": noise}[command](*map(int, rest))
        elif command == "eigenvalues":
            eigenvalues(*rest)
        else:
            study(command, *rest)
