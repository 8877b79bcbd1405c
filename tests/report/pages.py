"""Reads a written report as its readers do."""

import html.parser
import re
from pathlib import Path


class Page(html.parser.HTMLParser):
    """What a browser would find: tags, the words shown, and pictures."""

    def __init__(self, file: Path):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def rows_of(markdown: str, header: str) -> list[list[str]]:
    """The rows of the first Markdown table whose header line holds ``header``."""
    lines = markdown.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|") and header in line)
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        rows.append([re.sub(r" [★≈]$", "", cell.strip()).strip("*") for cell in cells])
    return rows
