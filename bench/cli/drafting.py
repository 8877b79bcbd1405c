"""The command that writes a method to start from: new."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import out, use_methods_dir


def new(
    name: Annotated[str, typer.Argument(help="The method's name, as my_idea.")],
    parent: Annotated[
        str, typer.Option("--from", help="Begin from a copy of this method's source.")
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder for both files; default: that of --methods-dir, or else this checkout's "
            "methods/ and tests/methods/."
        ),
    ] = None,
) -> None:
    """Write a method that runs at once, with its test; nothing is overwritten.

    Examples:

    bench new my_idea

    bench new my_penalty --from wgan_gp

    bench new my_idea --folder ~/methods
    """
    if folder is None and (own := os.environ.get("BENCH_METHODS_DIR")):
        folder = Path(own)
    if folder is not None:
        folder = folder.expanduser()
        if folder.is_dir():
            use_methods_dir(str(folder))
    from bench.drafting import ROOT, draft

    made = draft(name, parent, folder)
    files = [os.path.relpath(file) for file in (made.method, made.test)]
    out.print(f"Written: {files[0]} and {files[1]}. Go on with:", markup=False)
    there = ["--methods-dir", os.path.relpath(folder)] if folder else []
    make = (
        ["make", "bench"] if Path.cwd() == ROOT else ["make", "-C", os.path.relpath(ROOT), "bench"]
    )
    if folder:
        # make may go elsewhere first
        make.append(f"METHODS_DIR={os.path.relpath(folder, ROOT)}")
    for command in (
        [_beside("bench"), "check", name, *there],
        [_beside("python"), "-m", "pytest", files[1]],
        make,
    ):
        out.print(f"  {shlex.join(command)}", markup=False)


def _beside(program: str) -> str:
    """A program of the environment that runs, as it is typed from here."""
    at = os.path.relpath(Path(sys.executable).parent / program)
    return program if at.startswith("..") or not Path(at).exists() else at
