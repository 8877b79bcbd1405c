"""Commands that train, and what comes before and after: run, plan, sync."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench.cli.options import (
    BackendName,
    Datasets,
    Decide,
    Device,
    InceptionWeights,
    Jobs,
    Methods,
    OneCell,
    Overrides,
    Results,
    Retry,
    Scheduler,
    Seeds,
    SlotsPerDevice,
    StudyName,
    Tracking,
    Vary,
    chosen_study,
    notes,
    out,
    say_notes,
    say_problems,
    say_report,
    say_rows,
    use_inception_weights,
    with_the_rest,
)
from bench.errors import BenchError
from bench.words import count

if TYPE_CHECKING:
    from bench.execution.plan import Planned


def run(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    vary: Vary = "",
    device: Device = "auto",
    jobs: Jobs = None,
    slots_per_device: SlotsPerDevice = 1,
    backend: BackendName = "threads",
    scheduler: Scheduler = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
    retry: Retry = False,
    cell: OneCell = "",
    decide: Decide = False,
    tracking: Tracking = True,
    inception_weights: InceptionWeights = "",
) -> None:
    """Train missing cells, then write the report.

    Cells that are done are not trained again; failed ones are tried again.

    Examples:

    bench run quick

    bench run quick --methods wgan_gp,my_idea --seeds 10

    bench run quick --set wgan_gp.penalty_weight=1

    bench run quick --methods spectral_norm+ttur --set ttur.ratio=2

    bench run quick --decide
    """
    from bench.deciding import run as run_study
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.report import write_report
    from bench.tracking import Tracker

    use_inception_weights(inception_weights)
    begun = time.monotonic()
    chosen = chosen_study(study, methods, datasets, seeds, overrides, cell, vary, decide=decide)
    store = Store(results)
    with store.writing():
        with Tracker(results, chosen.name, on=tracking) as tracker:
            finished = run_study(
                replace(chosen, deciding=None) if cell else chosen, store, tracker, out,
                device=device, jobs=jobs, slots_per_device=slots_per_device, backend=backend,
                scheduler=scheduler, retry=retry,
            )  # fmt: skip
        shown = with_the_rest(chosen, store)
        planned = finished.planned
        if [each.cell.key for each in planned] != [cell.key for cell in shown.cells]:
            planned = make_plan(shown.cells, store)
        page = write_report(shown, planned, results, notes(store))
    say_notes(store)
    say_problems(tracker)
    done = [
        f"{count(number, 'cell')} {what}"
        for number, what in ((finished.trained, "trained"), (finished.measured, "measured"))
        if number
    ]
    summary = ", ".join(done) or "nothing to train or to measure"
    say_report(page, f"{summary}, {time.monotonic() - begun:.0f} s. ")
    if finished.unmeasured:
        out.print(
            f"{count(len(finished.unmeasured), 'cell')} could not be measured; the next run, or "
            "bench measure, tries again.",
            style="yellow",
        )
    if finished.failed:
        out.print(
            f"{count(len(finished.failed), 'cell')} failed; the report gives the reasons, "
            "`bench show KEY` shows one cell, and the next run tries again.",
            style="yellow",
        )
    if finished.failed or finished.unmeasured:
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
    decide: Decide = False,
) -> None:
    """Show for every cell what would be trained and measured, and why.

    Of a sequential study: the cells up to the next batch.

    Example: bench plan quick --methods wgan_gp
    """
    from bench.deciding import state
    from bench.execution.keeping import bytes_to_keep
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.training.savepoints import resumable

    store = Store(results)
    chosen = chosen_study(study, methods, datasets, seeds, overrides, cell, vary, decide=decide)
    sequential = None if cell or chosen.deciding is None else state(chosen, store)
    planned = make_plan(sequential.cells if sequential else chosen.cells, store, retry)
    saved = resumable(results / "cache")
    rows = []
    for each in planned:
        done = sum(measure.state == "done" for measure in each.measures)
        whys = [each.why] if each.state != "done" or not each.to_measure() else []
        whys += _why_measured(each)
        if each.to_train and (at := saved and saved.get((each.cell.group, each.cell.seed))):
            whys.append(f"continues at update {at} of {each.cell.updates}")
        measured = f"{done} of {len(each.measures)}" if each.state == "done" else ""
        rows.append(
            (each.state, str(each.cell), measured, " ".join("; ".join(whys).split()), each.cell.key)
        )
    say_rows(("state", "cell", "measured", "why", "key"), rows)
    train = [each.cell for each in planned if each.to_train]
    measure = sum(bool(each.to_measure()) for each in planned)
    out.print(
        f"{len(train)} of {count(len(planned), 'cell')} would train, and "
        f"{count(measure, 'stored cell')} would be measured."
    )
    if train:
        size = bytes_to_keep(train, chosen.keep)
        out.print(f"The kept networks would take about {size / 2**20:,.0f} MiB.")
    if sequential:
        from bench.report.topics.dataset.pairs import progress

        # a failed cell is tried again, and must not hide decisions made without it
        every = frozenset(each.key for each in chosen.reserve)
        for decided in state(chosen, store, every).decisions:
            out.print(progress(decided), markup=False)
    say_notes(store)


def _why_measured(planned: Planned) -> list[str]:
    """Return the missing measurements of a stored cell by reason, one line each."""
    by_reason: dict[str, list[str]] = {}
    for measure in planned.measures if planned.state == "done" else []:
        if measure.state != "done":
            by_reason.setdefault(measure.why, []).append(measure.asked.component.label)
    return [f"{', '.join(names)}: {why}" for why, names in by_reason.items()]


def sync(
    study: StudyName = "quick",
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    vary: Vary = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
) -> None:
    """Send to MLflow the cells that it lacks; select as for the run that could not reach it.

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
        with Tracker(results, chosen.name, patient=True) as tracker:
            tracker.send(records)
    say_problems(tracker)
    sent = f"{count(tracker.sent, 'cell')} sent"
    if missing := len(tracker.missing(records)):
        raise BenchError(f"{sent}, {missing} still missing; bench sync tries again")
    out.print(f"{sent}, {len(records) - tracker.sent} already there.")
