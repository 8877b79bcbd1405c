"""What a report says, in which order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, status_of
from bench.report.analysis.tables import FLOOR
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Document,
    Drawn,
    Entry,
    Figure,
    Notice,
    Paragraph,
    Section,
    Table,
    Verdict,
    Verdicts,
)
from bench.report.sections.cost import cost
from bench.report.sections.dataset import MARKS, centre, dataset, floor, headed, mark
from bench.report.sections.definitions import definitions
from bench.report.sections.failures import failures
from bench.report.sections.gaps import explained
from bench.report.sections.glance import glance
from bench.report.sections.methods import methods
from bench.report.sections.provenance import mixed, provenance
from bench.report.sections.robustness import card, robustness, variants
from bench.report.sections.stability import stability
from bench.report.sections.verdict import failed, headline

Ranked = list[Standing]


def compose(found: Findings, figures: dict[str, list[Drawn]], colours: dict[str, str]) -> Document:
    """The report of a study.

    ``figures`` are by problem label, and those of no single problem by section: overview, cost, and
    the anchors of experiments that are varied. The first of overview, or of these where there is
    none, stands on the first screen.
    """
    sections = []
    overview = figures.get("overview", [])
    shown = [*overview, *(f for v in found.varied for f in figures.get(v.anchor, []))]
    led = shown[0] if shown and isinstance(shown[0], Figure) else None
    if found.problems:
        parts = [dataset(found, p, figures.get(p.label, [])) for p, _ in found.fixed]
        parts += [variants(found, v, figures) for v in found.varied]
        if found.fixed:
            sections.append(
                Section("Overview", "overview", [*overview[1:], _overview(found.fixed)])
            )
        if found.varied:
            sections.append(robustness(found, figures, led))
        sections += [
            Section("Datasets", "datasets", [], parts),
            methods(found),
            stability(found),
            cost(found, figures.get("cost", [])),
        ]
    study = found.study
    sections += [
        failures(found.problems),
        definitions(found.problems, study.comparison),
        provenance(found),
    ]
    return Document(
        f"{study.name}: which way of stabilising GAN training works",
        _lead(found, led),
        sections,
        colours,
    )


def _lead(found: Findings, led: Figure | None) -> list[Block]:
    """The first screen: what was run, what came of it, and what must be known beside it."""
    blocks: list[Block] = [Paragraph(_what_was_run(found.problems))]
    if found.problems:
        verdicts = [
            Verdict(
                p.label,
                f"dataset-{p.anchor}",
                headline(p, ranked),
                failed(ranked),
                glance(found, p, ranked),
            )
            for p, ranked in found.fixed
        ]
        verdicts += [card(varied) for varied in found.varied]
        blocks.append(Verdicts(verdicts, led))
    if found.notes:
        blocks.append(Notice("Please note", found.notes))
    if warnings := [line for problem in found.problems for line in mixed(problem)]:
        blocks.append(Notice("Not all cells were run under the same conditions", warnings))
    cautions = [
        f"{p.label}: {line}" for p in found.problems for line in p.protocol.get("cautions", [])
    ]
    if cautions:
        blocks.append(Notice("Read with care", cautions))
    gaps = [f"{p.label}: {told}" for p in found.problems for _, told in explained(p, [p.primary])]
    if gaps:
        blocks.append(Notice("The metric that ranks the methods was not computed", gaps))
    if found.study.description.strip():
        blocks.append(Paragraph(found.study.description.strip()))
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
        f"{numbers.count(len(methods), 'method')} on {_datasets(problems)}: "
        f"{numbers.count(len(cells), 'cell')}, {ok} ok{rest}."
    )
    if any(status in ("missing", "stale") for status in counted):
        told += " What is missing or stale is trained by the next run and enters no number here."
    return told


def _datasets(problems: list[Problem]) -> str:
    """``2 datasets``, ``1 dataset in 3 variants``."""
    # a variant may change the dataset, as noise does, and it is the same dataset all the same
    cells = [problem.cell for problem in problems]
    names = {c.variation.dataset if c.variation else c.dataset.label for c in cells}
    told = numbers.count(len(names), "dataset")
    return told if len(names) == len(problems) else f"{told} in {len(problems)} variants"


def _overview(pairs: list[tuple[Problem, Ranked]]) -> Table:
    methods = sorted({name for problem, _ in pairs for name in problem.by_method})
    rows = []
    for method in methods:
        row = [Entry(method, method=method)]
        for problem, ranked in pairs:
            own = [s for s in ranked if s.method == method]
            row.append(_overview_entry(problem, own[0]) if own else Entry("", "quiet"))
        rows.append(row)
    floors = [floor(problem, problem.primary) for problem, _ in pairs]
    rows.append([Entry(FLOOR, "quiet"), *floors])
    return Table(
        "overview",
        f"Interquartile mean of the metric that ranks, over all seeds, and failed seeds. {MARKS}",
        ["method", *(f"{p.label}: {headed(p.primary)}" for p, _ in pairs)],
        rows,
    )


def _overview_entry(problem: Problem, standing: Standing) -> Entry:
    if not standing.trained:
        return Entry(standing.told_statuses, "quiet")
    shown = centre(problem, standing, mark(standing))
    if standing.failed and shown.mark != "failed":
        return replace(shown, text=f"{shown.text} ({standing.failed} of {standing.planned} failed)")
    return shown
