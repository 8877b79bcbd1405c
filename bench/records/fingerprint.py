"""Source code by its meaning: hashes that a comment, a docstring or a reformatting leaves alone.

Neither does what a class says of tuning (``search = …``), as it changes no result.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

LENGTH = 16


def digest(value: Any) -> str:
    """A short hash of anything JSON can say."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def source_hash(file: Path) -> str:
    """Hash of a file's syntax tree without comments, docstrings, formatting and ``search``.

    Of a compiled module it is the hash of its bytes.
    """
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()[:LENGTH]
    return _of_bytes(file.read_bytes())


@lru_cache(maxsize=1024)
def _of_bytes(source: bytes) -> str:
    return text_hash(source.decode())


def text_hash(source: str) -> str:
    """:func:`source_hash` of source text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
        if isinstance(node, ast.ClassDef):
            node.body = [part for part in node.body if not _is_search(part)]
    return hashlib.sha256("".join(_canonical(tree)).encode()).hexdigest()[:LENGTH]


def imported_modules(source: str, package: str, within: str = "") -> list[str]:
    """Modules of ``package`` that source text imports by name, and names it takes from them.

    ``within`` is the package the text belongs to, which relative imports start from.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
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


def _is_search(statement: ast.stmt) -> bool:
    """Of a method: which values of its settings `bench tune` may try."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name == "search"
    return False


def _canonical(value: Any) -> Iterator[str]:
    """Unlike ``ast.dump``, leaves out empty fields, which differ between Python versions."""
    if isinstance(value, ast.AST):
        yield type(value).__name__ + "("
        for name in sorted(value._fields):
            field = getattr(value, name, None)
            if field is not None and field != [] and name not in ("kind", "type_comment", "ctx"):
                yield name + "="
                yield from _canonical(field)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            yield from _canonical(item)
        yield "]"
    else:
        yield repr(value) + ","
