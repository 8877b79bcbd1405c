"""What a report says, in which order."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from bench.report import numbers
from bench.report.accounts import cost, stability
from bench.report.background import definitions, failures, mixed, provenance
from bench.report.document import (
    Block,
    Details,
    Document,
    Entry,
    Figure,
    Items,
    Mark,
    Notice,
    Paragraph,
    Section,
    Table,
)
from bench.report.problems import Problem, describe
from bench.report.ranking import ABSENT, Standing, status_of
from bench.report.tables import FLOOR
from bench.report.verdict import verdict
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
                    [*figures.get("", []), _overview(pairs, colours)]),
            Section("Datasets", "datasets", [],
                    [_problem(p, ranked, figures.get(p.label, []), colours)
                     for p, ranked in pairs]),
            stability(pairs, runs, colours),
            cost(pairs, runs, colours),
        ]  # fmt: skip
    sections += [failures(problems), definitions(problems), provenance(problems)]
    return Document(
        f"{study.name}: which way of stabilising GAN training works",
        _lead(study, pairs, notes),
        sections,
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


def _overview(pairs: list[tuple[Problem, Ranked]], colours: dict[str, str]) -> Table:
    methods = sorted({name for problem, _ in pairs for name in problem.by_method})
    rows = []
    for method in methods:
        row = [Entry(method, colour=colours[method])]
        for problem, ranked in pairs:
            found = [s for s in ranked if s.method == method]
            row.append(_overview_entry(problem, found[0]) if found else Entry("", "quiet"))
        rows.append(row)
    floors = [numbers.of(p.primary, p.shared_result("floor").get(p.primary.name)) for p, _ in pairs]
    rows.append([Entry(FLOOR, "quiet"), *(Entry(floor, "quiet") for floor in floors)])
    return Table(
        "Mean of the primary metric over finished seeds, and failed seeds. Bold: the best method "
        "of a dataset and those that cannot be told apart from it.",
        ["method", *(f"{p.label}: {p.primary.label} {_way(p)}" for p, _ in pairs)],
        rows,
    )


def _overview_entry(problem: Problem, standing: Standing) -> Entry:
    mean = standing.last[problem.primary.name]
    if mean is None:
        return Entry(standing.told_statuses, "failed" if standing.failed else "quiet")
    told = numbers.of(problem.primary, mean.mean)
    if standing.failed:
        told += f" ({standing.failed} of {standing.planned} failed)"
    return Entry(told, _mark(problem, standing))


def _way(problem: Problem) -> str:
    return "↑" if problem.primary.higher_is_better else "↓"


def _mark(problem: Problem, standing: Standing) -> Mark:
    good = standing.against_best(problem.primary) in ("best", "tied", "ahead")
    return "best" if good else ""


def _problem(
    problem: Problem, ranked: Ranked, figures: list[Figure], colours: dict[str, str]
) -> Section:
    blocks: list[Block] = [
        Paragraph(verdict(problem, ranked)),
        _ranking(problem, ranked, colours),
        *figures,
        Details("Architecture, setting and budget", [Items(list(describe(problem.cell).items()))]),
    ]
    if warnings := mixed(problem):
        blocks.insert(1, Notice("Not all cells were run under the same conditions", warnings))
    return Section(problem.label, f"dataset-{problem.anchor}", blocks)


def _ranking(problem: Problem, ranked: Ranked, colours: dict[str, str]) -> Table:
    primary, *others = problem.dataset.metrics
    rows = []
    for s in ranked:
        mean = s.last[primary.name]
        failed = Entry(str(s.failed), "failed") if s.failed else Entry("0")
        if all(status in ABSENT for status in s.statuses):
            failed = Entry(s.told_statuses, "quiet")
        rows.append([
            Entry(numbers.NOTHING if s.rank is None else str(s.rank)),
            Entry(s.method, _mark(problem, s), colours[s.method]),
            Entry(numbers.mean(primary, mean, s.finished), _mark(problem, s)),
            Entry(numbers.bounds(primary, mean)),
            Entry(numbers.difference(primary, s.difference)),
            Entry(f"{s.finished} of {s.planned}"),
            failed,
            *(Entry(numbers.mean_and_half_width(m, s.last[m.name], s.finished)) for m in others),
        ])  # fmt: skip
    floor = problem.shared_result("floor")
    rows.append([
        Entry("", "quiet"),
        Entry(FLOOR, "quiet"),
        Entry(numbers.of(primary, floor.get(primary.name)), "quiet"),
        *([Entry("", "quiet")] * 4),
        *(Entry(numbers.of(m, floor.get(m.name)), "quiet") for m in others),
    ])  # fmt: skip
    return Table(
        f"Methods on {problem.label} by {primary.label} at the last evaluation, "
        f"{'highest' if primary.higher_is_better else 'lowest'} first. Bold: the best and what "
        "cannot be told apart from it. Difference to the best: paired at equal seeds, with its "
        f"{numbers.INTERVAL}. After ±: half of the {numbers.INTERVAL}. "
        "Real data: real samples measured against real samples.",
        ["rank", "method", primary.label, numbers.INTERVAL, "difference to the best",
         "seeds finished", "seeds failed",
         *(f"{m.label} {'↑' if m.higher_is_better else '↓'}" for m in others)],
        rows,
        names=1,
    )  # fmt: skip
