"""A tuning: the same number of trials for every method, then the best of each on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from bench.errors import BenchError
from bench.execution.coordinator import run
from bench.execution.plan import Planned, missing_requirements, plan
from bench.metric import Quantity
from bench.records.cell import Cell
from bench.records.record import TRANSIENT
from bench.records.store import Store
from bench.report.analysis.ranking import final
from bench.study import Study
from bench.tracking import Tracker
from bench.tuning.search import Search, Trial, searches_of
from bench.words import count, listing

MOST = 10_000
"""Trials of a method beyond which a number is taken for a typing error."""


@dataclass(frozen=True)
class Tuned:
    """A finished search: its trials, and its first and best on the study's own seeds."""

    search: Search
    trials: list[Trial]
    default: list[Planned]
    tuned: list[Planned]
    """Of the best trial, which may be the default; none where all trials failed."""

    @property
    def best(self) -> Trial | None:
        return self.search.best(self.trials)


@dataclass(frozen=True)
class Tuning:
    """A finished tuning."""

    study: Study
    count: int
    """Trials per method and problem."""
    seeds: tuple[int, ...]
    """On which trials were judged."""
    tuned: list[Tuned]
    left_out: list[Cell]
    """Cells of methods that do not apply to their dataset."""

    @property
    def unfinished(self) -> int:
        """Number of trials and cells that the machine or the code ended, and that run again."""
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
    """Run the missing ones of ``trials`` trials of every method on every dataset of the study.

    Each is judged on ``seeds`` seeds that the study does not use. Stored cells are not trained
    again, so that an interrupted tuning continues. ``options`` are those of
    :func:`bench.execution.coordinator.run`. The caller holds the store's lock.

    Raises:
        BenchError: bad input.
    """
    for name, number in (("--trials", trials), ("--tuning-seeds", seeds)):
        if not 1 <= number <= MOST:
            raise BenchError(f"{name} {number}: give a number from 1 to {MOST}")
    searches = searches_of(study.cells, seeds)
    _check_metrics(searches, store)
    methods = count(len({search.method for search in searches}), "method")
    which = f"{methods} on {listing(list(dict.fromkeys(s.cell.dataset.label for s in searches)))}"

    def train(cells: Iterable[Cell]) -> dict[str, Planned]:
        part = replace(study, cells=list({cell.key: cell for cell in cells}.values()))
        done = run(part, store, tracker, console, **options)
        return {each.cell.key: each for each in done.planned}

    console.print(f"{count(trials, 'trial')} each of {which}", markup=False)
    asked = [[search.trial(number) for number in range(trials)] for search in searches]
    # all in one run, so that no worker waits for a round to end
    ended = train(cell for own in asked for _, cells in own for cell in cells)
    found = [
        [judged(search, trial, [ended[cell.key] for cell in cells]) for trial, cells in own]
        for search, own in zip(searches, asked, strict=True)
    ]
    console.print(f"Best trial and study's own values, on fresh seeds, of {which}", markup=False)
    best = [search.best(own) for search, own in zip(searches, found, strict=True)]
    winners = [s.fresh_cells(b.values) if b else [] for s, b in zip(searches, best, strict=True)]
    fresh = train([*(c for s in searches for c in s.cells), *(c for own in winners for c in own)])
    tuned = [
        Tuned(s, own, [fresh[c.key] for c in s.cells], [fresh[c.key] for c in cells])
        for s, own, cells in zip(searches, found, winners, strict=True)
    ]
    left_out = [cell for cell in study.cells if cell.not_applicable]
    return Tuning(study, trials, searches[0].seeds, tuned, left_out)


def judged(search: Search, trial: Trial, planned: list[Planned]) -> Trial:
    """Return a trial with its result, from its cells; unchanged if it has none.

    A seed that diverged, or at which the metric is not defined, fails the trial, which counts and
    is worse than any score. A cell that the machine ended leaves the trial open.
    """
    if not planned:
        return trial
    scores = {each.cell.seed: final(each, search.metric) for each in planned}
    records = [each.record for each in planned if each.record is not None]
    is_open = len(records) < len(planned) or any(r.status in TRANSIENT for r in records)
    known = [score for score in scores.values() if score is not None]
    reasons = [why for each in planned if (why := _why_no_score(each, search.metric))]
    return replace(
        trial,
        state="open" if is_open else "failed" if reasons else "ok",
        score=None if is_open or reasons else math.fsum(known) / len(known),
        scores=scores,
        reason="; ".join(reasons),
        seconds=math.fsum(r.data["run"].get("training_seconds") or 0.0 for r in records),
    )


def _why_no_score(planned: Planned, metric: Quantity) -> str:
    seed, record = f"seed {planned.cell.seed}", planned.record
    if record is None or record.status != "ok":
        return f"{seed} {planned.why or planned.state}"
    if final(planned, metric) is not None:
        return ""
    reason = record.not_computed.get(metric.name)
    why = reason.text if reason else "it is not defined for its samples"
    return f"{seed} has no {metric.label}: {why}"


def _check_metrics(searches: list[Search], store: Store) -> None:
    """Check, before anything is trained, that the metrics that judge trials can be computed."""
    for search in {search.cell.dataset.label: search for search in searches}.values():
        if why := missing_requirements(plan([search.cell], store), [search.metric.name]):
            raise BenchError(
                f"trials on {search.cell.dataset.label} would be judged by {search.metric.label}, "
                f"which cannot be computed here: {why[0].partition(': ')[2]}"
            )
