"""The one error a user is meant to read, and how its line is kept short."""

from __future__ import annotations

import reprlib

LONGEST = 480
"""Characters of an error's line."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlong = 40


class BenchError(Exception):
    """Bad input or environment, reported in one line: the problem and how to fix it.

    The command line prints the message after ``bench:`` and leaves with exit code 2. Of a message
    that is too long, the middle is left out.
    """

    def __init__(self, told: str):
        super().__init__(one_line(told, LONGEST))


def one_line(text: str, longest: int) -> str:
    """Return a text without line breaks and control characters, its middle left out if need be."""
    if len(text) > longest:
        end = longest // 3
        text = f"{text[: longest - end - 3]} … {text[-end:]}"
    if not text.isprintable():
        text = "".join(
            c if c.isprintable() else " " if c.isspace() else f"\\x{ord(c):02x}" for c in text
        )
    return text


def shown(value: object) -> str:
    """Return a value as Python writes it, long ones and long parts of them cut."""
    return one_line(_SHORT.repr(value), 120)


def nearest(name: str, known: list[str]) -> str:
    """Return a hint for a mistyped name: ``; did you mean 'wgan_gp'? …`` and all known names."""
    from difflib import get_close_matches

    # the same name with dashes, spaces or capitals is nearest of all
    plain = {_plain(each): each for each in reversed(known)}
    close = get_close_matches(_plain(name[:200]), plain, n=1, cutoff=0.5)
    hint = f"; did you mean '{plain[close[0]]}'?" if close else ";"
    return f"{hint} there are: {_listed(sorted(known)) or 'none'}"


def _plain(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def _listed(names: list[str], room: int = 300) -> str:
    told: list[str] = []
    for name in names:
        room -= len(name) + 2
        if room < 0:
            return ", ".join([*told, f"… ({len(names)} in all)"])
        told.append(name)
    return ", ".join(told)
