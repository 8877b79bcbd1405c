"""The figures that topics ask for, and which methods one shows that gives each a panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.page.document import Block, Drawing, Figure
from bench.words import program

MOST = 12
"""Methods on one sheet: more panels would be too small, or the sheet too long, to be read."""
FAILING = 4
"""Of these, places kept for methods whose seeds failed, which are rarely ranked first."""


@dataclass(frozen=True)
class Sheet:
    """Some of a dataset's methods, in order of their ranks."""

    methods: list[str]
    number: int = 1
    of: int = 1
    left_out: int = 0
    """Methods on other sheets."""
    problem: str = ""
    """What the dataset is called in names of figures."""

    @property
    def suffix(self) -> str:
        """Of names: nothing for the first sheet, then ``-2``, …"""
        return "" if self.number == 1 else f"-{self.number}"

    def told(self, kind: str) -> str:
        """Return what a caption says of the others, and how to see them; nothing without any."""
        if not self.left_out:
            return ""
        shown = len(self.methods)
        which = ", the best ranked and those with most failures" if self.number == 1 else ""
        names = [Sheet([], number).suffix for number in range(1, self.of + 1)]
        others = ", ".join(f"{self.problem}/{kind}{name}" for name in names if name != self.suffix)
        return (
            f"{shown} of {shown + self.left_out} methods{which}; the others: "
            f"{program()} figure {others}."
        )


def sheets(ranked: list[Standing], problem: str) -> list[Sheet]:
    """Return all methods of a problem, up to :data:`MOST` a sheet.

    The first sheet holds the best ranked and those with most failed seeds, the next ones the rest.
    """
    order = [standing.method for standing in ranked]
    if len(order) <= MOST:
        return [Sheet(order, problem=problem)]
    below = sorted(
        (s for s in ranked[MOST - FAILING :] if s.failed), key=lambda s: -s.failed / s.planned
    )
    failing = {standing.method for standing in below[:FAILING]}
    best = [method for method in order if method not in failing][: MOST - len(failing)]
    first = failing | set(best)
    rest = [method for method in order if method not in first]
    parts = [[m for m in order if m in first]]
    parts += [rest[at : at + MOST] for at in range(0, len(rest), MOST)]
    return [
        Sheet(part, number, len(parts), len(order) - len(part), problem)
        for number, part in enumerate(parts, 1)
    ]


Draw = Callable[..., Figure | str | None]


def figure(
    found: Findings, problem: Problem, kind: str, draw: Draw, in_variants: bool = False,
    in_report: bool = True,
) -> list[Block]:  # fmt: skip
    """Return the figure ``kind`` of one problem: ``draw``(style, folder).

    The report shows it of problems that are one of many variants only where ``in_variants`` says
    so, and of none without ``in_report``; ``bench figure`` draws it of all.
    """
    is_shown = in_report and (in_variants or problem.cell.variation is None)
    return [Drawing(f"{found.slugs[problem.anchor]}/{kind}", draw, is_shown)]


def sheeted(
    found: Findings, problem: Problem, ranked: list[Standing], kind: str, draw: Draw,
    in_variants: bool = False,
) -> list[Block]:  # fmt: skip
    """Return the figure ``kind``, a sheet for every dozen methods, of which the report shows one.

    ``draw``(problem, sheet, notes, style, folder); ``notes`` take what cannot be read.
    """
    drawn: list[Block] = []
    for sheet in sheets(ranked, found.slugs[problem.anchor]):
        own = partial(draw, problem, sheet, found.notes)
        drawn += figure(found, problem, kind + sheet.suffix, own, in_variants, sheet.number == 1)
    return drawn
