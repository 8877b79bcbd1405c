"""Source code by its meaning: hashes that a comment, a docstring or a reformatting leaves alone.

Neither does what a class says of tuning (``search = …``) or of other data (``published = …``): what
comes of it are other hyperparameters.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")
LENGTH = 16


def digest(value: Any) -> str:
    """A short hash of anything JSON can say."""
    return _hash(_text(value))


class Form:
    """Digests of values that are equal but for some blanks: what they share is written once."""

    BLANK = "\0blank\0"

    def __init__(self, value: Any):
        self._texts = _text(value).split(_text(self.BLANK))

    def digest(self, *filled: Any) -> str:
        """Return the digest of the value with its blanks filled, in the order of sorted keys."""
        between = [_text(each) + text for each, text in zip(filled, self._texts[1:], strict=True)]
        return _hash("".join([self._texts[0], *between]))


class ByIdentity(Generic[Made]):
    """Remembers what was made of objects that many cells share, by which objects they are.

    It holds them, so that no other object takes their place in memory.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[Sequence[Any], Made]] = {}

    def of(self, parts: Sequence[Any], make: Callable[[], Made]) -> Made:
        """Return what ``make`` returned at the first call with these very objects."""
        named = tuple(map(id, parts))
        if named not in self._known:
            self._known[named] = parts, make()
        return self._known[named][1]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def source_hash(file: Path) -> str:
    """Hash of a file's syntax tree without comments, docstrings, formatting and what is told.

    Of a compiled module it is the hash of its bytes.
    """
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()[:LENGTH]
    return text_hash(file.read_bytes().decode())


def text_hash(source: str) -> str:
    """:func:`source_hash` of source text."""
    return _parsed(source).hash


@dataclass(frozen=True)
class _Parsed:
    """What is asked of source text, from one pass over its syntax tree."""

    hash: str
    imports: tuple[ast.Import | ast.ImportFrom, ...]


@lru_cache(maxsize=1024)
def _parsed(source: str) -> _Parsed:
    # the result depends on the text only: a file that has changed is another entry
    tree = ast.parse(source)
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
        if isinstance(node, ast.ClassDef):
            node.body = [part for part in node.body if not _is_told(part)]
    text: list[str] = []
    _write(tree, text)
    shortened = hashlib.sha256("".join(text).encode()).hexdigest()[:LENGTH]
    return _Parsed(shortened, tuple(imports))


def imported_modules(source: str, package: str, within: str = "") -> list[str]:
    """Modules of ``package`` that source text imports by name, and names it takes from them.

    ``within`` is the package the text belongs to, which relative imports start from.
    """
    names: set[str] = set()
    for node in _parsed(source).imports:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            base = import_base(node, within)
            names |= {f"{base}.{alias.name}" for alias in node.names}
            names |= {base} - {package}
    return sorted(name for name in names if name == package or name.startswith(package + "."))


def import_base(node: ast.ImportFrom, within: str) -> str:
    """The full name of the module that ``from … import`` takes from, in a module of ``within``."""
    if not node.level:
        return node.module or ""
    parts = within.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])


def _is_text(statement: ast.stmt) -> bool:
    """A docstring, or a string that stands alone to describe a field."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_told(statement: ast.stmt) -> bool:
    """Of a method: which values of its hyperparameters may be tried, or were published."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in ("search", "published")
    return False


def _write(value: Any, text: list[str]) -> None:
    """Append a tree as text.

    Unlike ``ast.dump``, this leaves out empty fields, which differ between Python versions.
    """
    if isinstance(value, ast.AST):
        text.append(type(value).__name__ + "(")
        for name in _fields(value._fields):
            field = getattr(value, name, None)
            if field is not None and field != []:
                text.append(name + "=")
                _write(field, text)
        text.append(")")
    elif isinstance(value, list):
        text.append("[")
        for item in value:
            _write(item, text)
        text.append("]")
    else:
        text.append(repr(value) + ",")


@lru_cache(maxsize=256)
def _fields(names: tuple[str, ...]) -> list[str]:
    """Return those of a node's fields that say what the code does."""
    return sorted(set(names) - {"kind", "type_comment", "ctx"})
