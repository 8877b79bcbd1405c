"""Shared by datasets at a path of the user's: ``folder:PATH`` and ``points:PATH``."""

from __future__ import annotations


def check_path(path: str) -> None:
    """Refuse a path that cannot be written into a record."""
    if any("\ud800" <= c <= "\udfff" for c in path):
        raise ValueError("path must be text in UTF-8; rename the folder or file")


def printable(name: str) -> str:
    """Return a name that can be printed in one line, whatever bytes it has."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
