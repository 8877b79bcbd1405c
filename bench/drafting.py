"""Writes a method to start from, with its test: ``bench new my_idea``."""

from __future__ import annotations

import ast
import inspect
import io
import keyword
import os
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from string import Template

import bench
import methods
from bench.errors import BenchError, nearest
from bench.method import Method
from bench.records.fingerprint import import_base
from bench.registry import DATASETS, find_architectures, find_methods

TEMPLATES = Path(__file__).parent / "drafts"
ROOT = Path(bench.__file__).parent.parent
WIDTH = 100
FOUND_BESIDE = """
# the method lies beside this file
os.environ["BENCH_METHODS_DIR"] = str(Path(__file__).parent)
"""


@dataclass(frozen=True)
class Draft:
    """What was written."""

    method: Path
    test: Path


def draft(name: str, parent: str = "", folder: Path | None = None) -> Draft:
    """Write a method's file and its test.

    Args:
        name: The method's, and the file's.
        parent: A method whose source is copied; without one, a short file is written.
        folder: Where both files go; None for this checkout's ``methods/`` and ``tests/methods/``.

    Raises:
        BenchError: the name cannot be used, the parent is unknown, or a file is there already.
            Then nothing is written.
    """
    _check_name(name)
    method, test = _places(name, folder)
    class_name = "".join(part.capitalize() for part in name.split("_"))
    words = {"name": name, "class_name": class_name, "parent": parent}
    words["title"] = name.replace("_", " ").capitalize()
    source = _copy(_source_of(parent), parent, class_name) if parent else _filled("method", words)
    _check_class_name(source, class_name)
    tests = _filled("test_copy" if parent else "test_method", words)
    if folder is not None:
        tests = _looking_beside(tests)
    for file in (method, test):
        if file.exists():
            raise BenchError(f"'{_shown(file)}' is there already; nothing was written")
    for file, text in ((method, source), (test, tests)):
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "x", encoding="utf-8") as new:
            new.write(text)
    return Draft(method, test)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name.startswith("test_"):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        usable = re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_0123456789")
        hint = f"; as '{usable.removeprefix('test_')}'" if usable.removeprefix("test_") else ""
        raise BenchError(
            f"'{name}' cannot name a method: it is to begin with a small letter and to go on with "
            f"small letters, digits and underscores, and not to begin with test_{hint}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise BenchError(f"'{name}' is a word of Python's own; choose another, as '{name}_loss'")
    found, pairs = find_methods(), find_architectures()
    if name in found.packages:
        raise BenchError(f"the name '{name}' is taken by a method of {found.packages[name]}")
    if name in found.methods:
        file = Path(inspect.getfile(found.methods[name]))
        raise BenchError(
            f"the name '{name}' is taken by the method in '{_shown(file)}'; to begin from that "
            f"one: bench new my_{name} --from {name}"
        )
    if name in found.broken:
        raise BenchError(
            f"the name '{name}' is taken by {found.broken[name].where}, which cannot be used: "
            f"{found.broken[name].reason}"
        )
    # --set PART.SETTING tells parts by their names alone
    for what, names in (("dataset", DATASETS), ("architecture", pairs.architectures)):
        if name in names:
            raise BenchError(f"the name '{name}' is taken by {what} '{name}'")


def _places(name: str, folder: Path | None) -> tuple[Path, Path]:
    if folder is not None:
        return folder / f"{name}.py", folder / f"test_{name}.py"
    home, tests = Path(next(iter(methods.__path__))), ROOT / "tests"
    if home.parent != ROOT or not (tests / "methods").is_dir():
        raise BenchError(
            "this benchmark is installed and no checkout; name a folder of your own with --folder"
        )
    # without packages pytest tells test files by their names alone
    for other in tests.rglob(f"test_{name}.py"):
        raise BenchError(f"the name '{name}' is taken by the test '{_shown(other)}'")
    return home / f"{name}.py", tests / "methods" / f"test_{name}.py"


def _check_class_name(source: str, class_name: str) -> None:
    taken = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            taken |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            taken.add(node.name)
    if class_name in taken:
        raise BenchError(
            f"the class would be called {class_name}, as something else in its file; choose "
            "another name"
        )


def _source_of(parent: str) -> type[Method]:
    found = find_methods()
    if parent in found.broken and parent not in found.methods:
        raise BenchError(f"--from {parent}: it cannot be used: {found.broken[parent].reason}")
    if parent not in found.methods:
        raise BenchError(f"--from {parent}: unknown method{nearest(parent, list(found.methods))}")
    return found.methods[parent]


def _copy(kind: type[Method], parent: str, class_name: str) -> str:
    """A method's own source under another name, to be found and run as a new file is."""
    text = Path(inspect.getfile(kind)).read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    within, _, _ = kind.__module__.rpartition(".")
    edits: list[
        tuple[int, int, str]
    ] = []  # first and last line, from 1, and what takes their place
    if (start := _docstring(tree)) is not None:
        edits.append((start.lineno, start.end_lineno or 0, f'"""Derived from {parent}."""\n'))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            line = lines[node.lineno - 1]
            whole = f"from {import_base(node, within)} import"
            told = re.sub(r"from\s+\.[\w.]*\s+import", whole, line, count=1)
            edits.append((node.lineno, node.lineno, told))
    (own,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == kind.__name__)
    edits += _class_edits(own, parent, lines)
    for first, last, told in sorted(edits, reverse=True):
        lines[first - 1 : last] = [told] if told else []
    return _renamed("".join(lines), kind.__name__, class_name)


def _class_edits(own: ast.ClassDef, parent: str, lines: list[str]) -> list[tuple[int, int, str]]:
    """The docstring says where it comes from; name and ``on_request`` stay with the parent."""
    edits = []
    if (told := _docstring(own)) is not None:
        line = lines[told.lineno - 1]
        head, quotes, rest = line.partition('"""')
        closes = told.lineno == told.end_lineno
        derived = f"{head}{quotes}Derived from {parent}: say here in a line what is new.\n\n"
        rest = rest.rpartition('"""')[0] + f'\n{head}"""\n' if closes else rest
        edits.append((told.lineno, told.lineno, f"{derived}{head}{rest}" if quotes else line))
    for node in own.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if names & {"on_request", "name"}:
            last = node.end_lineno or node.lineno
            blank = last < len(lines) and not lines[last].strip()
            edits.append((node.lineno, last + blank, ""))
    return edits


def _docstring(node: ast.Module | ast.ClassDef) -> ast.stmt | None:
    return node.body[0] if ast.get_docstring(node) is not None else None


def _renamed(source: str, old: str, new: str) -> str:
    """Source with one name written otherwise, in code and not in texts."""
    lines = source.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    places = [t.start for t in tokens if t.type == tokenize.NAME and t.string == old]
    for row, column in reversed(places):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return "".join(lines)


def _filled(template: str, words: dict[str, str]) -> str:
    return Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(words)


def _looking_beside(tests: str) -> str:
    head, imports, rest = tests.partition("\nimport ")
    before, names, after = rest.partition("\nNAME = ")
    standard = f"\nimport os\nfrom pathlib import Path\n{imports}"
    return f"{head}{standard}{before}{FOUND_BESIDE}{names}{after}"


def _shown(file: Path) -> str:
    return os.path.relpath(file)
