"""Source code by its meaning: comments, docstrings and formatting do not change its hash.

Neither does what a class says of tuning (``search = …``) or of other data (``published = …``): what
comes of it are other hyperparameters. Nor does the range of a hyperparameter: ``Positive`` counts
as the ``float`` that it narrows.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from bench import values

Made = TypeVar("Made")
LENGTH = 16
_RANGES = {
    name: get_args(alias)[0].__name__ for name, alias in vars(values).items() if get_args(alias)
}
"""By the names of types that state a range, the plain types."""
_STATED_IN = (values.__name__, "bench.method")
"""Modules that such types are imported from."""


def digest(value: Any) -> str:
    """Return a short hash of anything JSON can say."""
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
    """Hash a file's syntax tree without comments, docstrings, formatting, `search`, `published`.

    Of a compiled module it is the hash of its bytes.
    """
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()[:LENGTH]
    return text_hash(source_text(file))


def source_text(file: Path) -> str:
    """Return a source file's text as Python reads it: without a mark, by the coding it names."""
    return importlib.util.decode_source(file.read_bytes())


def text_hash(source: str) -> str:
    """Return :func:`source_hash` of source text."""
    return _parsed(source).hash


@dataclass(frozen=True)
class _Parsed:
    """Hash and imports of source text, from one pass over its syntax tree."""

    hash: str
    imports: tuple[ast.Import | ast.ImportFrom, ...]


@lru_cache(maxsize=1024)
def _parsed(source: str) -> _Parsed:
    # the result depends on the text only: a file that has changed is another entry
    tree = _Plain().of(ast.parse(source))
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
        if isinstance(node, ast.ClassDef):
            node.body = [part for part in node.body if not assigns(part, ("search", "published"))]
    text: list[str] = []
    _write(tree, text)
    shortened = hashlib.sha256("".join(text).encode()).hexdigest()[:LENGTH]
    return _Parsed(shortened, tuple(imports))


def imported_modules(source: str, package: str, within: str = "") -> list[str]:
    """Return modules of ``package`` that source text imports by name, and names it takes from them.

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
    """Return the full module name of ``from … import``, as written in package ``within``."""
    if not node.level:
        return node.module or ""
    parts = within.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])


def _is_text(statement: ast.stmt) -> bool:
    """Return whether it is a docstring, or a string that describes a field."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def assigns(statement: ast.stmt, names: Collection[str]) -> bool:
    """Return whether it assigns one of these names only, annotated or not."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in names
    return False


class _Plain(ast.NodeTransformer):
    """Puts plain types where a range is stated, and leaves out what was imported to state it."""

    def of(self, tree: ast.Module) -> ast.Module:
        """Return the tree of a module, changed in place."""
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        here = [alias for node in imports if node.module in _STATED_IN for alias in node.names]
        self._plain = {a.asname or a.name: _RANGES[a.name] for a in here if a.name in _RANGES}
        there = [node for node in imports if node.module == "annotated_types"]
        self._calls = {alias.asname or alias.name for node in there for alias in node.names}
        if not (self._plain or self._calls):
            return tree
        self.visit(tree)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        spare = {*self._plain, *({"Annotated", *self._calls} - used)}
        for node in imports:
            if node.module in ("typing", "annotated_types", *_STATED_IN):
                node.names = [a for a in node.names if (a.asname or a.name) not in spare]
        tree.body = [node for node in tree.body if not _is_empty(node)]
        return tree

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self._plain:
            node.id = self._plain[node.id]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Subscript(
                value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[plain, *told])
            ) if all(self._is_range(each) for each in told):
                return plain
        return node

    def _is_range(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(func=ast.Name(id=name)):
                return name in self._calls
        return False


def _is_empty(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and not node.names


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
