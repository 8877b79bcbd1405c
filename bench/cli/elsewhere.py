"""Commands that take results elsewhere: against another folder, into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from bench.cli.options import Results, make_table, out
from bench.words import count


def compare(
    results_a: Annotated[Path, typer.Argument(help="A results folder, before the change.")],
    results_b: Annotated[Path, typer.Argument(help="Another one, after the change.")],
    study: Annotated[
        str, typer.Option(help="Only this study's cells; default: all that both have.")
    ] = "",
    folder: Annotated[Path, typer.Option("--out", help="Folder for the comparison.")] = Path(
        "comparison"
    ),
    fail_on: Annotated[
        Literal["worse", "changed", "never"],
        typer.Option(help="Significant differences that give exit code 1: worse, or changed."),
    ] = "worse",
) -> None:
    """Report significant changes between two results folders, as of two commits or machines.

    Cells are matched by what they are, not by their keys. Neither folder is changed.

    Example: bench compare results/main results/branch --study quick --fail-on worse
    """
    from bench.report.compare import compare_folders, write_comparison
    from bench.report.compare.page import WORDS, headline
    from bench.report.page import numbers
    from bench.study import load_study

    cells = load_study(study).reserve if study else None
    found = compare_folders(results_a, results_b, cells)
    page = write_comparison(found, folder)
    for note in found.notes:
        out.print(note, style="yellow", markup=False)
    table = make_table("problem", "method", "B against A", "B − A", "adjusted p", "why")
    for pair in found.of("worse", "better", "noise", "not compared"):
        told = (
            pair.problem,
            pair.method,
            WORDS[pair.verdict],
            numbers.difference(pair.metric, pair.contrast.difference),
            numbers.p_value(pair.contrast.adjusted),
            "; ".join(pair.reasons),
        )
        style = {"worse": "red", "better": "green"}.get(pair.verdict)
        table.add_row(*map(escape, told), style=style)
    if table.row_count:
        out.print(table)
    for name, unmatched in (("A", found.only_a), ("B", found.only_b)):
        if unmatched:
            those = count(sum(len(each.seeds) for each in unmatched), "cell")
            out.print(f"{those} only in {name}: not compared.", style="yellow")
    out.print(f"{headline(found)} Page: {page}", markup=False)
    if found.fails(fail_on):
        raise typer.Exit(1)


def export(
    study: Annotated[
        str, typer.Argument(help="A study's name or YAML file; all: every record.")
    ] = "quick",
    results: Results = Path("results"),
    file: Annotated[
        Path | None,
        typer.Option("--out", help="FILE.parquet; default: export.parquet beside the report."),
    ] = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="Print the data dictionary, write nothing.")
    ] = False,
) -> None:
    """Write all series and evaluations as one tidy Parquet file with its data dictionary.

    docs/exported-results.ipynb reads it.

    Example: bench export quick --out quick.parquet
    """
    from bench.report import export as exports
    from bench.study import load_study

    if study == "all":
        (planned, notes), title = exports.all_of(results), f"All records of {results.name}"
        at = results / "export.parquet"
    else:
        chosen = load_study(study)
        (planned, notes), title = exports.of_study(chosen, results), f"Study {chosen.name}"
        at = results / chosen.name / "export.parquet"
    if describe:
        print(exports.describe(title, exports.labelled(planned)), end="")
        return
    done = exports.export(planned, file or at, title)
    for note in [*notes, *done.notes]:
        out.print(note, style="yellow", markup=False)
    size = f"{done.size / 2**20:.1f} MiB"
    out.print(
        f"{count(done.cells, 'cell')}, {done.rows:,} rows, {size}: {done.file} "
        f"({done.described.name} describes the columns)",
        markup=False,
    )
