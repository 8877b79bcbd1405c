"""Commands that train, and what comes before and after: run, plan, sync."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

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
