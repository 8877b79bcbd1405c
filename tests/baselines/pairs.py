"""Pairs of methods that a study tells apart: ``python -m tests.baselines.pairs STUDY RESULTS``.

For every problem: each pair of methods by the metric that ranks, at the last checkpoint, by
Student's paired t test and by Welch's, each with Holm's correction at 0.05 over all pairs of the
problem. Where all differences are equal and not 0, a pair counts as told apart.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.execution.plan import plan
from bench.records.store import Store
from bench.report.analysis.problems import Problem, problems
from bench.study import load_study


def main() -> None:
    """Print a line for each problem, and the methods' means."""
    study, results = load_study(sys.argv[1]), Path(sys.argv[2])
    for problem in problems(plan(study.cells, Store(results))):
        scores = _scores(problem)
        pairs = list(combinations(scores, 2))
        told = {
            test: sum(multipletests([p(scores[a], scores[b]) for a, b in pairs], 0.05, "holm")[0])
            for test, p in (("paired", _paired), ("Welch", _welch))
        }
        counts = ", ".join(f"{test} {count}" for test, count in told.items())
        print(f"{problem.label}: of {len(pairs)} pairs told apart: {counts}")
        for method, own in scores.items():
            values = np.array(list(own.values()))
            print(f"  {method}: {values.mean():.2f} ± {values.std(ddof=1):.2f} of {len(values)}")


def _scores(problem: Problem) -> dict[str, dict[int, float]]:
    """Score by seed of every method."""
    name = problem.primary.name
    return {
        method: {
            each.cell.seed: each.record.evaluations[-1][name]
            for each in cells
            if each.record is not None and each.record.status == "ok"
        }
        for method, cells in problem.by_method.items()
    }


def _paired(first: dict[int, float], second: dict[int, float]) -> float:
    seeds = sorted(first.keys() & second.keys())
    apart = np.array([first[seed] - second[seed] for seed in seeds])
    if np.ptp(apart) == 0:
        return 0.0 if apart[0] else 1.0
    return float(stats.ttest_1samp(apart, 0).pvalue)


def _welch(first: dict[int, float], second: dict[int, float]) -> float:
    a, b = (np.array(list(own.values())) for own in (first, second))
    if np.ptp(a) == np.ptp(b) == 0:
        return 0.0 if a[0] != b[0] else 1.0
    return float(stats.ttest_ind(a, b, equal_var=False).pvalue)


if __name__ == "__main__":
    main()
