"""One figure of a study by its name, for a page or for a paper."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.report.analysis.findings import find
from bench.report.figures import Drawing, drawings
from bench.report.figures.drawing.style import Style
from bench.report.page.document import Figure
from bench.study import Study

FORMATS = ("pdf", "svg", "png")


def names(study: Study, planned: list[Planned]) -> list[str]:
    """Every name that :func:`write_figure` knows, in the order of the report."""
    return [drawing.name for drawing in _drawings(study, planned, Style([]), Path(), [])]


def write_figure(
    study: Study,
    planned: list[Planned],
    name: str,
    folder: Path,
    paper: bool = True,
    notes: list[str] | None = None,
) -> list[Path]:
    """Draw one figure alone into ``folder``, as .pdf, .svg and .png; their paths.

    ``paper`` draws it as wide as a journal's page with its letters, else as the report shows it.
    Records that cannot be read are named in ``notes``.

    Raises:
        BenchError: no figure has that name, there is nothing to draw, or no place to write to.
    """
    methods = sorted({each.cell.method.label for each in planned})
    style = Style(methods, paper=paper)
    told = [] if notes is None else notes
    with tempfile.TemporaryDirectory(prefix="bench-figure-") as scratch:
        place = Path(scratch)
        (place / "figures").mkdir()
        known = {each.name: each for each in _drawings(study, planned, style, place, told)}
        if name not in known:
            raise BenchError(_unknown(study, name, list(known)))
        with style.drawing(FORMATS):
            figure = known[name].draw()
        if not isinstance(figure, Figure):
            why = figure or "no record holds what it shows; `bench run` trains what is missing"
            raise BenchError(f"nothing to draw for '{name}': {why}")
        return _moved([place / f"{figure.file}.{kind}" for kind in FORMATS], name, folder)


def _drawings(
    study: Study, planned: list[Planned], style: Style, folder: Path, notes: list[str]
) -> list[Drawing]:
    found = find(study, planned, notes)
    return list(drawings(found.problems, found.standings, style, folder, notes))


def _unknown(study: Study, name: str, known: Sequence[str]) -> str:
    if not known:
        return f"study '{study.name}' has no cells, and so no figures"
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"study '{study.name}' has no figure '{name}'; {hint}there are: {', '.join(known)}"


def _moved(drawn: list[Path], name: str, folder: Path) -> list[Path]:
    """The files under the figure's own name: ``ring8-curves.pdf``."""
    stem = name.replace("/", "-")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(file, folder / f"{stem}{file.suffix}")) for file in drawn]
    except OSError as error:
        raise BenchError(
            f"cannot write the figure to '{folder}' ({error.strerror or error}); "
            "name another folder with --out"
        ) from error
