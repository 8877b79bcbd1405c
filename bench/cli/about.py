"""Commands about the benchmark and the machine: list, doctor, ui."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bench.cli.options import (
    Results,
    first_line,
    make_table,
    out,
)


def list_all() -> None:
    """List parts of every kind, studies, and files that cannot be used.

    Example: bench list
    """
    from bench.kinds import KINDS
    from bench.registry import find, make
    from bench.registry.ranges import settings_told
    from bench.study import studies
    from bench.study.file import read

    for kind in KINDS:
        found, methods = find(kind), kind == "method"
        unasked = set(found.unasked)
        table = make_table(kind, "what it is", "hyperparameters", "runs" if methods else "from")
        for name, part in found.parts.items():
            last = package = found.packages.get(name, "")
            if methods:
                last = "all" if name in unasked else "named"
                last += f", from {package}" if package else ""
            told = ", ".join(settings_told(make(kind, name)).values())
            table.add_row(escape(name), escape(first_line(part)), escape(told), escape(last))
        for name, each in found.broken.items():
            table.add_row(escape(name), f"cannot be used: {escape(each.reason)}", style="red")
        out.print(table)
        if methods:
            out.print(
                "all: where a study says `methods: all`, too; named: only where a study or "
                "--methods names it.\n`bench check` puts every method through the suite; "
                "`bench check NAME` one part of any kind.\n",
                markup=False,
            )
    table = make_table("study", "what it is")
    for name, file in studies().items():
        table.add_row(name, escape(" ".join(read(file).description.split())))
    out.print(table)


def doctor(
    study: Annotated[
        str,
        typer.Argument(help="Look at this study's own files instead: its folders of images."),
    ] = "",
    results: Results = Path("results"),
) -> None:
    """Report what this machine offers and what would prevent a run.

    With a study: what its folders of images and files of points hold, what of them is left out,
    converted or suspicious. Nothing is trained.

    Examples:

    bench doctor

    bench doctor my_study.yaml
    """
    from bench.doctor import examine, examine_data

    table = make_table("", "what", "found")
    sound = True
    for finding in examine_data(study, results) if study else examine(results):
        sound = sound and not finding.problem
        mark = "[red]✗[/red]" if finding.problem else "[green]✓[/green]"
        if finding.caution:
            mark = "[yellow]![/yellow]"
        table.add_row(mark, escape(finding.what), escape(finding.problem or finding.found))
    out.print(table)
    if not sound:
        raise typer.Exit(1)


def ui(
    results: Results = Path("results"),
    port: Annotated[int, typer.Option(help="Port on the loopback address.")] = 5000,
) -> None:
    """Open MLflow's interface on this machine's loopback address.

    Example: bench ui
    """
    from bench.tracking import ui_command

    command = ui_command(results, port)
    os.execv(command[0], command)
