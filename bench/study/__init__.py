"""A study file, validated, and the cells it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.errors import BenchError, nearest
from bench.records.cell import Cell
from bench.study.expansion import Expansion, check_asked
from bench.study.file import read
from bench.study.selection import Selection

STUDIES = Path(__file__).parent.parent / "studies"
RESERVED = ("cells", "cache", "damaged", "mlartifacts", "reference")
"""Folders of a results folder that hold no report."""


WHOLE = Selection()


@dataclass(frozen=True)
class Study:
    """A validated study and the cells it expands to."""

    name: str
    description: str
    time_limit: float
    cells: list[Cell]
    require: tuple[str, ...] = ()
    """Metrics without which the study is not to be run."""
    source: str = ""
    """What a user types to name it: a shipped study's name, or the file's path."""
    expansion: Expansion | None = field(default=None, repr=False, compare=False)
    """What `cells` were narrowed from; None for a study that no file describes."""
    keep: str | None = None
    """Checkpoints whose networks are kept; None: all of small ones, else the ends."""
    metrics: tuple[str, ...] = ()
    """The only metrics that are measured now; none: all."""
    comparison: Literal["welch", "paired"] = "welch"
    """How two methods without failed seeds are compared."""

    @property
    def whole(self) -> list[Cell]:
        """The cells of the study before it was narrowed.

        They are `cells` themselves where no file describes the study, and where it cannot be
        expanded whole, as when a method that was left out is broken.
        """
        if self.expansion is None:
            return self.cells
        try:
            return self.expansion.whole
        except BenchError:
            return self.cells


def studies() -> dict[str, Path]:
    """The studies that ship with the benchmark."""
    return {file.stem: file for file in sorted(STUDIES.glob("*.yaml"))}


def load_study(name: str, selection: Selection = WHOLE) -> Study:
    """A study by the name of a shipped one or by the path of a YAML file."""
    file = studies().get(name) or Path(name)
    if not file.is_file():
        raise BenchError(
            f"unknown study '{name}'{nearest(name, list(studies()))}; or give a file's path"
        )
    if file.stem in RESERVED:
        raise BenchError(
            f"a study cannot be called '{file.stem}': the results folder keeps its own things "
            "under that name; rename the file"
        )
    described = read(file)
    expansion = Expansion(described)
    cells = expansion.cells(selection)
    check_asked(expansion, selection)
    return Study(
        file.stem,
        described.description,
        described.time_limit,
        cells,
        tuple(described.require),
        name,
        expansion,
        described.keep,
        selection.metrics,
        described.comparison,
    )
