"""All that is worked out of a study's records before a word of the report is written."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench.execution.plan import Planned
from bench.report.analysis.deciding import Decided, all_pairs, decisions
from bench.report.analysis.problems import Problem, problems
from bench.report.analysis.ranking import Standing, standings
from bench.report.analysis.tables import runs_table
from bench.report.analysis.variants import Pair, Varied, varied
from bench.study import Study


@dataclass(frozen=True)
class Findings:
    """A study's problems, where every method stands on each, and the table of its cells."""

    study: Study
    problems: list[Problem]
    standings: list[list[Standing]]
    notes: list[str]
    """What the reader must know: damaged records, method files that cannot be used."""
    baseline: str = ""
    """Label of the method that the reader wants the others compared with."""
    results: Path = Path("results")
    """The folder that the records are from."""

    @property
    def pairs(self) -> list[Pair]:
        return list(zip(self.problems, self.standings, strict=True))

    @property
    def fixed(self) -> list[Pair]:
        """Those of ``pairs`` whose experiment is not varied."""
        return [pair for pair in self.pairs if pair[0].cell.variation is None]

    @cached_property
    def varied(self) -> list[Varied]:
        """The experiments that are varied; their problems are all the others."""
        return varied(self.problems, self.standings)

    @cached_property
    def decided(self) -> dict[str, Decided]:
        """Every pair of methods, by the label of its problem."""
        if self.study.deciding is None:
            return {each.label: all_pairs(self.study, each) for each in self.problems}
        return {each.problem.label: each for each in decisions(self.study, self.problems)}

    @cached_property
    def methods(self) -> list[str]:
        """Every label, sorted: the place of each gives it its colour and number."""
        return sorted({name for problem in self.problems for name in problem.by_method})

    @cached_property
    def runs(self) -> pd.DataFrame:
        return runs_table(self.problems)

    @cached_property
    def cells(self) -> dict[tuple[str, str], pd.DataFrame]:
        """The rows of ``runs`` by problem label and method label."""
        grouped = self.runs.groupby(["problem", "method_label"], sort=False)
        return {(str(key[0]), str(key[1])): rows for key, rows in grouped if isinstance(key, tuple)}

    def finished(self, problem: Problem, method: str) -> pd.DataFrame:
        """Return the rows of a method's finished seeds; none where it is not planned."""
        cells = self.cells.get((problem.label, method), self.runs[:0])
        return cells[cells["status"] == "ok"]

    @property
    def leading(self) -> str:
        """The anchor of the varied experiment whose heat map leads the report; "" for another."""
        return "" if self.fixed or not self.varied else self.varied[0].anchor

    @cached_property
    def slugs(self) -> dict[str, str]:
        """What a problem or a varied experiment is called in names of figures, by its anchor.

        Its label where that can be typed and is unique, else the anchor.
        """
        named = [(p.label, p.anchor) for p in self.problems]
        return _slugs(named) | _slugs([(v.label, v.anchor) for v in self.varied])

    def of(self, method: str) -> list[tuple[Problem, Standing]]:
        """Return a method's standing on every problem it was planned for."""
        return [(p, s) for p, ranked in self.pairs for s in ranked if s.method == method]


def find(
    study: Study,
    planned: list[Planned],
    notes: list[str],
    baseline: str = "",
    results: Path = Path("results"),
) -> Findings:
    """Group, rank and compare."""
    found = problems(planned)
    ranked = [standings(problem, baseline, study.comparison) for problem in found]
    return Findings(study, found, ranked, notes, baseline, results)


def _slugs(labels: list[tuple[str, str]]) -> dict[str, str]:
    plain = {a: re.sub(r"[^A-Za-z0-9_.]+", "-", label).strip("-.") for label, a in labels}
    often = Counter(name.casefold() for name in plain.values())
    return {
        anchor: name if name and len(name) <= 60 and often[name.casefold()] == 1 else anchor
        for anchor, name in plain.items()
    }
