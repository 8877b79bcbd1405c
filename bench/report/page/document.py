"""What a report is made of, whatever it is written as: HTML and Markdown render the same blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

Mark = Literal["", "best", "tied", "failed", "quiet"]


@dataclass(frozen=True)
class Entry:
    """One entry of a table."""

    text: str
    mark: Mark = ""
    method: str = ""
    """The label of the method that this entry names; its colour is shown beside it."""
    value: float | None = None
    """The number behind the text, by which the column is sorted."""


EMPTY = Entry("", "quiet")


@dataclass(frozen=True)
class Table:
    """Rows of entries; column ``names`` names the row."""

    kind: ClassVar[str] = "table"
    name: str
    """Of the files that it is copied to: unique in a document, ``[a-z0-9-]+``."""
    caption: str
    header: list[str]
    rows: list[list[Entry]]
    names: int = 0
    texts: tuple[int, ...] = ()
    """Columns that hold words, set flush left."""
    hidden: tuple[int, ...] = ()
    """Columns that a page shows only when asked to."""
    reference: int | None = None
    """The row from which others' differences are taken: sorted by these, it stays on top."""
    shaded: bool = False
    """Whether a page shades entries by their values, shares from 0 to 1."""


@dataclass(frozen=True)
class Figure:
    """A picture: ``file``.svg below the study's folder, and what it shows.

    One that is seen at first is there as ``file``.png, too.
    """

    kind: ClassVar[str] = "figure"
    file: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Paragraph:
    kind: ClassVar[str] = "paragraph"
    text: str
    is_bold: bool = False


@dataclass(frozen=True)
class Drawing:
    """A figure that is yet to be drawn, in the place where the document shows it."""

    kind: ClassVar[str] = "drawing"
    name: str
    """As ``bench figure`` takes it: ``overview``, ``ring8/curves``, ``ring8/samples-2``."""
    draw: Callable[..., Figure | str | None]
    """(style, folder) → the figure, or words that say why there is none."""
    in_report: bool = True
    """Whether the report shows it. Of many methods, it shows only the first sheet."""


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
    is_command: bool = False
    """Whether a reader would copy it into a shell."""


@dataclass(frozen=True)
class Verdict:
    """What was found on one dataset; ``anchor`` is the section that tells more, if any."""

    dataset: str
    anchor: str
    sentence: str
    failed: str = ""
    """What failed there, in words; nothing where nothing did."""
    notes: tuple[tuple[str, str], ...] = ()
    """Terms and what is to be said of them in a line each, such as cost."""
    scores: tuple[tuple[Entry, Entry], ...] = ()
    """Methods and their scores, which a narrow page shows in place of the figure beside."""


@dataclass(frozen=True)
class Verdicts:
    """A card for each dataset, with a small figure beside them where there is room."""

    kind: ClassVar[str] = "verdicts"
    verdicts: list[Verdict]
    beside: Figure | Drawing | None = None


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away under a line."""

    kind: ClassVar[str] = "details"
    summary: str
    blocks: list[Block]


@dataclass(frozen=True)
class Choice:
    """The same in several forms, of which a reader sees one: at first the first."""

    kind: ClassVar[str] = "choice"
    name: str
    """Unique in a document, ``[a-z0-9-]+``."""
    title: str
    options: Sequence[tuple[str, Block]]
    """What each is called, and its block."""


Block = (
    Table | Figure | Drawing | Paragraph | Items | Notice | Listing | Verdicts | Details | Choice
)


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
    colours: dict[str, str] = field(default_factory=dict)
    """Of every method's label. A method's place in it numbers it in figures and on the page."""

    @property
    def headline(self) -> str:
        """The sentence that it begins with in bold; empty without one."""
        return next((b.text for b in self.lead if isinstance(b, Paragraph) and b.is_bold), "")


def blocks_of(document: Document) -> Iterator[Block]:
    """Yield every block of a document from top to bottom, folded ones too."""

    def within(blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            yield block
            if isinstance(block, Details):
                yield from within(block.blocks)
            elif isinstance(block, Choice):
                yield from within(option for _, option in block.options)
            elif isinstance(block, Verdicts) and block.beside is not None:
                yield block.beside

    def of(section: Section) -> Iterator[Block]:
        yield from within(section.blocks)
        for part in section.parts:
            yield from of(part)

    yield from within(document.lead)
    for section in document.sections:
        yield from of(section)


def with_figures(document: Document, draw: Callable[[Drawing, bool], Block | None]) -> Document:
    """Return the document with every :class:`Drawing` replaced by what ``draw`` returns.

    ``draw``(drawing, whether a reader sees it without unfolding or choosing anything).
    """

    def within(blocks: Iterable[Block], seen: bool = True) -> list[Block]:
        return [done for block in blocks if (done := one(block, seen)) is not None]

    def one(block: Block, seen: bool) -> Block | None:
        if isinstance(block, Drawing):
            return draw(block, seen)
        if isinstance(block, Details):
            inner = within(block.blocks, False)
            return replace(block, blocks=inner) if inner else None
        if isinstance(block, Choice):
            done = [(name, one(option, seen and place == 0))
                    for place, (name, option) in enumerate(block.options)]  # fmt: skip
            options = [(name, option) for name, option in done if option is not None]
            if len(options) < 2:
                return options[0][1] if options else None
            return replace(block, options=options)
        if isinstance(block, Verdicts) and isinstance(block.beside, Drawing):
            beside: Any = draw(block.beside, seen)
            return replace(block, beside=beside if isinstance(beside, Figure) else None)
        return block

    def of(section: Section) -> Section:
        return replace(section, blocks=within(section.blocks), parts=list(map(of, section.parts)))

    return replace(document, lead=within(document.lead), sections=list(map(of, document.sections)))
