"""Shared by commands: options, and the study that they select."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.errors import BenchError
from bench.kinds import KINDS, option, variable

if TYPE_CHECKING:
    from bench.registry import Shelf

for _name in ("stdout", "stderr"):
    if getattr(sys, _name) is None:  # closed by whoever called
        setattr(sys, _name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
# without a terminal, a table keeps one line per row
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 240)

StudyName = Annotated[str, typer.Argument(help="A shipped study's name, or a YAML file's path.")]
Results = Annotated[Path, typer.Option(help="Folder for records, MLflow and reports.")]
Methods = Annotated[
    str,
    typer.Option(
        help="Only these, separated by commas; also ones the study does not list. "
        "+a,b: beside the study's own. a+b: both as one."
    ),
]
Datasets = Annotated[str, typer.Option(help="Only these, separated by commas.")]
Seeds = Annotated[str, typer.Option(help="A count (5: seeds 0 to 4) or a list (3,4,7).")]
Vary = Annotated[
    str, typer.Option(help="Only these variants of varied experiments, separated by commas.")
]
InceptionWeights = Annotated[
    str, typer.Option(help="File of pytorch-fid's Inception weights, for FID.")
]
OneCell = Annotated[str, typer.Option("--cell", help="Only this one: the beginning of its key.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="PART.HYPERPARAMETER=VALUE, as wgan_gp.penalty_weight=1; of the study: "
        "training.learning_rate=0.001, updates=2000 or ring8.updates=2000, seeds=[3,4]. "
        "Repeatable.",
    ),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        help="Train diverged cells again, and take measurements again that failed.",
    ),
]
Decide = Annotated[
    bool,
    typer.Option(
        "--decide",
        help="Add seeds until it is decided which method is best, or what the study asks.",
    ),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or cuda:1,0, counted among the visible GPUs.")
]
Jobs = Annotated[
    int | None, typer.Option(help="Workers; default: one a core, or all slots of the GPUs.")
]
SlotsPerDevice = Annotated[
    int, typer.Option(help="Workers that share a GPU, each with its part of the memory.")
]

Tracking = Annotated[
    bool, typer.Option("--tracking/--no-tracking", help="Whether cells are sent to MLflow.")
]
BackendName = Annotated[
    Literal["threads", "dask"],
    typer.Option(
        "--backend",
        help="threads of this machine, or dask: a cluster's workers (docs/running-at-scale.md).",
    ),
]
Scheduler = Annotated[
    str,
    typer.Option(
        help="Address of a dask scheduler, as tcp://10.0.0.1:8786; "
        "without one, --backend dask starts a cluster on this machine."
    ),
]


def finds_parts(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --methods-dir and so on, which hold for the command and its workers."""
    folders = {f"{kind}s_dir": kind for kind in KINDS}

    @functools.wraps(command)
    def wrapped(*given: Any, **named: Any) -> None:
        for name, kind in folders.items():
            if folder := named.pop(name, ""):
                use_folder(kind, folder)
        if any(os.environ.get(variable(kind)) for kind in KINDS):
            refuse_what_hangs()
        command(*given, **named)

    # typer reads a command's options from its signature
    own = inspect.signature(command, eval_str=True)
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default="",
            annotation=Annotated[
                str, typer.Option(help=f"Folder of {kind}s of your own, found beside the others.")
            ],
        )
        for name, kind in folders.items()
    ]
    wrapped.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=[*own.parameters.values(), *options]
    )
    return wrapped


def use_folder(kind: str, folder: str) -> None:
    """Find parts in a folder of the user's own, here and in the workers, which inherit it."""
    at = Path(os.path.expanduser(folder))
    if not at.is_dir():
        raise BenchError(f"{option(kind)}: '{folder}' is not a folder")
    os.environ[variable(kind)] = str(at.absolute())


def refuse_what_hangs() -> None:
    """Have files refused, here and in the workers, that end or hang the process at import."""
    from bench.execution.apart import Lost, apart
    from bench.registry import REFUSED, SHELVES

    os.environ[REFUSED] = "{}"
    refused: dict[str, str] = {}
    left = [(shelf, file) for shelf in SHELVES.values() for file in shelf.files(own=True)]

    def load(shelf: Shelf, file: Path) -> None:
        # reported when the part is used
        with suppress(Exception, SystemExit, KeyboardInterrupt):
            shelf.load(file)

    while left:
        try:
            apart(*(functools.partial(load, *each) for each in left))
            break
        except Lost as lost:
            refused[str(left[lost.place][1])] = f"importing it {lost}"
            os.environ[REFUSED] = json.dumps(refused)
            left = left[lost.place + 1 :]


def use_inception_weights(file: str) -> None:
    """Let the workers, which inherit it, find the weights that an option names."""
    if file:
        from bench.measuring.inception import find_weights, vouched

        os.environ["BENCH_INCEPTION_WEIGHTS"] = file
        # a named file must be the right one; missing weights are reported later
        if weights := find_weights():
            vouched(weights)


def chosen_study(
    name: str,
    methods: str,
    datasets: str,
    seeds: str,
    overrides: list[str] | None,
    cell: str = "",
    vary: str = "",
    metrics: str = "",
    decide: bool = False,
) -> Any:
    """Return the study, narrowed by the arguments."""
    from dataclasses import replace

    from bench.study import load_study
    from bench.study.selection import parse

    if decide and seeds:
        raise BenchError("give either --seeds, which fixes them, or --decide, which adds them")
    selection = parse(methods, datasets, seeds, overrides or [], vary, metrics)
    study = load_study(name, selection, decide)
    if not cell:
        return study
    found = [each for each in study.reserve if each.key.startswith(cell)]
    if len(found) != 1:
        raise BenchError(
            f"{len(found) or 'no'} cells of '{name}' have a key that begins with '{cell}'; "
            f"`bench plan {name}` lists the keys, which change with the code that trains"
        )
    return replace(study, cells=found)


def with_the_rest(chosen: Any, store: Any) -> Any:
    """Return the study with its other stored cells: a narrowed run loses no row."""
    from dataclasses import replace

    here = {cell.key for cell in chosen.cells}
    every = {cell.key: cell for cell in (*chosen.reserve, *chosen.whole)}
    others = [cell for key, cell in every.items() if key not in here]
    stored = {cell.key for cell in others} & store.records.keys()
    # cells that do not apply have no record; they are shown wherever their dataset is
    there = here | stored
    shown = {cell.dataset.label for cell in [*chosen.cells, *others] if cell.key in there}
    rest = [
        cell
        for cell in others
        if cell.key in stored or (cell.not_applicable and cell.dataset.label in shown)
    ]
    return replace(chosen, cells=[*chosen.cells, *rest])


def notes(store: Any) -> list[str]:
    from bench.registry import find

    broken = [
        f"{kind} '{name}' ({each.where}) cannot be used: {each.reason}"
        for kind in KINDS
        for name, each in find(kind).broken.items()
    ]
    return broken + store.set_aside


def say_notes(store: Any) -> None:
    for note in notes(store):
        out.print(note, style="yellow", markup=False)


def say_report(page: Path, before: str = "") -> None:
    """Print a report's headline, and ``before`` with the path of the page below it."""
    from bench.report.publishing import headline

    if told := headline(page):
        out.print(told, style="bold", markup=False, highlight=False, soft_wrap=not out.is_terminal)
    out.print(f"{before}Report: {page}", markup=False)


def say_problems(tracker: Any) -> None:
    """Print the problems with MLflow."""
    for problem in tracker.problems:
        out.print(problem, style="yellow", markup=False)


def make_table(*headings: str) -> Table:
    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        made.add_column(escape(heading), overflow="fold")
    return made


def say_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of any length, whose cells are plain text.

    Rich lays out a table about a hundred times slower than it is printed: it does so only where
    rows must be folded to the width of a terminal.
    """
    columns = zip(headings, *rows, strict=True)
    widths = [max(map(cell_len, column)) for column in columns]
    if out.is_terminal and sum(widths) + 2 * len(widths) > out.width:
        table = make_table(*headings)
        for row in rows:
            table.add_row(*map(escape, row))
        out.print(table)
        return
    out.print(_aligned(headings, widths), style="bold", markup=False, highlight=False)
    out.file.writelines(_aligned(row, widths) + "\n" for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [each + " " * (w - cell_len(each)) for each, w in zip(row, widths, strict=True)]
    return "  ".join(padded).rstrip()


def first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]
