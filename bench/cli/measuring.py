"""Commands that measure what is stored or made elsewhere: measure, score, sample, prune."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bench.cli.options import (
    BackendName,
    Datasets,
    Device,
    InceptionWeights,
    Jobs,
    Methods,
    Results,
    Retry,
    Scheduler,
    Seeds,
    SlotsPerDevice,
    StudyName,
    Tracking,
    Vary,
    chosen_study,
    make_table,
    notes,
    out,
    say_notes,
    say_problems,
    say_report,
    use_inception_weights,
    with_the_rest,
)
from bench.errors import BenchError
from bench.words import count as counted


def measure(
    study: StudyName = "quick",
    metrics: Annotated[
        str,
        typer.Option(
            help="Only these, separated by commas; also ones outside the study, and families of "
            "metrics: anatomy."
        ),
    ] = "",
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
    retry: Retry = False,
    tracking: Tracking = True,
    inception_weights: InceptionWeights = "",
) -> None:
    """Measure what is stored, without training anything, then write the report.

    Examples:

    bench measure quick

    bench measure images --metrics fid,kid

    bench measure quick --metrics anatomy
    """
    from bench.execution.coordinator import run as run_study
    from bench.execution.plan import plan as make_plan
    from bench.records.store import Store
    from bench.report import write_report
    from bench.tracking import Tracker

    use_inception_weights(inception_weights)
    begun = time.monotonic()
    chosen = chosen_study(study, methods, datasets, seeds, None, vary=vary, metrics=metrics)
    store = Store(results)
    with store.writing():
        with Tracker(results, chosen.name, on=tracking) as tracker:
            finished = run_study(
                chosen.grown(store.records), store, tracker, out, device=device, jobs=jobs,
                slots_per_device=slots_per_device, backend=backend,
                scheduler=scheduler, retry=retry, train=False,
            )  # fmt: skip
        shown = with_the_rest(chosen, store)
        page = write_report(shown, make_plan(shown.cells, store), results, notes(store))
    say_notes(store)
    say_problems(tracker)
    any_tried = finished.measured or finished.unmeasured
    summary = (
        f"{counted(finished.measured, 'cell')} measured" if any_tried else "nothing to measure"
    )
    say_report(page, f"{summary}, {time.monotonic() - begun:.0f} s. ")
    if finished.unmeasured:
        failed = counted(len(finished.unmeasured), "cell")
        out.print(f"{failed} could not be measured.", style="yellow")
        raise typer.Exit(1)


def score(
    generated: Annotated[str, typer.Argument(help="A folder of images, .npy, .npz, or dataset.")],
    reference: Annotated[
        str, typer.Argument(help="The same, or pytorch-fid's .npz of mu and sigma.")
    ],
    metrics: Annotated[
        str, typer.Option(help="Only these, separated by commas; default: every one that applies.")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the scores there, as JSON.")
    ] = None,
    save_reference: Annotated[
        Path | None, typer.Option(help="Write the reference's statistics as pytorch-fid's .npz.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "",
    results: Results = Path("results"),
    inception_weights: InceptionWeights = "",
) -> None:
    """Score samples made elsewhere against real ones, in the same way as studies do.

    Examples:

    bench score samples/ folder:photographs --metrics fid,kid

    bench score points.npy ring8

    bench score samples.npz real_statistics.npz --metrics fid
    """
    import torch

    from bench.measuring.score import score as compute

    use_inception_weights(inception_weights)
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if where.partition(":")[0] not in ("cpu", "cuda"):
        raise BenchError(f"--device {device}: give cpu or cuda")
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    found = compute(
        generated, reference, names, results / "cache", torch.device(where), save_reference
    )
    table = make_table("metric", "value", "", "name")
    whys: dict[str, list[str]] = {}
    for each in found.scores:
        quantity = each.quantity
        if each.value is None:
            whys.setdefault(each.why, []).append(quantity.name)
            continue
        value = f"{each.value:.{max(quantity.digits, 4)}f}"
        table.add_row(escape(quantity.label), value, quantity.better, quantity.name)
    if table.row_count:
        out.print(table)
    for why, missing in whys.items():
        told = f"not computed: {', '.join(missing)}: {why}"
        out.print(told, style="yellow", markup=False, highlight=False)
    for name, value in found.protocol.items():
        if name != "cautions":
            out.print(f"{name}: {value}", markup=False, highlight=False)
    for caution in found.protocol.get("cautions", ()):
        out.print(f"caution: {caution}", style="yellow", markup=False, highlight=False)
    if json_file is not None:
        try:
            json_file.write_text(found.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise BenchError(f"cannot write '{json_file}' ({error.strerror})") from error


def sample(
    key: Annotated[str, typer.Argument(help="The beginning of a cell's key.")],
    output: Annotated[Path, typer.Option(help="A folder for PNGs, or a .npy or .npz file.")],
    count: Annotated[int, typer.Option(min=1, help="Samples.")] = 64,
    update: Annotated[
        int | None, typer.Option(help="Checkpoint, by its discriminator updates; default: last.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the latents; default: those the run is measured with.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Write samples of a stored generator.

    Example: bench sample 37c4008a --count 50000 --output samples.npz
    """
    from bench.stored import load_run, write_samples

    run = load_run(results, key)
    write_samples(run.samples(count, update, seed), output)
    out.print(f"{counted(count, 'sample')} of {run.record.cell}: {output}", markup=False)


def prune(
    keep: Annotated[
        str, typer.Option(help="all, ends (the first, best and last), last or none.")
    ] = "ends",
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    results: Results = Path("results"),
) -> None:
    """Delete stored networks to free disk space; scores and samples are kept.

    Example: bench prune --keep last
    """
    from bench.execution.keeping import POLICIES, prunable
    from bench.records.store import Store

    if keep not in POLICIES:
        raise BenchError(f"--keep {keep}: give one of {', '.join(POLICIES)}")
    store = Store(results)
    with store.writing():
        dropped = {
            record.key: updates
            for record in store.records.values()
            if (updates := prunable(record, keep))
        }
        unmeasured = sum(bool(r.networks and not r.known) for r in store.records.values())
        if unmeasured:
            kept = f"Networks are kept of {counted(unmeasured, 'cell')} without measurements."
            out.print(kept, style="yellow")
        size = sum(
            record.data["files"][record.networks[update]]["bytes"]
            for record in store.records.values()
            for update in dropped.get(record.key, ())
        )
        if not size:
            out.print("Nothing to delete.")
            return
        files = sum(map(len, dropped.values()))
        which = f"{counted(files, 'network')} of {counted(len(dropped), 'cell')}"
        which += f", {size / 2**20:.0f} MiB"
        if not yes and not typer.confirm(f"Delete {which}? Measurements are kept"):
            return
        for key, updates in dropped.items():
            store.drop_networks(key, updates)
    out.print(f"Deleted {which}.")
    say_notes(store)
