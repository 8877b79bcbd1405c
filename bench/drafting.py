"""Writes a part to start from, with its test: ``bench new method my_idea``."""

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
from bench.errors import BenchError, nearest
from bench.kinds import variable
from bench.method import Method
from bench.records.fingerprint import import_base, source_text
from bench.registry import SHELVES, find

TEMPLATES = Path(__file__).parent / "drafts"
ROOT = Path(bench.__file__).parent.parent
WIDTH = 100
FOUND_BESIDE = """
# the $kind lies beside this file
os.environ["$variable"] = str(Path(__file__).parent)
"""


@dataclass(frozen=True)
class Draft:
    """What was written."""

    part: Path
    test: Path


def draft(kind: str, name: str, like: str = "", folder: Path | None = None) -> Draft:
    """Write a part's file and its test.

    The templates of a kind are ``drafts/KIND.txt`` and ``drafts/test_KIND.txt``.

    Args:
        kind: One of the kinds of part.
        name: The part's, and the file's.
        like: A method whose source is copied; without one, a short file is written.
        folder: Where both files go; None for this checkout's folders of such parts and their tests.

    Raises:
        BenchError: the name cannot be used, what is to be copied is unknown, or a file is there
            already. Then nothing is written.
    """
    _check_name(kind, name)
    part, test = _places(kind, name, folder)
    class_name = "".join(piece.capitalize() for piece in name.split("_"))
    words = {"kind": kind, "name": name, "class_name": class_name, "parent": like}
    words |= {"title": name.replace("_", " ").capitalize(), "variable": variable(kind)}
    if like and kind != "method":
        raise BenchError(f"--like copies methods only; copy the {kind}'s file by hand")
    source = _copy(_source_of(like), like, class_name) if like else _filled(kind, words)
    _check_class_name(source, class_name)
    tests = _filled(f"test_{kind}_copy" if like else f"test_{kind}", words)
    if folder is not None:
        tests = _looking_beside(tests, Template(FOUND_BESIDE).substitute(words))
    for file in (part, test):
        if file.exists():
            raise BenchError(f"'{_shown(file)}' is there already; nothing was written")
    for file, text in ((part, source), (test, tests)):
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "x", encoding="utf-8") as new:
            new.write(text)
    return Draft(part, test)


def _check_name(kind: str, name: str) -> None:
    article = "an" if kind[0] in "aeiou" else "a"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name.startswith("test_"):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        usable = re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_0123456789")
        hint = f"; as '{usable.removeprefix('test_')}'" if usable.removeprefix("test_") else ""
        raise BenchError(
            f"'{name}' cannot name {article} {kind}: it is to begin with a small letter and to go "
            f"on with small letters, digits and underscores, and not to begin with test_{hint}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise BenchError(f"'{name}' is a word of Python's own; choose another, as 'my_{name}'")
    if name in SHELVES[kind].shared:
        raise BenchError(f"the name '{name}' is taken by a module that {kind}s share")
    # --set PART.HYPERPARAMETER and `bench check` tell parts by their names alone
    for other in SHELVES:
        _check_free(other, name, kind)


def _check_free(other: str, name: str, kind: str) -> None:
    """Whether no part of kind ``other`` has the name already."""
    found = find(other)
    if name in found.packages:
        raise BenchError(f"the name '{name}' is taken by a {other} of {found.packages[name]}")
    if name in found.parts:
        file = Path(inspect.getfile(found.parts[name]))
        begin = f"; to begin from that one: bench new method my_{name} --like {name}"
        raise BenchError(
            f"the name '{name}' is taken by the {other} in '{_shown(file)}'"
            + (begin if kind == other == "method" else "")
        )
    if name in found.broken:
        raise BenchError(
            f"the name '{name}' is taken by {found.broken[name].where}, which cannot be used: "
            f"{found.broken[name].reason}"
        )


def _places(kind: str, name: str, folder: Path | None) -> tuple[Path, Path]:
    if folder is not None:
        return folder / f"{name}.py", folder / f"test_{name}.py"
    home, tests = SHELVES[kind].home, ROOT / "tests"
    if not home.is_relative_to(ROOT) or not (tests / f"{kind}s").is_dir():
        raise BenchError(
            "this benchmark is installed and no checkout; name a folder of your own with --folder"
        )
    # without packages pytest tells test files by their names alone
    for other in tests.rglob(f"test_{name}.py"):
        raise BenchError(f"the name '{name}' is taken by the test '{_shown(other)}'")
    return home / f"{name}.py", tests / f"{kind}s" / f"test_{name}.py"


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
    found = find("method")
    if parent in found.broken and parent not in found.parts:
        raise BenchError(f"--like {parent}: it cannot be used: {found.broken[parent].reason}")
    if parent not in found.parts:
        raise BenchError(f"--like {parent}: unknown method{nearest(parent, list(found.parts))}")
    kind: type[Method] = found.parts[parent]
    return kind


def _copy(kind: type[Method], parent: str, class_name: str) -> str:
    """A method's own source under another name, to be found and run as a new file is."""
    text = source_text(Path(inspect.getfile(kind)))
    # the copy is written in UTF-8
    text = re.sub(r"\A(.*\n)?[ \t]*#.*coding[:=].*\n", lambda m: m[1] or "", text)
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


def _looking_beside(tests: str, place: str) -> str:
    head, docstring, rest = tests.partition('"""\n\n')
    before, names, after = rest.partition("\nNAME = ")
    # templates import with "from" first where that is of the standard library, too
    apart = "" if before.startswith("from ") else "\n"
    standard = f"import os\nfrom pathlib import Path\n{apart}"
    return f"{head}{docstring}{standard}{before}{place}{names}{after}"


def _shown(file: Path) -> str:
    return os.path.relpath(file)
