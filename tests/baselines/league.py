"""Files and tables of docs/findings.md from the league's records.

Usage: python -m tests.baselines.league RESULTS

Run `bench run league` first; datasets without a trained cell are left out and named. Writes, in
``results/reference/league``, scores.csv with a row a run, summary.csv and figures of the report,
and the tables between the marks of docs/findings.md.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pandas as pd

from bench.execution.plan import plan
from bench.metric import Iterate, Quantity
from bench.records.store import Store
from bench.report.analysis.deciding import all_pairs
from bench.report.analysis.problems import Problem, problems
from bench.report.analysis.ranking import Standing, standings
from bench.report.page import numbers
from bench.report.topics.dataset.equal_cost import AtEqualCost, at_equal_cost
from bench.report.topics.dataset.iterates import oscillation, other
from bench.study import Study, load_study

ROOT = Path(__file__).parents[2]
PAGE, REFERENCE = ROOT / "docs" / "findings.md", ROOT / "results" / "reference" / "league"
FIGURES = ("overview", "curves")


def main() -> None:
    """Write the files and the page's tables."""
    study, results = load_study("league"), Path(sys.argv[1])
    found = problems(plan(study.cells, Store(results)))
    trained = [p for p in found if any(True for _ in p.records())]
    REFERENCE.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([row for p in trained for row in _scores(p)]).to_csv(
        REFERENCE / "scores.csv", index=False, float_format="%.6g"
    )
    report = results / study.name
    summary = pd.read_csv(report / "summary.csv")
    kept = summary[summary["problem"].isin([p.label for p in trained])].dropna(axis=1, how="all")
    kept.to_csv(REFERENCE / "summary.csv", index=False, float_format="%.6g")
    (REFERENCE / "figures").mkdir(exist_ok=True)
    for file in sorted((report / "figures").glob("*.png")):
        kind = file.stem.rpartition("-")[2]
        if kind in FIGURES and any(kind == "overview" or p.anchor in file.stem for p in trained):
            shutil.copyfile(file, REFERENCE / "figures" / re.sub(r"-[0-9a-f]{6}", "", file.name))
    text = PAGE.read_text(encoding="utf-8")
    for problem in trained:
        begin, end = f"<!-- {problem.label} -->", f"<!-- end of {problem.label} -->"
        if begin in text:
            head, rest = text.split(begin)
            text = head + begin + "\n" + _table(study, problem) + end + rest.split(end)[1]
    PAGE.write_text(text, encoding="utf-8")
    print("trained:", ", ".join(p.label for p in trained))
    print("not trained:", ", ".join(p.label for p in found if p not in trained) or "none")


def _scores(problem: Problem) -> list[dict[str, object]]:
    beside = other(problem)
    rows = []
    for cell in problem.planned:
        if cell.record is None:
            continue
        last = cell.record.evaluations[-1] if cell.record.evaluations else {}
        rows.append({
            "problem": problem.label,
            "method": cell.cell.method.label,
            "seed": cell.cell.seed,
            "status": cell.record.status,
            "metric": problem.primary.name,
            "averaged": last.get(problem.primary.name),
            "last": last.get(beside[1].name) if beside else None,
            **cell.record.cost,
            "training_seconds": cell.record.data["run"].get("training_seconds"),
        })  # fmt: skip
    return rows


def _table(study: Study, problem: Problem) -> str:
    """Methods in the order of their ranks, and how many pairs differ significantly."""
    primary, beside = problem.primary, other(problem)
    equal = at_equal_cost(problem, "generator_updates")
    lines = [
        f"| rank | method | {primary.label}: mean (95 % interval) | interquartile mean "
        "| last iterate | oscillation | failed | at equal generator updates |",
        "| --: | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for standing in standings(problem, comparison=study.comparison):
        if standing.rank is None:
            continue
        lines.append("| " + " | ".join(_row(problem, standing, beside, equal)) + " |")
    results = all_pairs(study, problem).results
    told = sum(each.outcome in ("ahead", "behind") for each in results)
    lines += [
        "",
        f"{told} of {len(results)} pairs differ significantly (Welch, Holm at 0.05 over all).",
        "",
    ]
    return "\n".join(lines)


def _row(
    problem: Problem,
    standing: Standing,
    beside: tuple[Iterate, Quantity] | None,
    equal: AtEqualCost | None,
) -> list[str]:
    primary = problem.primary
    mean = standing.last[primary.name]
    last = standing.last[beside[1].name] if beside else None
    swing = oscillation(problem, problem.by_method[standing.method])
    assert mean is not None
    assert standing.centre is not None
    told = numbers.of(primary, mean.value)
    if mean.low is not None and mean.high is not None:
        told += f" ({numbers.of(primary, mean.low)} to {numbers.of(primary, mean.high)})"
    at = None if equal is None else equal.scores.get(standing.method)
    return [
        str(standing.rank),
        standing.method,
        told,
        numbers.of(primary, standing.centre.value) if standing.holds else "failed",
        numbers.of(primary, last.value if last else None),
        numbers.of(primary, swing),
        f"{standing.failed} of {standing.trained}",
        numbers.of(primary, at),
    ]


if __name__ == "__main__":
    main()
