"""A report as one HTML file that needs no other."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.report.page import copies
from bench.report.page.document import Document, Entry, Figure, Table, blocks_of
from bench.report.page.svg import for_page

HERE = Path(__file__).parent
FILTERED = 8
"""Rows beyond which a table can be filtered."""
NARROW = 640
"""Pixels up to which a figure finds room beside the verdicts; a wider one stands below them."""
MOST_SCORES = 16
"""Methods of which a card on a narrow page gives the score at first; it folds the others."""
LETTER, PADDING, PAPER = 5.4, 7.0, 510.0
"""Points, in print: of a letter in a table, of what parts two columns, and of an A4 page."""
LONG = 30
"""Rows beyond which a table scrolls in a box of its own, its head in sight."""


class Picture(NamedTuple):
    """A figure as the page holds it."""

    svg: Markup | None
    png: str
    """A data URL where there is no fit SVG."""
    width: int
    height: int


def render_page(document: Document, folder: Path, made: str) -> str:
    """Return the document with the figures below ``folder`` embedded; every text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = _Pictures(folder)
    figures = [block for block in blocks_of(document) if isinstance(block, Figure)]
    drawn = {id(figure): pictures.embed(figure) for figure in figures}
    numbers = {label: number for number, label in enumerate(document.colours)}
    script = _script()

    def of_row(row: list[Entry], names: int) -> int | None:
        """Return the number of the method that a row is about; others may be named in it, too."""
        return numbers.get(row[names].method) if names < len(row) else None

    return environment.get_template("page.html").render(
        document=document,
        made=made,
        # style and script are ours, and quotes in them must stay quotes
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        picture=lambda figure: drawn[id(figure)],
        numbers=numbers,
        swatch=document.colours.__getitem__,
        of_row=of_row,
        column=_column,
        wide=_is_wide,
        packed=copies.packed,
        as_csv=copies.as_csv,
        as_latex=copies.as_latex,
        filtered=FILTERED,
        long=LONG,
        narrow=NARROW,
        most_scores=MOST_SCORES,
        only_listings=lambda block: all(b.kind == "listing" for b in block.blocks),
    )


class _Pictures:
    """Figures as they are embedded."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.count = 0

    def embed(self, figure: Figure) -> Picture:
        self.count += 1
        file = self.folder / f"{figure.file}.svg"
        if file.is_file():
            try:
                found = for_page(file.read_text(encoding="utf-8"), f"f{self.count}", figure.alt)
            except ValueError:
                # a name may hold a letter that no XML may; the PNG shows the same
                pass
            else:
                return Picture(found.markup, "", round(found.width), 0)
        content = (self.folder / f"{figure.file}.png").read_bytes()
        url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        # width and height are in a PNG's header; a page that knows them does not jump
        width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
        return Picture(None, url, width, height)


def _script() -> str:
    """Return all that runs on the page, as one function, which shares no names with others."""
    files = [*sorted(HERE.glob("page.*.js")), HERE / "page.js"]
    texts = [file.read_text(encoding="utf-8") for file in files]
    return "\n".join(['"use strict";', "(() => {", *texts, "})();"])


def _column(table: Table, index: int) -> list[str]:
    """Return style classes of one column of a table."""
    if index in table.texts:
        return ["left", "words"]
    return ["left"] if index <= table.names else []


def _is_wide(table: Table) -> bool:
    """Return whether paper is too narrow for the rows on one line each."""
    kept = [i for i in range(len(table.header)) if i not in table.hidden and i not in table.texts]
    letters = sum(max((len(row[i].text) for row in table.rows if i < len(row)), default=0)
                  for i in kept)  # fmt: skip
    return LETTER * letters + PADDING * len(kept) > PAPER or bool(table.texts)
