"""A study file, validated, and the cells it names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bench.errors import BenchError, nearest
from bench.records.cell import Cell
from bench.study.changes import changed, of_parts
from bench.study.deciding import Deciding
from bench.study.expansion import Expansion, check_asked
from bench.study.file import read_whole
from bench.study.selection import Selection
from bench.training.savepoints import EVERY

STUDIES = Path(__file__).parent.parent / "studies"
RESERVED = (
    *("cells", "cache", "damaged", "mlartifacts", "reference"),
    *("mlflow.db", "tracked.json", "export.parquet"),
)
"""Names in a results folder that are no reports."""
NAME = 100
"""Letters of a study's name, which folders, files and MLflow's experiments bear."""


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
    """Its name on the command line: a shipped study's name, or the file's path."""
    expansion: Expansion | None = field(default=None, repr=False, compare=False)
    """The study before `cells` were narrowed; None for a study without a file."""
    keep: str | None = None
    """Checkpoints whose networks are kept; None: all of small ones, else the ends."""
    metrics: tuple[str, ...] = ()
    """The only metrics that are measured now; none: all."""
    comparison: Literal["welch", "paired"] = "welch"
    """How two methods without failed seeds are compared."""
    deciding: Deciding | None = None
    """How seeds are added; None: ``cells`` are all there are."""
    reserve: list[Cell] = field(default_factory=list, repr=False, compare=False)
    """``cells`` and those that may be added to them."""
    margin: float | dict[str, float] | None = None
    """Differences in the metric that ranks below which methods are equal, or one by dataset."""
    save_every: float = EVERY
    """Seconds from one savepoint of a training to the next; 0: none but when it is stopped."""

    def margin_on(self, dataset: str) -> float | None:
        """Return the margin of one dataset; None where none was stated."""
        return self.margin.get(dataset) if isinstance(self.margin, dict) else self.margin

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

    def grown(self, stored: Collection[str]) -> Study:
        """Return the study with those of the added seeds whose keys are stored."""
        known = {cell.key for cell in self.cells} | {*stored}
        added = [cell for cell in self.reserve if cell.key in known]
        return self if self.deciding is None else replace(self, cells=added)


def studies() -> dict[str, Path]:
    """Return the studies that ship with the benchmark."""
    return {file.stem: file for file in sorted(STUDIES.glob("*.yaml"))}


def load_study(name: str, selection: Selection = WHOLE, decide: bool = False) -> Study:
    """Return a study by the name of a shipped one or by the path of a YAML file.

    With ``decide``, seeds are added until its question is decided, also where the file has a fixed
    number. Seeds that are selected are fixed.
    """
    file = studies().get(name) or Path(name)
    if not file.is_file():
        raise BenchError(
            f"unknown study '{name}'{nearest(name, list(studies()))}; or give a file's path"
        )
    if problem := _no_folder_name(file.stem):
        raise BenchError(f"a study cannot be called '{file.stem}': {problem}; rename the file")
    filed, content = read_whole(file)
    described = changed(filed, content, selection.overrides)
    selection = replace(selection, overrides=of_parts(filed, selection.overrides))
    if decide:
        filed, described = filed.decided(), described.decided()
    expansion = Expansion(described, filed)
    cells = expansion.cells(selection)
    check_asked(expansion, selection)
    deciding = None if selection.seeds else described.deciding
    reserve = cells
    if deciding is not None:
        cells = [cell for cell in cells if cell.seed < deciding.start]
    study = Study(
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
        deciding,
        reserve,
        described.margin,
        described.save_every,
    )
    _check_names(study)
    return study


def _no_folder_name(name: str) -> str:
    """Return why a study's report cannot lie in a folder of that name; empty if it can."""
    if name.casefold() in RESERVED:
        return "the results folder keeps its own things under that name"
    if name.startswith("."):
        return "names that begin with a dot are hidden, or lead out of the results folder"
    if not name.isprintable() or "\\" in name:
        return "the name of a folder has no control characters and no backslash"
    if len(name.encode()) > NAME:
        return f"the name has more than {NAME} bytes"
    return ""


def _check_names(study: Study) -> None:
    """Refuse a baseline or a dataset with a margin that the study does not have."""
    if study.deciding is None and study.margin is None:
        return
    cells = [*study.whole, *study.reserve]
    methods = sorted({cell.method.label for cell in cells})
    deciding = study.deciding
    if deciding is not None and deciding.baseline and deciding.baseline not in methods:
        raise BenchError(
            f"seeds.baseline: the study has no method '{deciding.baseline}'"
            f"{nearest(deciding.baseline, methods)}"
        )
    datasets = sorted({cell.dataset.name for cell in cells})
    margins = study.margin if isinstance(study.margin, dict) else {}
    for name in margins:
        if name not in datasets:
            raise BenchError(f"margin: the study has no dataset '{name}'{nearest(name, datasets)}")
