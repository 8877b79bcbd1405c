"""Commands that read what is stored: report, figure, show, status."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
import yaml
from rich.markup import escape

from bench.cli.options import (
    Datasets,
    Decide,
    Methods,
    Overrides,
    Results,
    Seeds,
    StudyName,
    Vary,
    chosen_study,
    make_table,
    notes,
    out,
    say_notes,
    say_report,
    say_rows,
    with_the_rest,
)
from bench.errors import BenchError
from bench.words import count as counted

COLUMNS = 5
"""Quantities that `bench show` lists, of those that are measured."""

if TYPE_CHECKING:
    from bench.records.measurements import Measurement
    from bench.records.record import Record


def report(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    vary: Vary = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
    baseline: Annotated[str, typer.Option(help="Also compare every method with this one.")] = "",
    decide: Decide = False,
) -> None:
    """Write the report of what is stored, without training.

    Examples:

    bench report quick --results results

    bench report quick --baseline non_saturating
    """
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.report import write_report

    store = Store(results)
    if not store.cells.is_dir():
        raise BenchError(
            f"'{results}' holds no records; give the folder that `bench run` wrote to with "
            "--results, or train with `bench run`"
        )
    chosen = chosen_study(study, methods, datasets, seeds, overrides, vary=vary, decide=decide)
    shown = with_the_rest(chosen, store)
    page = write_report(shown, make_plan(shown.cells, store), results, notes(store), baseline)
    say_notes(store)
    say_report(page)


def figure(
    name: Annotated[str, typer.Argument(help="As ring8/curves; without one: all names.")] = "",
    study: Annotated[str, typer.Option(help="A shipped study's name, or a YAML file.")] = "quick",
    results: Results = Path("results"),
    style: Annotated[
        Literal["paper", "page"], typer.Option(help="For print, or as in the report.")
    ] = "paper",
    width: Annotated[
        Literal["column", "page"],
        typer.Option(help="For print: as a column (3.25 in), or as the page (6.75 in)."),
    ] = "column",
    folder: Annotated[Path, typer.Option("--out", help="Folder for the files.")] = Path("figures"),
) -> None:
    """Draw a single figure of a report, as PDF, SVG and PNG.

    Examples:

    bench figure

    bench figure ring8/curves --style paper --out paper/figures

    bench figure overview --style paper --width page
    """
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.report.paper import names, write_figure

    store = Store(results)
    shown = with_the_rest(chosen_study(study, "", "", "", None), store)
    planned = make_plan(shown.cells, store)
    if not name:
        out.print("\n".join(names(shown, planned)), markup=False)
        return
    told: list[str] = []
    for file in write_figure(shown, planned, name, folder, style == "paper", told, width):
        out.print(str(file), markup=False)
    for note in told:
        out.print(note, style="yellow", markup=False)
    say_notes(store)


def show(
    cell: Annotated[str, typer.Argument(help="The beginning of a cell's key.")],
    results: Results = Path("results"),
    everything: Annotated[
        bool, typer.Option("--all", help="Then everything else that is stored, as YAML.")
    ] = False,
) -> None:
    """Show one cell: its status, its diagnosis, and its scores at every checkpoint.

    Examples:

    bench show 37c4008a

    bench show 37c4008a --all
    """
    from bench.records.store import Store
    from bench.stored import find_record

    store = Store(results)
    record = find_record(store, cell)
    told = f"{record.status}: {record.reason}" if record.reason else record.status
    for line in (f"{record.cell}, key {record.key}", told, f"Diagnosis: {_story(record)}"):
        out.print(line, markup=False, highlight=False, soft_wrap=not out.is_terminal)
    _say_scores(record)
    if everything:
        rest = {
            "ingredients": record.data["ingredients"],
            **record.data["result"],
            "networks": sorted(record.networks),
            "measurements": [_told(each) for each in record.measurements],
            "run": record.data["run"],
        }
        out.print()
        out.print(yaml.safe_dump(rest, sort_keys=False, allow_unicode=True), markup=False)
    else:
        out.print("\nEverything else that is stored: add --all.")
    if record.data["output"]:
        out.print(f"last output:\n{record.data['output']}", markup=False)


def _story(record: Record) -> str:
    from bench.diagnosis.story import story

    try:
        return story(record)
    except BenchError as error:  # a part or a file is gone, which the rest can be shown without
        return f"none: {error}"


def _say_scores(record: Record) -> None:
    """Print the quantity that ranks, and those next to it, at every checkpoint."""
    from bench.measuring.choice import shown_of
    from bench.report.page import numbers

    try:
        quantities, _ = shown_of([record.cell])
    except BenchError:  # as the diagnosis says
        return
    measured = {name for row in record.evaluations for name in row}
    main = [q for q in quantities if q.name in measured and not (q.group or q.only_drawn)][:COLUMNS]
    if main:
        out.print()
        say_rows(
            ["update", *(f"{q.label} {'' if q.descriptive else q.arrow}".rstrip() for q in main)],
            [
                [f"{row['update']:,}", *(numbers.of(q, row.get(q.name)) for q in main)]
                for row in record.evaluations
            ],
        )


def _told(measurement: Measurement) -> dict[str, Any]:
    """Return a measurement without its ingredients, which its run shows already."""
    told = asdict(measurement)
    return {name: told[name] for name in told if told[name] and name != "ingredients"}


def status(results: Results = Path("results")) -> None:
    """Count the records in a results folder by dataset, method and status, and their networks.

    Example: bench status --results results
    """
    from bench.execution.keeping import bytes_kept
    from bench.records.store import Store
    from bench.training.savepoints import resumable

    store = Store(results)
    networks, counts = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for record in store.records.values():
        cell = record.data["cell"]
        labels = [cell[part].get("label", "") for part in ("dataset", "method")]
        place = (labels[0], labels[1], record.status)
        networks[place] += bytes_kept(record)
        counts[place] += 1
    table = make_table("dataset", "method", "status", "cells", "networks")
    for (dataset, method, state), count in sorted(counts.items()):
        size = f"{networks[dataset, method, state] / 2**20:,.1f} MiB"
        table.add_row(escape(dataset), escape(method), state, str(count), size)
    out.print(table if counts else f"No records in {results}.")
    saved = results / "cache" / "savepoints"
    if unfinished := len(resumable(results / "cache")):
        taken = sum(file.stat().st_size for file in saved.rglob("*") if file.is_file())
        out.print(
            f"{counted(unfinished, 'cell')} can continue from savepoints, {taken / 2**20:,.1f} MiB "
            f"in {saved}; to discard them, delete the folder.",
            markup=False,
        )
    say_notes(store)
