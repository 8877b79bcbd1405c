"""Which of a generator's weights are scored, and what the others would say of the best."""

from __future__ import annotations

from bench.report.analysis.findings import Findings
from bench.report.page import numbers
from bench.report.topics.dataset.iterates import CALLED, means_of_other, ranked
from bench.words import listing


def scored(found: Findings) -> str:
    """Return whose weights rank, and the score of each dataset's first methods with the others."""
    used = dict.fromkeys(ranked(problem) for problem, _ in found.pairs)
    told = []
    for problem, standings in found.fixed:
        if (beside := means_of_other(problem, standings)) is None:
            continue
        _, metric, means = beside
        first = [s.method for s in standings if s.rank == 1 and s.method in means]
        if first:
            values = [f"{method} {numbers.of(metric, means[method])}" for method in first]
            told.append(f"{listing(values)} on {problem.label}")
    if len(used) != 1 or not (told or "averaged" in used):
        return ""
    (iterate,) = used
    other = CALLED["last" if iterate == "averaged" else "averaged"]
    others = f" With {other} the first of each dataset would score: {'; '.join(told)}."
    return f"{CALLED[iterate]}.{others if told else ''}"
