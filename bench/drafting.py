"""Writes a part to start from, with its test: ``bench new method my_idea``."""

from __future__ import annotations

import ast
import inspect
import keyword
import os
import re
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path
from string import Template

import bench
from bench.errors import BenchError, nearest
from bench.kinds import variable
from bench.method import Method
from bench.records.fingerprint import assigns, source_text
from bench.registry import SHELVES, find

TEMPLATES = Path(__file__).parent / "drafts"
ROOT = Path(bench.__file__).parent.parent
FOUND_BESIDE = """
# the $kind lies beside this file
os.environ["$variable"] = str(Path(__file__).parent)
"""


@dataclass(frozen=True)
class Draft:
    """The two files that were written."""

    part: Path
    test: Path


def draft(kind: str, name: str, parent: str = "", folder: Path | None = None) -> Draft:
    """Write a part's file and its test.

    The templates of a kind are ``drafts/KIND.txt`` and ``drafts/test_KIND.txt``.

    Args:
        kind: One of the kinds of part.
        name: The part's, and the file's.
        parent: A method whose source is copied; without one, a short file is written.
        folder: For both files; None for this checkout's folders of such parts and their tests.

    Raises:
        BenchError: the name cannot be used, the method to copy is unknown, or a file exists
            already. Then nothing is written.
    """
    _check_name(kind, name)
    part, test = _places(kind, name, folder)
    class_name = "".join(piece.capitalize() for piece in name.split("_"))
    words = {"kind": kind, "name": name, "class_name": class_name, "parent": parent}
    words |= {"title": name.replace("_", " ").capitalize(), "variable": variable(kind)}
    if parent and kind != "method":
        raise BenchError(f"--from copies methods only; copy the {kind}'s file by hand")
    if parent:
        source = _copy(_method(parent), parent, class_name)
    else:
        _check_class_name(_template(kind).template, class_name)
        source = _template(kind).substitute(words)
    tests = _template(f"test_{kind}_copy" if parent else f"test_{kind}").substitute(words)
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
            f"'{name}' cannot name {article} {kind}: a name consists of lower-case letters, digits "
            f"and underscores, begins with a letter, and does not begin with test_{hint}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise BenchError(f"'{name}' is a word of Python's own; choose another, as 'my_{name}'")
    if name in SHELVES[kind].shared:
        raise BenchError(f"the name '{name}' is taken by a module that {kind}s share")
    # --set PART.HYPERPARAMETER and `bench check` identify parts only by name
    for other in SHELVES:
        _check_free(other, name, kind)


def _check_free(other: str, name: str, kind: str) -> None:
    """Raise unless no part of kind ``other`` has the name already."""
    found = find(other)
    if name in found.packages:
        raise BenchError(f"the name '{name}' is taken by a {other} of {found.packages[name]}")
    if name in found.parts:
        file = Path(inspect.getfile(found.parts[name]))
        begin = f"; to begin from that one: bench new method my_{name} --from {name}"
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
    # without packages pytest identifies test files only by name
    for other in tests.rglob(f"test_{name}.py"):
        raise BenchError(f"the name '{name}' is taken by the test '{_shown(other)}'")
    return home / f"{name}.py", tests / f"{kind}s" / f"test_{name}.py"


def _check_class_name(source: str, class_name: str) -> None:
    code = re.sub("#.*", "", "".join(source.split('"""')[::2]))
    if re.search(rf"\b{class_name}\b", code):
        raise BenchError(
            f"the class would be called {class_name}, as something else in its file; choose "
            "another name"
        )


def _method(name: str) -> type[Method]:
    found = find("method")
    if name in found.broken and name not in found.parts:
        raise BenchError(f"--from {name}: it cannot be used: {found.broken[name].reason}")
    if name not in found.parts:
        raise BenchError(f"--from {name}: unknown method{nearest(name, list(found.parts))}")
    kind: type[Method] = found.parts[name]
    return kind


def _copy(kind: type[Method], parent: str, class_name: str) -> str:
    """Return a method's file with another class name and titles, by substitution in its text."""
    text = source_text(Path(inspect.getfile(kind)))
    _check_class_name(text, class_name)
    # the copy is written in UTF-8
    text = re.sub(r"\A(.*\n)?[ \t]*#.*coding[:=].*\n", lambda found: found[1] or "", text)
    text = _without_published(text)
    package = kind.__module__.rpartition(".")[0]
    code, derived = text.split('"""'), f"Derived from {parent}"
    for place, piece in enumerate(code):
        if place % 2:  # between quotes
            if not "".join(code[:place]).strip():
                code[place] = f"{derived}."
            elif re.search(rf"^class {class_name}\b.*:\n    \Z", code[place - 1], re.M):
                code[place] = (
                    f"{derived}: say here in a line what is new.\n\n"
                    f"    What the file of {parent} says of itself:\n\n    {piece}"
                )
            continue
        # name and on_request stay with the parent, relative imports with its package
        piece = re.sub(
            rf'^    (name\b.*= "{parent}"|on_request\b.*= \w+)\n\n?', "", piece, flags=re.M
        )
        piece = re.sub(
            r"^from (\.[\w.]*) import", lambda f: f"from {resolve_name(f[1], package)} import",
            piece, flags=re.M,
        )  # fmt: skip
        code[place] = re.sub(rf"\b{kind.__name__}\b", class_name, piece)
    return '"""'.join(code)


def _without_published(text: str) -> str:
    """Return source text without `published` and the comment above: nothing was of the copy."""
    lines = text.split("\n")
    kinds = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    for statement in reversed([part for kind in kinds for part in kind.body]):
        if assigns(statement, ("published",)):
            first = statement.lineno - 1
            while lines[first - 1].lstrip().startswith("#"):
                first -= 1
            del lines[first : statement.end_lineno]
            if not lines[first - 1].strip() and not "".join(lines[first : first + 1]).strip():
                del lines[first : first + 1]
    return "\n".join(lines)


def _template(name: str) -> Template:
    return Template((TEMPLATES / f"{name}.txt").read_text(encoding="utf-8"))


def _looking_beside(tests: str, place: str) -> str:
    head, docstring, rest = tests.partition('"""\n\n')
    before, names, after = rest.partition("\nNAME = ")
    # templates import with "from" first where that is of the standard library, too
    apart = "" if before.startswith("from ") else "\n"
    standard = f"import os\nfrom pathlib import Path\n{apart}"
    return f"{head}{docstring}{standard}{before}{place}{names}{after}"


def _shown(file: Path) -> str:
    return os.path.relpath(file)
