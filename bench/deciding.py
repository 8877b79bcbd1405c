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
    from bench.report.analysis.problems import problems

    own = {cell.key for cell in study.reserve}
    others = [c for c in study.whole if c.key not in own and c.key in store.records]
    found = problems(plan([*study.reserve, *others], store))

    def grows(each: Planned) -> bool:
        key = each.cell.key
        return key in own and (key not in tried or is_known(problem_of[key], each))

    problem_of = {each.cell.key: problem for problem in found for each in problem.planned}
    decided = decisions(study, found, grows)
    seeds = {
        key: each.replayed.seeds.get(planned.cell.method.label, each.asked.looks[0])
        for each in decided
        for planned in each.problem.planned
        for key in [planned.cell.key]
    }
    return State(decided, [cell for cell in study.reserve if cell.seed < seeds[cell.key]])


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
    from bench.report.sections.deciding import progress

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
