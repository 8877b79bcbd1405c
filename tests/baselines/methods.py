"""The page docs/methods.md, from the methods' own files.

Usage: python -m tests.baselines.methods > docs/methods.md
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import methods
from bench.method import Method
from bench.registry import find_methods

PARTS = ("Paper", "Objective", "Changes")
HEAD = """\
# Methods

Every method of `methods/`: where it comes from, its objective, and what it changes of the plain
non-saturating GAN. Learning rate, betas and batch size are the setting's unless a method says
otherwise. Where a study says `methods: all`, it means the six in bold and every file of your own;
the others run where they are named, as with `make bench METHODS=+hinge,r1`. `bench check NAME` puts
one through the suite; [adding-a-method.md](adding-a-method.md) has the hooks.

This page is what `python -m tests.baselines.methods` prints.

| method | what it is | paper | objective | changes | settings |
|---|---|---|---|---|---|
"""


def told(kind: type[Method]) -> dict[str, str]:
    """The parts of a method's docstring, each in one line."""
    text = inspect.cleandoc(vars(kind)["__doc__"])
    pieces = re.split(rf"^({'|'.join(PARTS)}): ", text, flags=re.MULTILINE)
    found = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return {name: " ".join(part.split()) for name, part in found.items()}


def shipped() -> dict[str, type[Method]]:
    """The methods of the repository, without a user's own folder."""
    home = Path(next(iter(methods.__path__)))
    found = find_methods().methods
    return {
        name: kind for name, kind in found.items() if Path(inspect.getfile(kind)).parent == home
    }


def page() -> str:
    rows = []
    for name, kind in shipped().items():
        settings = ", ".join(f"`{k}={v}`" for k, v in kind().settings().items())
        title = (kind.__doc__ or "").strip().partition("\n")[0]
        shown = f"`{name}`" if vars(kind).get("on_request") else f"**`{name}`**"
        rows.append([shown, title, *(told(kind)[part] for part in PARTS), settings])
    return HEAD + "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows
    )


if __name__ == "__main__":
    print(page(), end="")
