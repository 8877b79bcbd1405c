"""The command that tunes every method with the same budget."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import (
    BackendName,
    Datasets,
    Device,
    Jobs,
    Methods,
    Overrides,
    Results,
    Scheduler,
    Seeds,
    SlotsPerDevice,
    StudyName,
    Tracking,
    chosen_study,
    notes,
    out,
    say_notes,
    say_problems,
)


def tune(
    study: StudyName = "quick",
    trials: Annotated[int, typer.Option(help="Of every method on every dataset.")] = 20,
    tuning_seeds: Annotated[
        int, typer.Option(help="Seeds that judge a trial, none of them the study's own.")
    ] = 2,
    methods: Methods = "",
    datasets: Datasets = "",
    seeds: Seeds = "",
    device: Device = "auto",
    jobs: Jobs = None,
    slots_per_device: SlotsPerDevice = 1,
    backend: BackendName = "threads",
    scheduler: Scheduler = "",
    results: Results = Path("results"),
    overrides: Overrides = None,
    tracking: Tracking = True,
) -> None:
    """Tune every method with the same number of trials, then run the best on fresh seeds.

    An interrupted tuning continues when called again; with more trials it adds to the stored ones.

    Examples:

    bench tune quick --trials 20

    bench tune quick --trials 20 --datasets ring8 --methods wgan_gp,r1
    """
    from bench.records.store import Store
    from bench.tracking import Tracker

    begun = time.monotonic()
    chosen = chosen_study(study, methods, datasets, seeds, overrides)
    store = Store(results)
    with store.writing():
        from bench.tuning.tune import tune as tune_study
        from bench.tuning.writing import write_tuning

        with Tracker(results, f"{chosen.name} tuning", on=tracking) as tracker:
            done = tune_study(
                chosen, store, tracker, out, trials=trials, seeds=tuning_seeds, device=device,
                jobs=jobs, slots_per_device=slots_per_device, backend=backend,
                scheduler=scheduler,
            )  # fmt: skip
        page = write_tuning(done, results, notes(store))
    say_notes(store)
    say_problems(tracker)
    out.print(f"{time.monotonic() - begun:.0f} s. Report: {page}", markup=False)
    if done.unfinished:
        out.print(
            f"Not finished: {done.unfinished} trials or cells; the report gives the reasons, "
            "and the next call tries again.",
            style="yellow",
        )
        raise typer.Exit(1)
