"""What the gradient norms show, apart: spikes, growth, vanishing, and what is not finite."""

from __future__ import annotations

from bench.metrics.gradients import BASELINES, HEADLINE, NEIGHBOURS, PLAYERS, THRESHOLDS
from bench.records.record import Record
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.page import numbers
from bench.report.page.document import Block, Entry, Paragraph, Table
from bench.report.statistics import spread
from bench.words import count as counted

NOT_JUDGED = "not judged"


def gradients(_: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return a row for each method and player; nothing where no gradients were measured."""
    rows = []
    for method, player, records in _measured(problem, ranked):
        growth = [f"{player}_growth_{name}" for name in BASELINES]
        row = [Entry(method, method=method), Entry(player),
               _over_seeds(records, f"{player}_spikes_per_10k"),
               *(_over_seeds(records, name) for name in growth),
               *(_over_seeds(records, f"{name}_at", 0) for name in growth)]  # fmt: skip
        vanishing = Entry(numbers.NOTHING)
        if player == "generator":
            vanishing = _over_seeds(records, "generator_vanishing_per_10k")
        seeds = sum(bool(record.whole.get(f"{player}_non_finite")) for record in records)
        rows.append([*row, vanishing, Entry(str(seeds), value=seeds)])
    if not rows:
        return []
    if all(row[2].text == NOT_JUDGED for row in rows):
        told = f"Gradient norms on {problem.label} are {NOT_JUDGED}: every series is too short."
        return [Paragraph(told)]
    first = 3 + len(BASELINES)
    caption = (
        f"Gradient norms on {problem.label}: median over seeds (min – max), failed seeds up to "
        f"their end. Spikes: jumps above {HEADLINE} times the trailing median, per 10,000 updates, "
        f"given where thresholds of {NEIGHBOURS[0]} and {NEIGHBOURS[1]} times count about as many. "
        "Growth: the largest smoothed norm as a multiple of an early baseline, of the whole run's "
        "median, and of the lowest level before it (trough)."
    )
    header = [
        "method", "player", "spikes", *(f"growth, {name}" for name in BASELINES),
        *(f"reached at own update, {name}" for name in BASELINES), "vanishing updates per 10,000",
        "seeds not finite",
    ]  # fmt: skip
    hidden = tuple(range(first, first + len(BASELINES)))
    name = f"gradients-{problem.anchor}"
    return [Table(name, caption, header, rows, texts=(1,), hidden=hidden)]


def thresholds(_: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return how many spikes are above every threshold, where there is any above some."""
    rows = []
    for method, player, records in _measured(problem, ranked):
        names = [f"{player}_spikes_{threshold}" for threshold in THRESHOLDS]
        counts = [sum(int(record.whole.get(name) or 0) for record in records) for name in names]
        if any(counts):
            rows.append([Entry(method, method=method), Entry(player),
                         *(Entry(str(count), value=count) for count in counts)])  # fmt: skip
    if not rows:
        return []
    caption = (
        "Spikes above a multiple of the trailing median, in all seeds together. Methods and "
        "players that are not listed have none."
    )
    header = ["method", "player", *(f"above {threshold:,}" for threshold in THRESHOLDS)]
    return [Table(f"thresholds-{problem.anchor}", caption, header, rows, texts=(1,))]


def _measured(problem: Problem, ranked: list[Standing]) -> list[tuple[str, str, list[Record]]]:
    """Return method, player and its records whose gradients were measured, where there are any."""
    found = []
    for standing in ranked:
        records = [
            planned.record
            for planned in problem.by_method[standing.method]
            if planned.record is not None and f"{PLAYERS[0]}_non_finite" in planned.record.whole
        ]
        found += [(standing.method, player, records) for player in PLAYERS if records]
    return found


def _over_seeds(records: list[Record], name: str, digits: int = 1) -> Entry:
    """Return median and range over the seeds that have the number, and what the others lack."""
    values = [value for r in records if (value := r.whole.get(name)) is not None]
    lacking = [why for r in records if (why := r.not_computed.get(name)) is not None]
    if lacking and not values:
        kinds = {why.kind for why in lacking}
        open_ = "depends on the threshold" if "_spikes" in name else numbers.NOTHING
        words = [open_] * (kinds != {"too_few"}) + [NOT_JUDGED] * ("too_few" in kinds)
        return Entry(" or ".join(words), "quiet")
    told = numbers.median_and_range(found := spread(values), digits)
    if lacking:
        told += f"; {len(values)} of {counted(len(records), 'seed')}"
    return Entry(told, value=None if found is None else found.median)
