"""Runs a sequential study: batch after batch of seeds, for what is still open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.records.cell import Cell
from bench.records.store import Store
from bench.study import Study

if TYPE_CHECKING:
    from rich.console import Console

    from bench.execution.coordinator import Finished
    from bench.report.analysis.deciding import Decided
    from bench.tracking import Tracker


@dataclass(frozen=True)
class State:
    """A sequential study as its records are now."""

    decisions: list[Decided]
    cells: list[Cell]
    """The cells that it has asked for so far, those of the next batch among them."""


def state(study: Study, store: Store, tried: frozenset[str] = frozenset()) -> State:
    """Replay the looks, and return the cells that are needed before the next one.

    Cells with keys ``tried`` are not waited for: a method one of whose cells crashed keeps its
    place, and the others go on.
    """
    from bench.execution.plan import Planned, plan
    from bench.report.analysis.deciding import decisions, is_known
    from bench.report.analysis.problems import place_of, problems

    own = {cell.key for cell in study.reserve}
    others = [cell for cell in study.whole if cell.key in store.records.keys() - own]
    found = problems(plan([*study.grown(store.records).cells, *others], store))
    problem_of = {each.cell.key: problem for problem in found for each in problem.planned}

    def grows(each: Planned) -> bool:
        key = each.cell.key
        return key in own and (key not in tried or is_known(problem_of[key], each))

    decided = decisions(study, found, grows)
    # a method that does not apply is in no pair, and is shown with its first seeds
    start = decided[0].asked.looks[0] if decided else 0
    seeds = {place_of(each.problem.cell): each.replayed.seeds for each in decided}

    def is_asked(cell: Cell) -> bool:
        return cell.seed < seeds[place_of(cell)].get(cell.method.label, start)

    return State(decided, [cell for cell in study.reserve if is_asked(cell)])


def run(study: Study, store: Store, tracker: Tracker, console: Console, **options: Any) -> Finished:
    """Run a study; a sequential one in batches, until its question is decided.

    A cell is tried once, so that the run ends whatever cells do. The looks are replayed from the
    records: a run that was interrupted decides as one that was not.
    """
    from bench.execution.coordinator import Finished
    from bench.execution.coordinator import run as run_study
    from bench.execution.plan import plan

    if study.deciding is None:
        return run_study(study, store, tracker, console, **options)
    from bench.report.topics.dataset.pairs import progress

    tried: frozenset[str] = frozenset()
    trained = measured = 0
    now = state(study, store)
    while cells := [cell for cell in now.cells if cell.key not in tried]:
        done = run_study(replace(study, cells=cells), store, tracker, console, **options)
        trained, measured = trained + done.trained, measured + done.measured
        tried |= {cell.key for cell in cells}
        now = state(study, store, tried)
        for decided in now.decisions:
            console.print(progress(decided), markup=False)
    # those that failed are no longer waited for, and are reported
    wanted = tried | {cell.key for cell in now.cells}
    cells = [cell for cell in study.reserve if cell.key in wanted]
    return Finished(trained, measured, plan(cells, store), study.metrics)
