"""How stable every method was, and what it cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.report.analysis.problems import PLAYERS, Problem
from bench.report.analysis.ranking import Standing
from bench.report.page import numbers
from bench.report.page.document import Block, Details, Entry, Paragraph, Section, Table
from bench.report.statistics import Spread, spread
from bench.training.gradients import Thresholds

Pairs = list[tuple[Problem, list[Standing]]]


def stability(pairs: Pairs, runs: pd.DataFrame) -> Section:
    """Statuses, best against last, when all modes were held, and flagged gradients."""
    blocks: list[Block] = [Paragraph(_STABILITY)]
    for problem, ranked in pairs:
        blocks.append(_stability(problem, ranked, runs))
        if sensitivity := _sensitivity(problem, ranked, runs):
            summary = f"How the explosions on {problem.label} depend on the thresholds"
            blocks.append(Details(summary, [sensitivity]))
    return Section("Stability", "stability", blocks)


_STABILITY = (
    "Best and last: mean over finished seeds of the best and of the last evaluation. Gap: mean of "
    "what a seed lost between the two. Explosions (spike or drift), their episodes and vanishing: "
    "per 10,000 updates of that player, median over seeds (least – greatest), failed seeds "
    "included as far as they came. A player is judged once it has made more than "
    f"{Thresholds().warm_up} updates of its own, and for drift more than "
    f"{Thresholds().reference_until:,}; where no seed was judged there is no number."
)


def _stability(problem: Problem, ranked: list[Standing], runs: pd.DataFrame) -> Table:
    primary, coverage = problem.primary, problem.coverage
    rows = []
    for standing in ranked:
        own = _cells_of(runs, problem, standing)
        finished = own[own["status"] == "ok"]
        last, best = finished[primary.name], finished[f"{primary.name}_best"]
        values = (_mean(best), _mean(last), _mean((best - last).abs()))
        told = [Entry(numbers.of(primary, value)) for value in values]
        if standing.not_computed(primary):
            told = [Entry(numbers.NOT_COMPUTED, "quiet")] * 3
        row = [
            Entry(standing.method, method=standing.method),
            Entry(standing.told_statuses, "failed" if standing.failed else ""),
            *told,
        ]
        if coverage is not None:
            row.append(Entry(_held(own)))
        for player in PLAYERS:
            row += [
                Entry(_rate(own, player, "explosions")),
                Entry(numbers.median_and_range(_episodes(own, player))),
            ]
        row += [Entry(_rate(own, "generator", "vanishing")), Entry(_not_finite(own))]
        rows.append(row)
    explosions = [f"{player}: {what}" for player in PLAYERS
                  for what in ("explosions", "episodes")]  # fmt: skip
    caption = f"Stability on {problem.label}."
    measured = any(standing.last[primary.name] for standing in ranked)
    if measured and problem.throughout and primary not in problem.throughout:
        caption += (
            f" {primary.label} is measured at two evaluations alone, the last and the best by "
            f"{problem.throughout[0].label}: best is the better of the two."
        )
    return Table(
        f"stability-{problem.anchor}",
        caption,
        ["method", "seeds", f"best {primary.label}", f"last {primary.label}", "gap",
         *(["all modes first held at update"] if coverage is not None else []), *explosions,
         "generator: vanishing", "seeds not finite"],
        rows,
        texts=(1,),
    )  # fmt: skip


def _sensitivity(problem: Problem, ranked: list[Standing], runs: pd.DataFrame) -> Table | None:
    columns = _threshold_columns(runs, problem)
    if not columns:
        return None
    rows = []
    for standing in ranked:
        own = _cells_of(runs, problem, standing)
        for player in PLAYERS:
            long = _judged(own, player)
            rates = [10_000 * long[f"{player}_explosions_{name}"] / long[f"{player}_updates"]
                     for name in columns]  # fmt: skip
            rows.append([
                Entry(standing.method, method=standing.method),
                Entry(player),
                *(Entry(numbers.median_and_range(spread(_known(rate)))) for rate in rates),
            ])  # fmt: skip
    return Table(
        f"thresholds-{problem.anchor}",
        "Explosions per 10,000 updates with one threshold of a spike changed, the others as "
        "defined: median over seeds (least – greatest).",
        ["method", "player", *(name.replace("_", " = ") for name in columns)],
        rows,
        texts=(1,),
    )


def cost(pairs: Pairs, runs: pd.DataFrame) -> Section:
    """Updates, gradients, seconds and memory a cell."""
    rows = []
    for problem, ranked in pairs:
        for standing in ranked:
            own = _cells_of(runs, problem, standing)
            own = own[own["status"] == "ok"]
            rows.append([
                Entry(problem.label),
                Entry(standing.method, method=standing.method),
                *(Entry(numbers.plain(_mean(own[name]), 0)) for name in
                  ("discriminator_updates", "generator_updates", "gradient_evaluations")),
                *(Entry(numbers.plain(_mean(own[name]), 1)) for name in
                  ("training_seconds", "evaluation_seconds")),
                Entry(numbers.plain(_mean(own["population"]), 0)),
                Entry(numbers.plain(_mean(own["peak_memory_mb"]), 0)),
            ])  # fmt: skip
    table = Table(
        "cost",
        "Mean over finished seeds. Seeds of one population share their time: a cell's seconds are "
        "the population's divided by its members. Peak memory is the worker process's (on a GPU, "
        "the device's).",
        ["dataset", "method", "discriminator updates", "generator updates",
         "gradient evaluations", "training, seconds a cell", "evaluation, seconds a cell",
         "members a population", "peak memory, MiB"],
        rows,
        names=1,
        texts=(0,),
    )  # fmt: skip
    return Section("Cost", "cost", [table])


def _cells_of(runs: pd.DataFrame, problem: Problem, standing: Standing) -> pd.DataFrame:
    return runs[(runs["problem"] == problem.label) & (runs["method_label"] == standing.method)]


def _known(values: pd.Series) -> list[float]:
    return [float(value) for value in values.dropna()]


def _mean(values: pd.Series) -> float | None:
    known = _known(values)
    return float(np.mean(known)) if known else None


def _judged(own: pd.DataFrame, player: str) -> pd.DataFrame:
    """Cells whose player got past the warm-up, before which nothing can be flagged."""
    return own[own[f"{player}_updates"] > Thresholds().warm_up]


def _rate(own: pd.DataFrame, player: str, kind: str) -> str:
    rates = _judged(own, player)[f"{player}_{kind}_per_10k"]
    return numbers.median_and_range(spread(_known(rates)))


def _episodes(own: pd.DataFrame, player: str) -> Spread | None:
    long = _judged(own, player)
    episodes = long[f"{player}_explosions_episodes"]
    return spread(_known(10_000 * episodes / long[f"{player}_updates"]))


def _held(own: pd.DataFrame) -> str:
    """Median update over the seeds that ever held all modes, and how many those are."""
    held, measured = _known(own["first_update_all_modes"]), len(_known(own["last_evaluation"]))
    if not held:
        return f"never, {numbers.count(measured, 'seed')}" if measured else numbers.NOTHING
    return f"{numbers.plain(float(np.median(held)), 0)} ({len(held)} of {measured} seeds)"


def _not_finite(own: pd.DataFrame) -> str:
    counts = own[[f"{player}_non_finite" for player in PLAYERS]].dropna(how="all")
    return str(int((counts.sum(axis=1) > 0).sum())) if len(counts) else numbers.NOTHING


def _threshold_columns(runs: pd.DataFrame, problem: Problem) -> list[str]:
    own, start = runs[runs["problem"] == problem.label], "discriminator_explosions_"
    columns = map(str, own.columns)
    names = [name.removeprefix(start) for name in columns if name.startswith(start)]
    found = [n for n in names if n.partition("_")[0] in ("factor", "z")
             and own[start + n].notna().any()]  # fmt: skip
    return sorted(found, key=lambda name: (name[0], float(name.partition("_")[2])))
