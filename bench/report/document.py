"""What a report is made of, whatever it is written as: HTML and Markdown render the same blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Mark = Literal["", "best", "failed", "quiet"]


@dataclass(frozen=True)
class Entry:
    """One entry of a table."""

    text: str
    mark: Mark = ""
    colour: str = ""
    """A method's colour, shown beside its name."""


@dataclass(frozen=True)
class Table:
    """Rows of entries; column ``names`` names the row."""

    kind: ClassVar[str] = "table"
    caption: str
    header: list[str]
    rows: list[list[Entry]]
    names: int = 0
    texts: tuple[int, ...] = ()
    """Columns that hold words, set flush left."""


@dataclass(frozen=True)
class Figure:
    """A picture: a file below the study's folder, and the words for those who cannot see it."""

    kind: ClassVar[str] = "figure"
    file: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Paragraph:
    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Items:
    """A list; each item may begin with a term."""

    kind: ClassVar[str] = "items"
    items: list[tuple[str, str]]


@dataclass(frozen=True)
class Notice:
    """A box that must not be overlooked."""

    kind: ClassVar[str] = "notice"
    title: str
    lines: list[str]


@dataclass(frozen=True)
class Listing:
    """Text as it was, line by line."""

    kind: ClassVar[str] = "listing"
    text: str


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away under a line."""

    kind: ClassVar[str] = "details"
    summary: str
    blocks: list[Block]


Block = Table | Figure | Paragraph | Items | Notice | Listing | Details


@dataclass(frozen=True)
class Section:
    """A titled part; ``anchor`` is where the table of contents leads."""

    title: str
    anchor: str
    blocks: list[Block]
    parts: list[Section] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """The whole report but for the time at which it was made."""

    title: str
    lead: list[Block]
    """What stands before the table of contents."""
    sections: list[Section]
