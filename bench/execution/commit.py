"""The git commit that code was run from, and which of its files that commit does not hold."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench

ROOT = Path(bench.__file__).parent.parent
_SOURCE = "source "
"""Begins the ingredients of a cell that are files of code, named relative to the root."""


@dataclass(frozen=True)
class Commit:
    """A checkout as it is: its commit, the files held unchanged, and whether any differs."""

    name: str
    held: frozenset[str]
    changed: bool

    def told(self, ingredients: Iterable[str]) -> dict[str, Any]:
        """Return what the record of a cell says of it, by the names of the cell's ingredients.

        ``commit``, with ``+changes`` where the code differs, and if there are any, ``uncommitted``:
        the files that the cell is trained with and that the commit lacks, or holds otherwise.
        """
        files = (name.removeprefix(_SOURCE) for name in ingredients if name.startswith(_SOURCE))
        lacking = sorted(file for file in files if "." in file and file not in self.held)
        mark = "+changes" if self.changed or lacking else ""
        return {"commit": self.name + mark} | ({"uncommitted": lacking} if lacking else {})


def commit_of(root: Path = ROOT, file: str = "bench/__init__.py") -> Commit | None:
    """Return the commit of the checkout in a folder.

    None where git does not hold ``file``: an installation may lie below somebody's project.
    """

    def git(*command: str) -> list[str]:
        asked = ["git", "-C", str(root), *command]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        return done.stdout.strip("\0\n").split("\0")

    try:
        git("ls-files", "--error-unmatch", file)
        (name,) = git("rev-parse", "--short=12", "HEAD")
        changed = {*git("diff", "--name-only", "--relative", "-z", "HEAD")} - {""}
        return Commit(name, frozenset(git("ls-files", "-z")) - changed, bool(changed))
    except (OSError, subprocess.CalledProcessError):
        return None
