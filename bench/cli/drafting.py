"""The command that writes a part to start from: new."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import out, use_folder
from bench.errors import BenchError
from bench.kinds import KINDS, option, variable


def new(
    kind: Annotated[str, typer.Argument(help=f"Kind of part: {', '.join(KINDS)}.")],
    name: Annotated[str, typer.Argument(help="Its name, as my_idea.")] = "",
    parent: Annotated[
        str, typer.Option("--from", help="Begin from a copy of this method's source.")
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder for both files; default: that of --methods-dir, --datasets-dir …, or "
            "else this checkout's own folders."
        ),
    ] = None,
) -> None:
    """Write a part that runs at once, with its test; nothing is overwritten.

    Examples:

    bench new method my_idea

    bench new method my_penalty --from wgan_gp

    bench new dataset my_data --folder ~/data
    """
    if kind not in KINDS:
        ways = " or ".join(f"bench new {each} {name or kind}" for each in KINDS)
        raise BenchError(f"state the kind of part of '{name or kind}': {ways}")
    if not name:
        raise BenchError(f"give its name: bench new {kind} NAME")
    if folder is None and (own := os.environ.get(variable(kind))):
        folder = Path(own)
    if folder is not None:
        folder = Path(os.path.expanduser(folder))
        if folder.is_dir():
            use_folder(kind, str(folder))
    from bench.drafting import ROOT, draft

    made = draft(kind, name, parent, folder)
    files = [os.path.relpath(file) for file in (made.part, made.test)]
    out.print(f"Written: {files[0]} and {files[1]}. Next steps:", markup=False)
    there = [option(kind), os.path.relpath(folder)] if folder else []
    make = (
        ["make", "bench"] if Path.cwd() == ROOT else ["make", "-C", os.path.relpath(ROOT), "bench"]
    )
    if folder:
        # make may go elsewhere first
        make.append(f"{kind.upper()}S_DIR={os.path.relpath(folder, ROOT)}")
    commands = [
        [_beside("bench"), "check", name, *there],
        [_beside("python"), "-m", "pytest", files[1]],
    ]
    if kind == "method":
        commands.append(make)
    for command in commands:
        out.print(f"  {shlex.join(command)}", markup=False)
    if kind != "method":
        named = {"metric": f"metrics: [{name}]", "extractor": f"metrics: [{name}_fd]"}
        out.print(
            f"and name it in a study file: `{named.get(kind, f'{kind}: {name}')}`", markup=False
        )


def _beside(program: str) -> str:
    """Return the path of a program of the current environment, relative to here."""
    at = os.path.relpath(Path(sys.executable).parent / program)
    return program if at.startswith("..") or not Path(at).exists() else at
