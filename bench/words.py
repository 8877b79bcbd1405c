"""Counts, lists and commands in words; imports little, so that every command may use it at once."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def count(number: int, noun: str) -> str:
    """Return ``1 seed`` or ``2 seeds``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def listing(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def program() -> str:
    """Return what starts this program from here: ``.venv/bin/bench`` where `make setup` put it."""
    return ".venv/bin/bench" if Path(sys.prefix) == Path.cwd() / ".venv" else "bench"


def ranges(values: Iterable[int]) -> str:
    """Return whole numbers with consecutive ones joined: ``0–4, 7``."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)
