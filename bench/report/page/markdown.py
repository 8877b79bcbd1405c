"""A report as Markdown, as code hosts show it."""

from __future__ import annotations

import re

from bench.report.page.document import (
    Block,
    Details,
    Document,
    Entry,
    Figure,
    Items,
    Listing,
    Notice,
    Paragraph,
    Section,
    Table,
)

_SPECIAL = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
"""What would be read as markup; an underscore within a word is not."""


def render_markdown(document: Document, made: str) -> str:
    """The whole document; figures are referred to by their relative paths."""
    parts = [f"# {escape(document.title)}", *map(_block, document.lead)]
    for section in document.sections:
        parts += _section(section, 2)
    parts.append(f"Made {made}.")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Any text as plain words on one line."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def _section(section: Section, level: int) -> list[str]:
    parts = [f"{'#' * level} {escape(section.title)}", *map(_block, section.blocks)]
    for part in section.parts:
        parts += _section(part, level + 1)
    return parts


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Figure():
            alt = escape(block.alt)
            return f"![{alt}]({block.file}.png)\n\n*{escape(block.caption)}*"
        case Paragraph():
            return escape(block.text)
        case Items():
            return "\n".join(
                f"- **{escape(term)}**: {escape(text)}" if term else f"- {escape(text)}"
                for term, text in block.items
            )
        case Notice():
            lines = [f"**{escape(block.title)}**", *(f"- {escape(line)}" for line in block.lines)]
            return "\n".join(f"> {line}" if line else ">" for line in [lines[0], "", *lines[1:]])
        case Listing():
            # a fence must be longer than any run of backticks within
            runs = re.findall(r"`+", block.text)
            fence = "`" * max(3, 1 + max(map(len, runs), default=0))
            return f"{fence}text\n{block.text}\n{fence}"
        case Details():
            inner = "\n\n".join(map(_block, block.blocks))
            summary = escape(block.summary)
            return f"<details>\n<summary>{summary}</summary>\n\n{inner}\n\n</details>"


def _table(table: Table) -> str:
    marks = [":--" if i <= table.names or i in table.texts else "--:"
             for i in range(len(table.header))]  # fmt: skip
    lines = [_row([escape(name) for name in table.header]), _row(marks)]
    lines += [_row([_entry(entry) for entry in row]) for row in table.rows]
    return f"{escape(table.caption)}\n\n" + "\n".join(lines)


def _row(entries: list[str]) -> str:
    return "| " + " | ".join(entries) + " |"


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    return f"**{text}**" if entry.mark == "best" and text else text
