"""The order of a report, and its first screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import status_of
from bench.report.page.document import (
    Block,
    Document,
    Drawing,
    Items,
    Notice,
    Paragraph,
    Section,
    Verdict,
    Verdicts,
    blocks_of,
)
from bench.report.topics.dataset.gaps import explained
from bench.report.topics.dataset.pairs import answer
from bench.report.topics.dataset.ranking import headed, scores
from bench.report.topics.study.cost import cost, cost_per_run
from bench.report.topics.study.datasets import datasets
from bench.report.topics.study.definitions import definitions
from bench.report.topics.study.failures import failures
from bench.report.topics.study.methods import methods
from bench.report.topics.study.overview import overview
from bench.report.topics.study.provenance import mixed, provenance
from bench.report.topics.study.robustness import card, robustness, variants_map
from bench.report.topics.study.scored import scored
from bench.report.topics.study.stability import stability
from bench.report.topics.study.strips import strips
from bench.report.topics.study.verdict import failed, finding, headline
from bench.words import count, listing, program

TOPICS: tuple[Callable[[Findings], list[Section]], ...] = (
    strips, robustness, datasets, stability, cost, methods, failures, definitions, provenance
)  # fmt: skip
"""What follows the first screen, in the order of the page."""


def compose(found: Findings, colours: dict[str, str]) -> Document:
    """Return the report of a study, with its figures yet to be drawn."""
    return Document(
        f"{found.study.name}: GAN training methods compared",
        _lead(found),
        [section for topic in TOPICS for section in topic(found)],
        colours,
    )


def drawings(found: Findings) -> list[Drawing]:
    """Return every figure of a study in the order of its report, also those it does not show."""
    return [block for block in blocks_of(compose(found, {})) if isinstance(block, Drawing)]


def _leading(found: Findings) -> Drawing | None:
    """Return the figure of the first screen."""
    if found.fixed:
        return overview(found)
    return variants_map(found, found.varied[0]) if found.leading else None


def _lead(found: Findings) -> list[Block]:
    """Return the first screen: what was found, run and paid, and what the reader must know."""
    blocks: list[Block] = []
    if told := finding(found):
        blocks.append(Paragraph(told, is_bold=True))
    blocks.append(Items(_facts(found)))
    if found.problems:
        verdicts = [
            Verdict(
                p.label,
                f"dataset-{p.anchor}",
                headline(p, ranked),
                failed(ranked),
                (("Metric", headed(p.primary)), *_asked(found, p)),
                scores(p, ranked),
            )
            for p, ranked in found.fixed
        ]
        verdicts += [card(varied) for varied in found.varied]
        blocks.append(Verdicts(verdicts, _leading(found)))
    blocks.append(Notice("Please note", found.notes))
    warnings = [line for problem in found.problems for line in mixed(problem)]
    blocks.append(Notice("Not all runs were made under the same conditions", warnings))
    by_caution: dict[str, list[str]] = {}
    for problem in found.problems:
        for line in problem.protocol.get("cautions", []):
            by_caution.setdefault(line, []).append(problem.label)
    lines = [f"{listing(labels)}: {line}" for line, labels in by_caution.items()]
    blocks.append(Notice("Read with care", lines))
    gaps = [f"{p.label}: {told}" for p in found.problems for _, told in explained(p, [p.primary])]
    blocks.append(Notice("The primary metric was not computed", gaps))
    if found.study.description.strip():
        blocks.append(Paragraph(found.study.description.strip()))
    return blocks


def _asked(found: Findings, problem: Problem) -> tuple[tuple[str, str], ...]:
    """Return whether a sequential study's question is decided; nothing for other studies."""
    if found.study.deciding is None:
        return ()
    return (("Sequential test", answer(found.decided[problem.label])),)


def _facts(found: Findings) -> list[tuple[str, str]]:
    """Return what was run, and what one run cost."""
    facts = [("Run", _what_was_run(found.problems)), ("Scored", scored(found)),
             ("Cost", cost_per_run(found))]  # fmt: skip
    return [(term, told) for term, told in facts if told]


def _what_was_run(problems: list[Problem]) -> str:
    # a run that is measured in two ways belongs to two problems
    runs = {planned.cell.key: planned for problem in problems for planned in problem.planned}
    cells = list(runs.values())
    if not cells:
        return "The study names no runs."
    methods = {planned.cell.method.label for planned in cells}
    counted = Counter(status_of(planned) for planned in cells)
    ok = counted.pop("ok", 0)
    rest = "".join(f", {n} {status.replace('_', ' ')}" for status, n in counted.most_common())
    each = sorted({len(own) for problem in problems for own in problem.by_method.values()})
    seeds = f"{each[0]} to {each[-1]} seeds" if len(each) > 1 else count(each[0], "seed")
    finished = f"all {ok} runs finished" if not rest else f"{ok} of {len(cells)} runs finished"
    told = f"{count(len(methods), 'method')} × {_datasets(problems)} × {seeds}; {finished}{rest}."
    if any(status in ("missing", "stale") for status in counted):
        told += f" Missing and stale runs enter no number; the next “{program()} run” trains them."
    return told


def _datasets(problems: list[Problem]) -> str:
    """Return ``2 datasets``, ``1 dataset in 3 variants``."""
    # a variant may change the dataset, as noise does, and it is the same dataset all the same
    cells = [problem.cell for problem in problems]
    names = {c.variation.dataset if c.variation else c.dataset.label for c in cells}
    told = count(len(names), "dataset")
    return told if len(names) == len(problems) else f"{told} in {len(problems)} variants"
