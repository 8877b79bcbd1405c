"""What a report says, in which order."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from bench.report.analysis.gaps import explained
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, status_of
from bench.report.analysis.tables import FLOOR
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Document,
    Entry,
    Figure,
    Items,
    Notice,
    Paragraph,
    Section,
    Table,
)
from bench.report.sections.accounts import cost, stability
from bench.report.sections.background import failures, mixed, provenance
from bench.report.sections.dataset import compare, floor, headed, mark
from bench.report.sections.definitions import definitions
from bench.report.sections.verdict import verdict
from bench.study import Study

Ranked = list[Standing]


def compose(
    study: Study,
    problems: list[Problem],
    standings: list[Ranked],
    runs: pd.DataFrame,
    figures: dict[str, list[Figure]],
    notes: list[str],
    colours: dict[str, str],
) -> Document:
    """The report of a study; ``runs`` is its table of cells, ``figures`` are by problem label."""
    pairs = list(zip(problems, standings, strict=True))
    sections = []
    if problems:
        sections = [
            Section("Overview", "overview",
                    [*figures.get("", []), _overview(pairs)]),
            Section("Datasets", "datasets", [],
                    [compare(p, ranked, figures.get(p.label, []))
                     for p, ranked in pairs]),
            stability(pairs, runs),
            cost(pairs, runs),
        ]  # fmt: skip
    sections += [failures(problems), definitions(problems), provenance(problems)]
    return Document(
        f"{study.name}: which way of stabilising GAN training works",
        _lead(study, pairs, notes),
        sections,
        colours,
    )


def _lead(study: Study, pairs: list[tuple[Problem, Ranked]], notes: list[str]) -> list[Block]:
    blocks: list[Block] = []
    if study.description.strip():
        blocks.append(Paragraph(study.description.strip()))
    blocks.append(Paragraph(_what_was_run([problem for problem, _ in pairs])))
    if notes:
        blocks.append(Notice("Please note", notes))
    if warnings := [line for problem, _ in pairs for line in mixed(problem)]:
        blocks.append(Notice("Not all cells were run under the same conditions", warnings))
    cautions = [
        f"{p.label}: {line}"
        for p, _ in pairs
        for line in p.shared_result("protocol").get("cautions", [])
    ]
    if cautions:
        blocks.append(Notice("Read with care", cautions))
    gaps = [f"{p.label}: {told}" for p, _ in pairs for _, told in explained(p, [p.primary])]
    if gaps:
        blocks.append(Notice("The metric that ranks the methods was not computed", gaps))
    if pairs:
        blocks.append(Items([(p.label, verdict(p, ranked)) for p, ranked in pairs]))
    return blocks


def _what_was_run(problems: list[Problem]) -> str:
    cells = [planned for problem in problems for planned in problem.planned]
    if not cells:
        return "The study names no cells."
    methods = {planned.cell.method.label for planned in cells}
    counted = Counter(status_of(planned) for planned in cells)
    ok = counted.pop("ok", 0)
    rest = "".join(f", {n} {status.replace('_', ' ')}" for status, n in counted.most_common())
    told = (
        f"{numbers.count(len(methods), 'method')} on {numbers.count(len(problems), 'dataset')}: "
        f"{numbers.count(len(cells), 'cell')}, {ok} ok{rest}."
    )
    if any(status in ("missing", "stale") for status in counted):
        told += " What is missing or stale is trained by the next run and enters no number here."
    return told


def _overview(pairs: list[tuple[Problem, Ranked]]) -> Table:
    methods = sorted({name for problem, _ in pairs for name in problem.by_method})
    rows = []
    for method in methods:
        row = [Entry(method, method=method)]
        for problem, ranked in pairs:
            found = [s for s in ranked if s.method == method]
            row.append(_overview_entry(problem, found[0]) if found else Entry("", "quiet"))
        rows.append(row)
    floors = [floor(problem, problem.primary) for problem, _ in pairs]
    rows.append([Entry(FLOOR, "quiet"), *floors])
    return Table(
        "overview",
        "Mean of the primary metric over finished seeds, and failed seeds. Bold: the best method "
        "of a dataset and those that cannot be told apart from it.",
        ["method", *(f"{p.label}: {headed(p.primary)}" for p, _ in pairs)],
        rows,
    )


def _overview_entry(problem: Problem, standing: Standing) -> Entry:
    mean = standing.last[problem.primary.name]
    failed = f" ({standing.failed} of {standing.planned} failed)" if standing.failed else ""
    if standing.not_computed(problem.primary):
        return Entry(numbers.NOT_COMPUTED + failed, "quiet")
    if mean is None:
        return Entry(standing.told_statuses, "failed" if standing.failed else "quiet")
    return Entry(numbers.of(problem.primary, mean.value) + failed, mark(problem, standing))
