"""One figure of a study by its name, for a page or for a paper."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.report.analysis.findings import find
from bench.report.content import drawings
from bench.report.drawing.style import Style
from bench.report.page.document import Figure
from bench.study import Study

FORMATS = ("pdf", "svg", "png")
Width: TypeAlias = Literal["column", "page"]


def names(study: Study, planned: list[Planned]) -> list[str]:
    """Return every name that :func:`write_figure` knows, in the order of the report."""
    found = find(study, planned, [])
    return [drawing.name for drawing in drawings(found)]


def write_figure(
    study: Study,
    planned: list[Planned],
    name: str,
    folder: Path,
    paper: bool = True,
    notes: list[str] | None = None,
    width: Width = "column",
) -> list[Path]:
    """Draw one figure alone into ``folder``, as .pdf, .svg and .png; their paths.

    ``paper`` draws it with a journal's letters, as wide as one of its columns or as its page, else
    as the report shows it. ``notes`` take what the reader must know, such as damaged records.

    Raises:
        BenchError: no figure has that name, there is nothing to draw, or no place to write to.
    """
    if planned and not any(each.record for each in planned):
        raise BenchError(
            f"nothing of study '{study.name}' is stored in that results folder; `bench run` trains "
            "it, --results names another folder"
        )
    methods = sorted({each.cell.method.label for each in planned})
    told = [] if notes is None else notes
    with tempfile.TemporaryDirectory(prefix="bench-figure-") as scratch:
        place = Path(scratch)
        (place / "figures").mkdir()
        found = find(study, planned, told)
        known = {each.name: each for each in drawings(found)}
        if name not in known:
            raise BenchError(_unknown(study, name, list(known)))

        style = Style(methods, paper, in_column=width == "column")
        with style.drawing(FORMATS):
            figure = known[name].draw(style, place)
        if not isinstance(figure, Figure):
            why = figure or "no record holds what it shows; `bench run` trains what is missing"
            raise BenchError(f"nothing to draw for '{name}': {why}")
        return _moved([place / f"{figure.file}.{kind}" for kind in FORMATS], name, folder)


def _unknown(study: Study, name: str, known: Sequence[str]) -> str:
    if not known:
        return f"study '{study.name}' has no cells, and so no figures"
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"study '{study.name}' has no figure '{name}'; {hint}there are: {', '.join(known)}"


def _moved(drawn: list[Path], name: str, folder: Path) -> list[Path]:
    """Return the files under the figure's own name: ``ring8-curves.pdf``."""
    stem = name.replace("/", "-")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(file, folder / f"{stem}{file.suffix}")) for file in drawn]
    except OSError as error:
        raise BenchError(
            f"cannot write the figure to '{folder}' ({error.strerror or error}); "
            "name another folder with --out"
        ) from error
