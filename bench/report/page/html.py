"""A report as one HTML file that needs no other."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.report.page.document import Document, Figure, Table

HERE = Path(__file__).parent


def render_page(document: Document, folder: Path, made: str) -> str:
    """The document with the figures below ``folder`` embedded; every text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def embedded(figure: Figure) -> str:
        content = base64.b64encode((folder / f"{figure.file}.png").read_bytes()).decode()
        return f"data:image/png;base64,{content}"

    def size(figure: Figure) -> tuple[int, int]:
        """Width and height in pixels, from the PNG's header, so that the page does not jump."""
        header = (folder / f"{figure.file}.png").read_bytes()[16:24]
        return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")

    def column(table: Table, index: int) -> list[str]:
        """Style classes of one column of a table."""
        if index in table.texts:
            return ["left", "words"]
        return ["left"] if index <= table.names else []

    return environment.get_template("page.html").render(
        document=document,
        made=made,
        # the style sheet is ours, and quotes in it must stay quotes
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        embedded=embedded,
        size=size,
        column=column,
    )
