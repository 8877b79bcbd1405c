"""What stands behind the numbers: failures, definitions and provenance."""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from bench.execution.plan import Planned
from bench.records.store import Record
from bench.registry import find_methods
from bench.report import numbers
from bench.report.document import Block, Details, Entry, Items, Listing, Paragraph, Section, Table
from bench.report.figures.style import named
from bench.report.problems import Problem
from bench.report.ranking import status_of
from bench.training.gradients import Thresholds


def failures(problems: list[Problem]) -> Section:
    """Every cell that is not ok; seeds of one method with the same fate share a row."""
    grouped: dict[tuple[str, ...], list[Planned]] = defaultdict(list)
    for problem in problems:
        for planned in problem.planned:
            status = status_of(planned)
            if status == "ok":
                continue
            reason = planned.record.reason if planned.record else planned.why
            output = planned.record.data["output"] if planned.record else ""
            grouped[problem.label, planned.cell.method.label, status, reason, output].append(
                planned
            )
    if not grouped:
        return Section("Failures", "failures", [Paragraph("Every cell is ok.")])
    rows, outputs = [], []
    for (label, method, status, reason, output), cells in grouped.items():
        seeds = numbers.ranges([planned.cell.seed for planned in cells])
        failed = cells[0].record is not None
        rows.append([Entry(label), Entry(method), Entry(seeds),
                     Entry(status.replace("_", " "), "failed" if failed else "quiet"),
                     Entry(reason)])  # fmt: skip
        if output.strip():
            summary = f"{method} on {label}, seed {seeds}: last lines of output"
            outputs.append(Details(summary, [Listing(output)]))
    caption = (
        f"{numbers.count(sum(map(len, grouped.values())), 'cell')} not ok. None of them enters a "
        "mean. Crashed, killed and timed-out cells are tried again by the next run."
    )
    header = ["dataset", "method", "seeds", "status", "reason"]
    table = Table(caption, header, rows, names=1, texts=(2, 3, 4))
    return Section("Failures", "failures", [table, *outputs])


def definitions(problems: list[Problem]) -> Section:
    """What every number means."""
    parts = [
        Section("Metrics", "definitions-metrics", _metrics(problems)),
        Section("Gradients", "definitions-gradients", [Items(_gradients(Thresholds()))]),
        Section("Statistics", "definitions-statistics", [Items(_STATISTICS)]),
    ]
    return Section("How each number is defined", "definitions", [], parts)


_STATISTICS = [
    ("Mean", "over the finished seeds of a method, at the last evaluation. Failed seeds are "
     "counted beside it and never enter it; where a metric is not defined for some finished "
     "seeds, the number behind the mean is told."),
    (numbers.INTERVAL, "Student's t over seeds, mean ± t·s/√n. It may reach past the bounds of a "
     "metric. With one seed there is none."),
    ("Cannot be told apart", f"the {numbers.INTERVAL} of the paired difference to the best method "
     "at equal seeds includes 0: methods see the same data, latents and initial weights at equal "
     "seed. No correction is made for the number of comparisons, and no difference found among so "
     "few seeds is no proof that there is none."),
    ("Rank", "by the mean. Of methods whose means read the same, the one with fewer failed seeds "
     "comes first; those with as many share a rank. A method without a finished seed has no rank."),
]  # fmt: skip


def _metrics(problems: list[Problem]) -> list[Block]:
    blocks: list[Block] = []
    seen: set[str] = set()
    for problem in problems:
        dataset = problem.dataset
        protocol = problem.shared_result("protocol")
        told = {**dataset.settings(), **protocol}
        blocks.append(Paragraph(f"{problem.label}: " + _listed(told) + "."))
        if dataset.name in seen:
            continue
        seen.add(dataset.name)
        blocks.append(Items([
            (m.label, f"{m.meaning}; {'more' if m.higher_is_better else 'less'} is better"
             + ("; ranks the methods" if m == dataset.primary else "") + f" ({m.name})")
            for m in dataset.metrics
        ]))  # fmt: skip
    return blocks


def _gradients(at: Thresholds) -> list[tuple[str, str]]:
    return [
        ("n", "the unclipped L2 norm of the whole gradient of a player's loss at one of its "
         "updates. The whole series is kept, so that counts can be made again without training."),
        ("Spike", f"ln n exceeds the median of ln n over the trailing {at.window:,} unflagged "
         f"updates by more than max(ln {at.spike_factor:g}, {at.spike_z:g} · 1.4826 · MAD), after "
         f"{at.warm_up} updates."),
        ("Drift", f"after update {at.reference_until:,}, n exceeds {at.drift_factor:g} times the "
         f"frozen median of updates {at.warm_up} to {at.reference_until:,}."),
        ("Explosion", "a spike or a drift."),
        ("Vanishing", f"the generator's n stays below {at.vanishing_factor:g} times that frozen "
         f"median for at least {at.vanishing_run} updates in a row."),
        ("Not finite", "a loss or a gradient norm is not finite; the seed ends there as diverged."),
        ("Episode", f"flagged updates closer than {at.episode_gap} updates count as one."),
    ]  # fmt: skip


def provenance(problems: list[Problem]) -> Section:
    """Where the numbers come from: versions, devices, commits, and the methods' settings."""
    cells = [planned for problem in problems for planned in problem.planned]
    records = [record for problem in problems for record in problem.records()]
    keys = {planned.cell.key for planned in cells}
    finished = sorted(filter(None, (r.data["run"].get("finished_at") for r in records)))
    items = [
        ("Cells", f"{len(cells)}, with {len(keys)} different keys; {len(records)} have a record"),
        ("Finished", f"between {finished[0]} and {finished[-1]}" if finished else "no cell yet"),
        ("Devices", _counted(_device(record) for record in records)),
        ("Versions", _counted(_versions(record) for record in records)),
        ("Commits", _counted(_commit(record) for record in records)),
    ]
    blocks: list[Block] = [Items(items)]
    methods = {p.cell.method.label: p.cell.method for p in cells}
    if methods:
        rows = [[Entry(label), Entry(_listed(method.settings) or "none")]
                for label, method in sorted(methods.items())]  # fmt: skip
        blocks.append(Table("Settings of each method.", ["method", "settings"], rows, texts=(1,)))
    found = find_methods().methods
    for name in sorted({method.name for method in methods.values()} & found.keys()):
        if text := inspect.getdoc(found[name]):
            blocks.append(Details(f"{named(name, 60)}: what it is", [Listing(text)]))
    return Section("Provenance", "provenance", blocks)


def mixed(problem: Problem) -> list[str]:
    """Where cells of one table differ in device, versions or protocol, one line each."""
    measured = [record for record in problem.records() if record.evaluations]
    lines = []
    for what, tell in (("devices", _device), ("versions", _versions), ("protocols", _protocol)):
        if len({tell(record) for record in measured}) > 1:
            lines.append(f"{problem.label} mixes {what}: {_counted(map(tell, measured))}")
    return lines


def _device(record: Record) -> str:
    run = record.data["run"]
    return " ".join(filter(None, [run.get("device"), run.get("device_name")])) or "unknown"


def _versions(record: Record) -> str:
    return _listed(record.data["run"].get("versions", {})) or "unknown"


def _protocol(record: Record) -> str:
    return _listed(record.data["result"].get("protocol", {})) or "unknown"


def _commit(record: Record) -> str:
    return record.data["run"].get("commit") or "unknown"


def _counted(values: Iterable[str]) -> str:
    counted = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return "; ".join(f"{value} ({numbers.count(n, 'cell')})" for value, n in counted) or "none"


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
