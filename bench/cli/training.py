"""Commands that train, and what comes before and after: run, plan, check, sync."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bench.cli.options import (
    Datasets,
    Device,
    Jobs,
    Methods,
    OneCell,
    Overrides,
    Results,
    Retry,
    Seeds,
    SlotsPerDevice,
    StudyName,
    Vary,
    chosen_study,
    make_table,
    notes,
    out,
    say_notes,
    say_problems,
    with_the_rest,
)
from bench.errors import BenchError


def run(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    vary: Vary = "",
    device: Device = "auto",
    jobs: Jobs = None,
    slots_per_device: SlotsPerDevice = 1,
    results: Results = Path("results"),
    overrides: Overrides = None,
    retry: Retry = False,
    cell: OneCell = "",
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

    bench run quick --methods spectral_norm+ttur --set ttur.ratio=2
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
    chosen = chosen_study(study, methods, datasets, seeds, overrides, cell, vary)
    store = Store(results)
    with store.writing():
        with Tracker(results, chosen.name) as tracker:
            finished = run_study(
                chosen, store, tracker, out, device=device, jobs=jobs,
                slots_per_device=slots_per_device, retry=retry,
            )  # fmt: skip
        shown = with_the_rest(chosen, store)
        page = write_report(shown, make_plan(shown.cells, store), results, notes(store))
    say_notes(store)
    say_problems(tracker)
    trained = f"{finished.trained} cells trained" if finished.trained else "nothing to train"
    out.print(f"{trained}, {time.monotonic() - begun:.0f} s. Report: {page}", markup=False)
    if finished.failed:
        out.print(
            f"{len(finished.failed)} cells failed; the report says why, `bench show` shows one, "
            "and the next run tries them again.",
            style="yellow",
        )
        raise typer.Exit(1)


def plan(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    vary: Vary = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
    retry: Retry = False,
    cell: OneCell = "",
) -> None:
    """Show for every cell whether it is done or would train, and why.

    Example: bench plan quick --methods wgan_gp
    """
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store

    store = Store(results)
    chosen = chosen_study(study, methods, datasets, seeds, overrides, cell, vary)
    planned = make_plan(chosen.cells, store, retry, chosen.require)
    table = make_table("state", "cell", "why", "key")
    for each in planned:
        table.add_row(each.state, escape(str(each.cell)), escape(each.why), each.cell.key)
    out.print(table)
    train = sum(each.to_train for each in planned)
    out.print(f"{train} of {len(planned)} cells would train.")
    say_notes(store)


def check(
    methods: Annotated[list[str] | None, typer.Argument(help="Default: every method.")] = None,
) -> None:
    """Put methods through the suite and say in plain words what is wrong.

    Example: bench check my_idea
    """
    import torch

    from bench.check import check_method
    from bench.registry import find_methods, make_method

    # as in a worker: with so small networks a second thread costs time
    torch.set_num_threads(1)
    found = find_methods()
    names = methods or [*found.methods, *(n for n in found.broken if n not in found.methods)]
    made = {name: make_method(name) for name in names if methods or name in found.methods}
    failed = []
    for name in names:
        if name not in made:
            out.print(f"[red]✗[/red] {escape(name)}", highlight=False)
            out.print(f"  it cannot be used: {found.broken[name].reason}", markup=False)
            failed.append(name)
        elif _say_verdicts(name, check_method(made[name]), whole=bool(methods)):
            failed.append(name)
    for name in [] if methods else found.broken:
        if name in found.methods:
            # of the two that claim the name, the other one is tried above
            out.print(
                f"{name} ({found.broken[name].where}) cannot be used: {found.broken[name].reason}",
                style="yellow",
                markup=False,
            )
            failed.append(f"{name} ({found.broken[name].where})")
    if failed:
        of = f"{len(failed)} of {len(names)} methods fail: " if len(names) > 1 else "It fails: "
        out.print(f"{of}{', '.join(failed)}.", markup=False)
        raise typer.Exit(1)
    out.print(f"{len(names)} methods pass." if len(names) > 1 else "It passes.", markup=False)


def _say_verdicts(name: str, verdicts: list[Any], whole: bool) -> bool:
    """One method's verdicts, each thing that is wrong told once; whether there is any."""
    from bench.check import causes

    wrong = causes(verdicts)
    mark = "[red]✗[/red]" if wrong else "[green]✓[/green]"
    out.print(f"{mark} {escape(name)}", highlight=False)
    if whole:
        for verdict in verdicts:
            if verdict.tried and not verdict.problem:
                out.print(f"  [green]✓[/green] {escape(verdict.check)}", highlight=False)
    for cause in wrong:
        out.print(f"  [red]✗[/red] {escape(cause.problem)}", highlight=False)
        for check in cause.checks:
            out.print(f"      fails: {check}", markup=False, highlight=False)
    untried = [verdict.check for verdict in verdicts if not verdict.tried]
    if untried:
        out.print(f"  {len(untried)} checks that rest on this were not tried.", markup=False)
    return bool(wrong)


def sync(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    vary: Vary = "",
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
    narrowed = chosen_study(study, methods, datasets, seeds, overrides, vary=vary)
    with store.writing():
        chosen = with_the_rest(narrowed, store)
        planned = make_plan(chosen.cells, store)
        records = [each.record for each in planned if each.record is not None]
        with Tracker(results, chosen.name) as tracker:
            sent = tracker.send(records)
    if sent.missing:
        raise BenchError(tracker.problems[0])
    say_problems(tracker)
    out.print(f"{sent.sent} cells sent, {len(records) - sent.sent} were there already.")
