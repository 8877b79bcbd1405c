"""Reads YAML as YAML 1.2 means it, within bounds, and writes values that it reads back.

PyYAML's own constructor follows YAML 1.1, in which ``yes`` is true, ``6:00`` is 360 and ``1e-3`` is
text; it builds Python objects by recursion and follows aliases without end. Only its events are
used here, which come one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError, one_line

BYTES = 256 * 1024
"""Size of a file up to which it is read."""
DEPTH = 20
"""Lists and mappings inside each other."""
VALUES = 20_000
"""Values in a file, once its aliases are written out; 50 letters count as another value."""
KEY = 1_000
"""Letters of a key; a dataset's may hold a path."""

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# 010 is 8 in YAML 1.1, 10 in the core schema of 1.2 and no number in its JSON schema: text here
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAGS = {"tag:yaml.org,2002:str": str, "tag:yaml.org,2002:seq": list, "tag:yaml.org,2002:map": dict}

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


@dataclass(frozen=True)
class Written:
    """A value as it was written, and the lines at which its parts begin."""

    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Return the line of a place, or of the nearest around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_file(file: Path) -> Written:
    """Return what a YAML file holds.

    Raises:
        BenchError: it cannot be read, is no YAML, or exceeds a bound; the message names the line.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES + 1)
    except OSError as error:
        raise BenchError(f"{file} cannot be read ({error.strerror})") from error
    if len(content) > BYTES:
        raise BenchError(f"{file} is larger than {BYTES // 1024} KiB, the most that is read")
    try:
        return _Reader(content).whole()
    except _Problem as problem:
        raise BenchError(f"{file}{problem}") from problem


def read_value(text: str) -> Any:
    """Return the value that a YAML text of one line writes.

    Raises:
        BenchError: it is no YAML, or exceeds a bound.
    """
    try:
        return _Reader(text).whole().value
    except _Problem as problem:
        raise BenchError(problem.told) from problem


def write_value(value: Any) -> str:
    """Return a value in one line that ``read_value`` reads back."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)}: {write_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write_value, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value).replace("Infinity", ".inf").replace("NaN", ".nan")


def _text(value: str) -> str:
    plain = re.fullmatch(r"[\w./~+-][\w./~+ -]*(?<! )", value) and _meant(value) == value
    if plain and not value.startswith(("-", "~")):
        return value
    escaped = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
    return f'"{"".join(escaped)}"'


def _meant(text: str) -> Any:
    """Return the value of a plain scalar by YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        # beyond 20 digits Python's own limits are near, and nothing counts so far
        number = int(text, 0) if len(text) <= 20 else None
        if number is None or not -(2**63) <= number < 2**63:
            raise ValueError(f"{text[:20]}… is beyond the whole numbers of 64 bits")
        return number
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


class _Problem(Exception):
    def __init__(self, told: str, line: int):
        self.told, self.line = told, line
        super().__init__(told)

    def __str__(self) -> str:
        return f", line {self.line}: {self.told}"


class _Reader:
    """Builds one document from PyYAML's events."""

    def __init__(self, content: bytes | str):
        self._content = content
        self._events = self._parsed()
        self._line = 1
        self._values = 0
        self._lines: dict[Place, int] = {}
        self._anchors: dict[str, tuple[Any, int]] = {}

    def whole(self) -> Written:
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return Written(None, {})
        value = self._value(next(self._events), (), 0)
        next(self._events)
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise self._wrong("another document begins; write one")
        return Written(value, self._lines)

    def _parsed(self) -> Iterator[Any]:
        try:
            event: Any
            for event in yaml.parse(self._content, yaml.SafeLoader):
                self._line = event.start_mark.line + 1
                if not isinstance(event, yaml.StreamStartEvent):
                    yield event
        except yaml.MarkedYAMLError as error:
            if error.problem_mark is not None:
                self._line = error.problem_mark.line + 1
            told = ", ".join(filter(None, (error.context, error.problem)))
            raise self._wrong(f"not valid YAML: {told}") from error
        # PyYAML lets escapes of no letter, and numbers in directives, pass to Python
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise self._wrong(f"not valid YAML: {error}") from error

    def _wrong(self, told: str) -> _Problem:
        return _Problem(one_line(told, 300), self._line)

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > VALUES:
            raise self._wrong(f"more than {VALUES:,} values, aliases written out")

    def _value(self, event: Any, place: Place, depth: int) -> Any:
        line, before = self._line, self._values
        self._lines[place] = line
        if depth > DEPTH:
            raise self._wrong(f"more than {DEPTH} lists and mappings inside each other")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._wrong(f"*{event.anchor} has no anchor &{event.anchor} before it")
            value, size = self._anchors[event.anchor]
            self._count(size)
            return value
        self._count(1)
        value = self._made(event, place, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._values - before
        return value

    def _made(self, event: Any, place: Place, depth: int) -> Any:
        wanted = _TAGS.get(event.tag) if event.tag not in (None, "!") else None
        if event.tag not in (None, "!") and wanted is None:
            raise self._wrong(f"the tag {event.tag} is not read; leave it out")
        if isinstance(event, yaml.SequenceStartEvent):
            value: Any = self._list(place, depth)
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(place, depth)
        else:
            self._count(len(event.value) // 50)
            value = self._scalar(event)
        if wanted is not None and not isinstance(value, wanted):
            raise self._wrong(f"the tag {event.tag} does not fit the value")
        return value

    def _scalar(self, event: Any) -> Any:
        try:
            event.value.encode()  # an escape may stand for half of a letter
            return _meant(event.value) if event.implicit[0] and not event.tag else event.value
        except ValueError as error:
            raise self._wrong(str(error)) from error

    def _list(self, place: Place, depth: int) -> list[Any]:
        made: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            made.append(self._value(event, (*place, len(made)), depth + 1))
        return made

    def _mapping(self, place: Place, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            # a key is a name, whatever it reads like: `on`, `8`
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None:
                raise self._wrong("a key must be a plain name")
            self._count(1)
            key, merges = event.value, event.value == "<<" and event.implicit[0]
            if len(key) > KEY or not key.isprintable():
                raise self._wrong(f"a key has up to {KEY:,} letters, and no control characters")
            if key in own or (merges and merged):
                hint = "; merge several with <<: [*one, *other]" if merges else ""
                raise self._wrong(f"'{one_line(key, 60)}' is given twice{hint}")
            value = self._value(next(self._events), (*place, key), depth + 1)
            if merges:
                merged = value if isinstance(value, list) else [value]
                if not merged or not all(isinstance(each, dict) for each in merged):
                    raise self._wrong("<< merges mappings, as in <<: *anchor")
            else:
                own[key] = value
        # own keys win, then those of the first mapping
        for each in merged:
            own = own | {k: v for k, v in each.items() if k not in own}
        return own
