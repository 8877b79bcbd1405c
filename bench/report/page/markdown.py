"""A report as Markdown, as code hosts show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bench.report.page.copies import FOLDER
from bench.report.page.document import (
    Block,
    Choice,
    Details,
    Document,
    Drawing,
    Entry,
    Figure,
    Items,
    Listing,
    Notice,
    Paragraph,
    Section,
    Table,
    Verdicts,
)

_SPECIAL = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
"""What would be read as markup; an underscore within a word is not."""


def render_markdown(document: Document, made: str, page: str = "") -> str:
    """Return a document as Markdown; figures are referred to by their relative paths.

    Args:
        page: the file of the same document as HTML. Where it is given, what that folds away is
            left out; else everything is written.
    """
    if page:
        sections = [kept for each in document.sections if (kept := _unfolded(each)) is not None]
        document = replace(document, lead=_shown(document.lead), sections=sections)
    parts = [f"# {escape(document.title)}", *_blocks(document.lead)]
    for section in document.sections:
        parts += _section(section, 2)
    parts.append(f"Made {made}.")
    if page:
        parts.append(f"Left out: what [{page}]({page}) folds away; {FOLDER}/ holds its tables.")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return text as plain words on one line."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def _shown(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if not isinstance(block, Details)]


def _unfolded(section: Section) -> Section | None:
    """Return a section without what is folded away; None where that is all of it."""
    parts = [kept for part in section.parts if (kept := _unfolded(part)) is not None]
    blocks = _shown(section.blocks)
    return replace(section, blocks=blocks, parts=parts) if blocks or parts else None


def _section(section: Section, level: int) -> list[str]:
    parts = [f"{'#' * level} {escape(section.title)}", *_blocks(section.blocks)]
    for part in section.parts:
        parts += _section(part, level + 1)
    return parts


def _blocks(blocks: Sequence[Block]) -> list[str]:
    return [text for block in blocks if (text := _block(block))]


def _block(block: Block) -> str:
    match block:
        case Notice(lines=[]):
            return ""
        case Table():
            return _table(block)
        case Figure():
            return _figure(block)
        case Paragraph():
            return f"**{escape(block.text)}**" if block.is_bold else escape(block.text)
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
        case Verdicts():
            lines = [
                f"- **{escape(told.dataset)}**: {escape(told.sentence)}"
                + (f" **Failed:** {escape(told.failed)}." if told.failed else "")
                + "".join(f"\n  - {escape(term)}: {escape(text)}" for term, text in told.notes)
                for told in block.verdicts
            ]
            beside = [_figure(block.beside)] if isinstance(block.beside, Figure) else []
            return "\n\n".join([*beside, "\n".join(lines)])
        case Choice():
            return _block(block.options[0][1])
        case Drawing():
            raise TypeError(f"{block.name} has not been drawn")
        case Details():
            inner = "\n\n".join(_blocks(block.blocks))
            summary = escape(block.summary)
            return f"<details>\n<summary>{summary}</summary>\n\n{inner}\n\n</details>"


def _figure(figure: Figure) -> str:
    return f"![{escape(figure.alt)}]({figure.file}.png)\n\n*{escape(figure.caption)}*"


def _table(table: Table) -> str:
    """Return the columns that a page shows at first; the others are in the table's CSV."""
    kept = [i for i in range(len(table.header)) if i not in table.hidden]
    marks = [":--" if i <= table.names or i in table.texts else "--:" for i in kept]
    lines = [_row([escape(table.header[i]) for i in kept]), _row(marks)]
    lines += [
        _row([_entry(row[i], i == table.names) for i in kept if i < len(row)]) for row in table.rows
    ]
    caption = escape(table.caption)
    if table.hidden:
        caption += f" [All columns]({FOLDER}/{table.name}.csv)."
    return f"{caption}\n\n" + "\n".join(lines)


def _row(entries: list[str]) -> str:
    return "| " + " | ".join(entries) + " |"


def _entry(entry: Entry, is_name: bool) -> str:
    text = escape(entry.text)
    if entry.mark not in ("best", "tied") or not text:
        return text
    sign = {"best": " ★", "tied": " ≈"}[entry.mark]
    return (f"**{text}**" if entry.mark == "best" else text) + ("" if is_name else sign)
