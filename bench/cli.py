"""The command line: parse, call, print."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.errors import BenchError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A benchmark harness for the stabilisation of GAN training.\n\n"
    "bench run smoke: train a small study and write its report\n\n"
    "bench plan quick: what would train, and why\n\n"
    "bench check my_method: put a method of yours through the suite",
)
# where nobody watches, a table keeps one line a row
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 240)

StudyName = Annotated[str, typer.Argument(help="A shipped study's name, or a YAML file's path.")]
Results = Annotated[Path, typer.Option(help="Folder for records, MLflow and reports.")]
Methods = Annotated[
    str, typer.Option(help="Only these, separated by commas; also ones the study does not list.")
]
Datasets = Annotated[str, typer.Option(help="Only these, separated by commas.")]
Seeds = Annotated[str, typer.Option(help="A count (5: seeds 0 to 4) or a list (3,4,7).")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="PART.SETTING=VALUE, as wgan_gp.penalty_weight=1. Repeatable."),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        help="Train diverged cells again, and those that lack FID though weights are here.",
    ),
]


def main() -> None:
    """Run the command line; a :class:`BenchError` is one line and exit code 2."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(prog_name="bench")
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
    except _Interrupted:
        print("bench: interrupted; what finished is stored, run again to go on", file=sys.stderr)
        sys.exit(130)


class _Interrupted(BaseException):
    """Ctrl-C or a polite kill; not a KeyboardInterrupt, which typer would end in its own way."""


def _interrupt(*_: Any) -> NoReturn:
    raise _Interrupted


@app.command()
def run(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0,2.")] = "auto",
    jobs: Annotated[int | None, typer.Option(help="Workers; default: one a core or GPU.")] = None,
    results: Results = Path("results"),
    overrides: Overrides = None,
    retry: Retry = False,
    inception_weights: Annotated[
        str, typer.Option(help="File of pytorch-fid's Inception weights, for FID.")
    ] = "",
) -> None:
    """Train what is missing, then write the report.

    Cells that are done are not trained again; failed ones are tried again.

    Examples:

    bench run quick

    bench run quick --methods wgan_gp,my_idea --seeds 10

    bench run quick --set wgan_gp.penalty_weight=1
    """
    from bench.execution.coordinator import run as run_study
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.report import write_report
    from bench.tracking import Tracker

    if inception_weights:
        # the workers inherit it
        os.environ["BENCH_INCEPTION_WEIGHTS"] = inception_weights
    begun = time.monotonic()
    chosen = _study(study, methods, datasets, seeds, overrides)
    store = Store(results)
    with store.writing():
        with Tracker(results, chosen.name) as tracker:
            finished = run_study(chosen, store, tracker, out, device=device, jobs=jobs, retry=retry)
        shown = _with_the_rest(study, chosen, store)
        page = write_report(shown, make_plan(shown.cells, store), results, _notes(store))
    _say_notes(store)
    for problem in tracker.problems:
        out.print(problem, style="yellow", markup=False)
    trained = f"{finished.trained} cells trained" if finished.trained else "nothing to train"
    out.print(f"{trained}, {time.monotonic() - begun:.0f} s. Report: {page}", markup=False)
    if finished.failed:
        out.print(
            f"{len(finished.failed)} cells failed; the report says why, `bench show` shows one, "
            "and the next run tries them again.",
            style="yellow",
        )
        raise typer.Exit(1)


@app.command()
def plan(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
    retry: Retry = False,
) -> None:
    """Show for every cell whether it is done or would train, and why.

    Example: bench plan quick --methods wgan_gp
    """
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store

    store = Store(results)
    chosen = _study(study, methods, datasets, seeds, overrides)
    planned = make_plan(chosen.cells, store, retry, chosen.require)
    table = _table("state", "cell", "why", "key")
    for each in planned:
        table.add_row(each.state, escape(str(each.cell)), escape(each.why), each.cell.key)
    out.print(table)
    train = sum(each.to_train for each in planned)
    out.print(f"{train} of {len(planned)} cells would train.")
    _say_notes(store)


@app.command()
def report(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
) -> None:
    """Write the report of what is stored, without training.

    Example: bench report quick --results results
    """
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.report import write_report

    store = Store(results)
    chosen = _study(study, methods, datasets, seeds, overrides)
    shown = _with_the_rest(study, chosen, store)
    page = write_report(shown, make_plan(shown.cells, store), results, _notes(store))
    _say_notes(store)
    out.print(f"Report: {page}", markup=False)


@app.command("list")
def list_all() -> None:
    """List methods, datasets, architectures and studies, and files that cannot be used.

    Example: bench list
    """
    from bench.registry import DATASETS, find_architectures, find_methods
    from bench.study import studies

    found, pairs = find_methods(), find_architectures()
    table = _table("method", "what it is", "settings")
    for name, method in found.methods.items():
        settings = ", ".join(f"{key}={value}" for key, value in method().settings().items())
        table.add_row(escape(name), escape(_first_line(method)), escape(settings))
    for name, broken in found.broken.items():
        table.add_row(escape(name), f"cannot be used: {escape(broken.reason)}", "", style="red")
    out.print(table)
    for title, kinds, failed in (
        ("dataset", DATASETS, {}),
        ("architecture", pairs.architectures, pairs.broken),
    ):
        table = _table(title, "what it is")
        for name, kind in kinds.items():
            table.add_row(escape(name), escape(_first_line(kind)))
        for name, broken in failed.items():
            table.add_row(escape(name), f"cannot be used: {escape(broken.reason)}", style="red")
        out.print(table)
    table = _table("study", "what it is")
    for name, file in studies().items():
        table.add_row(
            name, escape(" ".join(yaml.safe_load(file.read_text())["description"].split()))
        )
    out.print(table)


@app.command()
def show(
    cell: Annotated[str, typer.Argument(help="The beginning of a cell's key.")],
    results: Results = Path("results"),
) -> None:
    """Show all that is known of one cell.

    Example: bench show 37c4008a
    """
    from bench.records.store import Store

    store = Store(results)
    found = [record for record in store.all() if record.key.startswith(cell)]
    if len(found) != 1:
        raise BenchError(
            f"{len(found) or 'no'} cells in '{results}' have a key that begins with '{cell}'; "
            "bench plan lists the keys"
        )
    record = found[0]
    shown = {
        "cell": str(record.cell),
        "key": record.key,
        "status": record.status,
        **({"reason": record.reason} if record.reason else {}),
        "ingredients": record.data["ingredients"],
        **record.data["result"],
        "run": record.data["run"],
    }
    out.print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), markup=False)
    if record.data["output"]:
        out.print(f"last output:\n{record.data['output']}", markup=False)


@app.command()
def status(results: Results = Path("results")) -> None:
    """Count the records in a results folder by dataset, method and status.

    Example: bench status --results results
    """
    from collections import Counter

    from bench.records.store import Store

    store = Store(results)
    counts = Counter(
        (record.cell.dataset.label, record.cell.method.label, record.status)
        for record in store.all()
    )
    table = _table("dataset", "method", "status", "cells")
    for (dataset, method, state), count in sorted(counts.items()):
        table.add_row(escape(dataset), escape(method), state, str(count))
    out.print(table if counts else f"No records in {results}.")
    _say_notes(store)


@app.command()
def doctor(results: Results = Path("results")) -> None:
    """Say what this machine offers and what stands in the way of a run.

    Example: bench doctor
    """
    from bench.doctor import examine

    table = _table("", "what", "found")
    sound = True
    for finding in examine(results):
        sound = sound and not finding.problem
        mark = "[red]✗[/red]" if finding.problem else "[green]✓[/green]"
        table.add_row(mark, finding.what, escape(finding.problem or finding.found))
    out.print(table)
    if not sound:
        raise typer.Exit(1)


@app.command()
def check(
    methods: Annotated[list[str] | None, typer.Argument(help="Default: every method.")] = None,
) -> None:
    """Put methods through the suite and say in plain words what is wrong.

    Example: bench check my_idea
    """
    from bench.check import check_method
    from bench.registry import find_methods, make_method

    found = find_methods()
    failed = False
    for name in methods or [*found.methods, *found.broken]:
        if not methods and name in found.broken:
            out.print(f"{name}: cannot be used: {found.broken[name].reason}", markup=False)
            failed = True
            continue
        table = _table("", name)
        for verdict in check_method(make_method(name)):
            failed = failed or bool(verdict.problem)
            mark = "[red]✗[/red]" if verdict.problem else "[green]✓[/green]"
            table.add_row(mark, escape(verdict.problem or verdict.check))
        out.print(table)
    if failed:
        raise typer.Exit(1)


@app.command()
def sync(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
) -> None:
    """Send to MLflow what it does not have yet; select as for the run that could not reach it.

    Example: MLFLOW_TRACKING_URI=http://127.0.0.1:5000 bench sync quick
    """
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.tracking import Tracker

    store = Store(results)
    chosen = _with_the_rest(study, _study(study, methods, datasets, seeds, overrides), store)
    with store.writing():
        planned = make_plan(chosen.cells, store)
        records = [each.record for each in planned if each.record is not None]
        with Tracker(results, chosen.name) as tracker:
            sent = tracker.send(records)
    if sent.missing:
        raise BenchError(tracker.problems[0])
    for problem in tracker.problems:
        out.print(problem, style="yellow", markup=False)
    out.print(f"{sent.sent} cells sent, {len(records) - sent.sent} were there already.")


@app.command()
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


def _study(name: str, methods: str, datasets: str, seeds: str, overrides: list[str] | None) -> Any:
    from bench.selection import parse
    from bench.study import load_study

    return load_study(name, parse(methods, datasets, seeds, overrides or []))


def _with_the_rest(name: str, chosen: Any, store: Any) -> Any:
    """The chosen cells and what is stored of the whole study: a narrowed run loses no row."""
    from dataclasses import replace

    from bench.study import load_study

    here = {cell.key for cell in chosen.cells}
    try:
        whole = load_study(name).cells
    except (
        BenchError
    ):  # another method of the study is broken; the chosen ones stand for themselves
        return chosen
    others = [cell for cell in whole if cell.key not in here]
    stored = {cell.key for cell in others if store.get(cell.key) is not None}
    # what does not apply has no record; it is shown wherever its dataset is
    shown = {cell.dataset.label for cell in [*chosen.cells, *others] if cell.key in here | stored}
    rest = [
        cell
        for cell in others
        if cell.key in stored or (cell.not_applicable and cell.dataset.label in shown)
    ]
    return replace(chosen, cells=[*chosen.cells, *rest])


def _notes(store: Any) -> list[str]:
    from bench.registry import find_architectures, find_methods

    broken = [
        f"{what} file {each.file.name} cannot be used: {each.reason}"
        for what, found in (("method", find_methods()), ("architecture", find_architectures()))
        for each in found.broken.values()
    ]
    return broken + store.set_aside


def _say_notes(store: Any) -> None:
    for note in _notes(store):
        out.print(note, style="yellow", markup=False)


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(escape(heading), overflow="fold")
    return table


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]
