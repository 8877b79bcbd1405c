"""A tuning: the same number of trials for every method, then the best of each on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from rich.console import Console

from bench.errors import BenchError
from bench.execution.coordinator import run
from bench.execution.plan import Planned, missing_requirements, plan
from bench.records.cell import Cell
from bench.records.record import TRANSIENT
from bench.records.store import Store
from bench.report.analysis.ranking import final
from bench.report.page.numbers import count, listing
from bench.study import Study
from bench.tracking import Tracker
from bench.tuning.search import Search, Trial, searches_of

MOST = 10_000
"""Trials of a method beyond which a number is a slip."""


@dataclass(frozen=True)
class Tuned:
    """A search that has run: its trials, and both ends of it on the study's own seeds."""

    search: Search
    trials: list[Trial]
    default: list[Planned]
    tuned: list[Planned]
    """Of the best trial; the default's own where that is the best, none where all failed."""

    @property
    def best(self) -> Trial | None:
        return self.search.best(self.trials)


@dataclass(frozen=True)
class Tuning:
    """All that a tuning did."""

    study: Study
    count: int
    """Of every method's trials."""
    seeds: tuple[int, ...]
    """On which trials were judged."""
    tuned: list[Tuned]
    left_out: list[Cell]
    """Cells of methods that do not apply."""

    @property
    def unfinished(self) -> int:
        """Trials and cells that ended by the machine's fault or the code's, and run again."""
        trials = sum(trial.state == "open" for each in self.tuned for trial in each.trials)
        fresh = {p.cell.key: p for each in self.tuned for p in (*each.default, *each.tuned)}
        return trials + sum(p.state != "done" for p in fresh.values())


def tune(
    study: Study,
    store: Store,
    tracker: Tracker,
    console: Console,
    *,
    trials: int,
    seeds: int,
    **options: Any,
) -> Tuning:
    """Run what is missing of ``trials`` trials of every method on every dataset of the study.

    Each is judged on ``seeds`` seeds that are none of the study's. What is stored is not trained
    again, so that a tuning which was interrupted goes on where it was. ``options`` are those of
    :func:`bench.execution.coordinator.run`. The caller holds the store's lock.

    Raises:
        BenchError: bad input.
    """
    for name, number in (("--trials", trials), ("--tuning-seeds", seeds)):
        if not 1 <= number <= MOST:
            raise BenchError(f"{name} {number}: give a number from 1 to {MOST}")
    searches = searches_of(study.cells, seeds)
    _can_be_judged(searches, store)

    def train(cells: Iterable[Cell]) -> dict[str, Planned]:
        wanted = {cell.key: cell for cell in cells}
        part = replace(study, cells=list(wanted.values()))
        done = run(part, store, tracker, console, **options)
        return {each.cell.key: each for each in done.planned}

    _say(console, f"{count(trials, 'trial')} each of", searches)
    asked = [[search.trial(number) for number in range(trials)] for search in searches]
    # all in one run, so that no worker waits for a round to end
    ended = train(cell for own in asked for _, cells in own for cell in cells)
    found = [
        [
            judged(search, trial, [ended[cell.key] for cell in cells]) if cells else trial
            for trial, cells in own
        ]
        for search, own in zip(searches, asked, strict=True)
    ]
    _say(console, "The best trial and the study's own values, on fresh seeds, of", searches)
    ends = [
        (search.cells, [] if best is None else search.fresh_cells(best.values))
        for search, own in zip(searches, found, strict=True)
        for best in [search.best(own)]
    ]
    fresh = train(cell for both in ends for cells in both for cell in cells)
    tuned = [
        Tuned(search, own, *([fresh[cell.key] for cell in cells] for cells in both))
        for search, own, both in zip(searches, found, ends, strict=True)
    ]
    left_out = [cell for cell in study.cells if cell.not_applicable]
    return Tuning(study, trials, searches[0].seeds, tuned, left_out)


def judged(search: Search, trial: Trial, planned: list[Planned]) -> Trial:
    """A trial with what became of its cells.

    A seed that diverged, or at which the metric is not defined, fails the trial: it counts, and is
    worse than any score. One that the machine ended leaves the trial open, as it leaves the cell.
    """
    scores = {each.cell.seed: final(each, search.metric) for each in planned}
    state: Literal["open", "ok", "failed"] = "ok"
    told = []
    for each in planned:
        record = each.record
        if record is None or record.status in TRANSIENT:
            state = "open"
        if record is None or record.status != "ok":
            told.append(f"seed {each.cell.seed} {each.why or each.state}")
        elif scores[each.cell.seed] is None:
            reason = record.not_computed.get(search.metric.name)
            why = reason.text if reason else "it is not defined for its samples"
            told.append(f"seed {each.cell.seed} has no {search.metric.label}: {why}")
    if told and state == "ok":
        state = "failed"
    values = [score for score in scores.values() if score is not None]
    runs = [each.record.data["run"] for each in planned if each.record is not None]
    return replace(
        trial,
        state=state,
        score=math.fsum(values) / len(values) if state == "ok" else None,
        scores=scores,
        reason="; ".join(told),
        seconds=math.fsum(run.get("training_seconds") or 0.0 for run in runs),
    )


def _can_be_judged(searches: list[Search], store: Store) -> None:
    """Before anything is trained: whether the metric that judges trials can be computed here."""
    for search in {search.cell.dataset.label: search for search in searches}.values():
        if why := missing_requirements(plan([search.cell], store), [search.metric.name]):
            raise BenchError(
                f"trials on {search.cell.dataset.label} would be judged by {search.metric.label}, "
                f"which cannot be computed here: {why[0].partition(': ')[2]}"
            )


def _say(console: Console, what: str, searches: list[Search]) -> None:
    methods = len({search.method for search in searches})
    datasets = list(dict.fromkeys(search.cell.dataset.label for search in searches))
    console.print(f"{what} {count(methods, 'method')} on {listing(datasets)}", markup=False)
