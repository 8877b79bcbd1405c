"""Turns what MLflow says and shows into one plain line."""

from __future__ import annotations

import re
import textwrap

LINE = 300
"""Characters of a cause that are shown."""


def cause(error: BaseException) -> str:
    """Say why, in one line: in the system's or the database's own words where there are some."""
    told = str(error)
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror and inner is not error:
            told = inner.strerror
        if isinstance(inner, MemoryError):
            told = "an answer does not end, or takes more memory than there is"
        inner = inner.__cause__ or inner.__context__
    # SQLAlchemy adds the class of the error in front, its statement and its manual behind
    told = re.sub(r"^\(\S+\) ", "", re.split(r"\s*\[SQL: |\s*\(Background on ", told)[0].strip())
    told = (told or type(error).__name__).splitlines()[0]
    # a server may send anything, even terminal control codes
    told = "".join(letter if letter.isprintable() else " " for letter in told)
    return textwrap.shorten(shown(told), LINE, placeholder=" …")


def shown(text: str) -> str:
    """Return a URI, or a text with URIs, without the user and password that one may carry."""
    return re.sub(r"//[^/\s]*@", "//", text)
