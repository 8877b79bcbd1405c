"""Copies of a table: CSV for a program, LaTeX for a paper."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
import zlib
from pathlib import Path

from bench.report.page.document import Document, Entry, Table, blocks_of
from bench.report.page.numbers import NOTHING

FOLDER = "tables"
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "↑": r"$\uparrow$",
    "↓": r"$\downarrow$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$", "→": r"$\to$",
    "∞": r"$\infty$", "½": r"$\frac{1}{2}$", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$",
    "λ": r"$\lambda$", "μ": r"$\mu$", "σ": r"$\sigma$", "τ": r"$\tau$", "θ": r"$\theta$",
    "ψ": r"$\psi$", "Δ": r"$\Delta$", "²": r"$^2$", "³": r"$^3$", "₁": r"$_1$", "₂": r"$_2$",
    "–": "--", "—": "---", "…": r"\ldots{}", "\u00a0": "~", "’": "'", "“": "``", "”": "''",
}  # fmt: skip
_NUMBER = re.compile(r"[−-]?[\d.]+(e[+-]?\d+)?(\u00a0%)?")


def write_copies(document: Document, folder: Path) -> list[Path]:
    """Write every table of the document as tables/NAME.csv and .tex below ``folder``."""
    written = []
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for table in tables(document):
        for suffix, text in ((".csv", as_csv(table)), (".tex", as_latex(table))):
            file = folder / FOLDER / f"{table.name}{suffix}"
            # as it is in the page: no line end is rewritten on the way
            file.write_bytes(text.encode())
            written.append(file)
    return written


def tables(document: Document) -> list[Table]:
    """Return every table of a document, folded ones too."""
    return [block for block in blocks_of(document) if isinstance(block, Table)]


def as_csv(table: Table) -> str:
    """Return all columns, hidden ones too, with the numbers themselves.

    If a column's text says more than its numbers, a second column ``… (as shown)`` holds it.
    """
    columns: list[list[str]] = []
    for index, name in enumerate(map(_line, table.header)):
        entries = [row[index] if index < len(row) else Entry("") for row in table.rows]
        has_numbers = any(entry.value is not None for entry in entries)
        if has_numbers:
            columns.append([name, *(_raw(entry.value) for entry in entries)])
            name += " (as shown)"
        if not has_numbers or any(map(_tells_more, entries)):
            columns.append([name, *map(_shown, entries)])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
    return text.getvalue()


def as_latex(table: Table) -> str:
    """Return the columns that the page shows at first as a booktabs table, the best in bold."""
    kept = [i for i in range(len(table.header)) if i not in table.hidden]
    ways = "".join("l" if i <= table.names or i in table.texts else "r" for i in kept)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escape(table.caption)}}}",
        f"  \\label{{tab:{table.name}}}",
        f"  \\begin{{tabular}}{{{ways}}}",
        r"    \toprule",
        f"    {_row([escape(table.header[i]) for i in kept])}",
        r"    \midrule",
        *(f"    {_row([_entry(row[i]) for i in kept if i < len(row)])}" for row in table.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return any text as plain words on one line of LaTeX."""
    return "".join(_LATEX.get(letter, letter) for letter in _line(text))


def packed(text: str) -> str:
    """Return a text compressed for an attribute of the page, whose script unpacks it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _line(text: str) -> str:
    """Put text on one line; a space that holds words together stays."""
    return re.sub(r"[^\S\u00a0]+", " ", text).strip()


def _shown(entry: Entry) -> str:
    return "" if entry.text == NOTHING else _line(entry.text)


def _raw(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    is_whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if is_whole else repr(float(value))


def _tells_more(entry: Entry) -> bool:
    return bool(_shown(entry)) and not _NUMBER.fullmatch(entry.text)


def _row(entries: list[str]) -> str:
    # a row that begins with a bracket would be read as the length of the line above
    first = "{}" if entries and entries[0].startswith("[") else ""
    return first + " & ".join(entries) + r" \\"


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    if entry.mark == "tied" and text:
        return f"{text} $\\approx$"
    return f"\\textbf{{{text}}}" if entry.mark == "best" and text else text
