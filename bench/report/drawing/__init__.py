"""What figures share, and the drawing of all that a document shows."""

from __future__ import annotations

from pathlib import Path

from bench.report.drawing.style import Style
from bench.report.page.document import Block, Document, Drawing, Paragraph, with_figures


def drawn(document: Document, style: Style, folder: Path) -> Document:
    """Draw into ``folder``/figures all that a document shows, and return it with its figures.

    Where there is nothing to draw for a reason, its words stand in the figure's place. What is
    folded away is drawn only as SVG, since report.md does not show it.
    """
    (folder / "figures").mkdir(exist_ok=True)

    def draw(drawing: Drawing, seen: bool) -> Block | None:
        if not drawing.in_report:
            return None
        with style.drawing(("svg", "png") if seen else ("svg",)):
            figure = drawing.draw(style, folder)
        return Paragraph(figure) if isinstance(figure, str) else figure

    return with_figures(document, draw)
