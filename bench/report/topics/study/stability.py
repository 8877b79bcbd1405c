"""How stable every method was."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.metrics.gradients import Gradients
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import PLAYERS, Problem
from bench.report.analysis.ranking import Standing
from bench.report.page import numbers
from bench.report.page.document import Block, Details, Entry, Section, Table
from bench.report.statistics import Spread, spread
from bench.report.topics.dataset.iterates import oscillation
from bench.report.topics.dataset.sensitivity import stability_orders
from bench.report.topics.dataset.sureness import order_table

Cells = dict[tuple[str, str], pd.DataFrame]


def stability(found: Findings) -> list[Section]:
    """Statuses, best against last, when all modes were held, and flagged gradients."""
    if not found.problems:
        return []
    blocks: list[Block] = []
    for problem, ranked in found.fixed:
        blocks += _of_one(found, problem, ranked)
    for varied in found.varied:
        inner = [block for problem, ranked in varied.pairs
                 for block in _of_one(found, problem, ranked)]  # fmt: skip
        blocks.append(Details(f"Stability on {varied.label}, variant by variant", inner))
    return [Section("Stability", "stability", blocks)]


def _of_one(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    blocks: list[Block] = [_stability(problem, ranked, found.cells)]
    summary = f"{problem.label}: explosions under other thresholds"
    if inner := _thresholds(problem, ranked, found):
        blocks.append(Details(summary, inner))
    return blocks


def _stability(problem: Problem, ranked: list[Standing], cells: Cells) -> Table:
    primary, coverage = problem.primary, problem.coverage
    rows = []
    swings = {m: oscillation(problem, planned) for m, planned in problem.by_method.items()}
    more = ["oscillation"] if any(swing is not None for swing in swings.values()) else []
    if coverage is not None:
        more.append("all modes first held at update")
    for standing in ranked:
        own = cells[problem.label, standing.method]
        finished = own[own["status"] == "ok"]
        last, best = finished[primary.name], finished[f"{primary.name}_best"]
        values = (mean_of(best), mean_of(last), mean_of((best - last).abs()))
        told = [Entry(numbers.of(primary, value), value=value) for value in values]
        if standing.not_computed(primary):
            told = [Entry(numbers.NOT_COMPUTED, "quiet")] * 3
        row = [
            Entry(standing.method, method=standing.method),
            Entry(standing.told_statuses, "failed" if standing.failed else ""),
            *told,
        ]
        if "oscillation" in more:
            swing = swings[standing.method]
            row.append(Entry(numbers.of(primary, swing), value=swing))
        if coverage is not None:
            row.append(_held(own))
        for player in PLAYERS:
            row += [
                _spread(_rate(own, player, "explosions")),
                _spread(_episodes(own, player)),
            ]
        row += [_spread(_rate(own, "generator", "vanishing")), _not_finite(own)]
        rows.append(row)
    explosions = [f"{player}: {what}" for player in PLAYERS
                  for what in ("explosions", "episodes")]  # fmt: skip
    caption = (
        f"Stability on {problem.label}. Explosions and vanishing: flagged updates per 10,000, "
        "median over seeds (min–max)."
    )
    measured = any(standing.last[primary.name] for standing in ranked)
    if measured and problem.throughout and primary not in problem.throughout:
        caption += (
            f" {primary.label} is measured only at the last evaluation and at the best by "
            f"{problem.throughout[0].label}."
        )
    return Table(
        f"stability-{problem.anchor}",
        caption,
        ["method", "seeds", f"best {primary.label}", f"last {primary.label}", "gap",
         *more, *explosions, "generator: vanishing", "seeds not finite"],
        rows,
        texts=(1,),
        hidden=(4, *(5 + len(more) + place for place in (1, 3, 5))),
    )  # fmt: skip


def _thresholds(problem: Problem, ranked: list[Standing], found: Findings) -> list[Block]:
    own = found.runs[found.runs["problem"] == problem.label]
    names = _threshold_columns(own)
    if not names:
        return []
    flagged = [f"{player}_explosions_{name}" for player in PLAYERS for name in names]
    flagged += [f"{player}_explosions" for player in PLAYERS]
    if not own[flagged].fillna(0).to_numpy(float).any():
        return []
    orders = order_table(
        f"calm-{problem.anchor}",
        f"Places on {problem.label} by median explosions per update of both players, fewest first.",
        [standing.method for standing in ranked],
        stability_orders(problem),
    )
    return [_sensitivity(problem, ranked, found.cells, names), *([orders] if orders else [])]


def _sensitivity(
    problem: Problem, ranked: list[Standing], cells: Cells, columns: list[str]
) -> Table:
    rows = []
    for standing in ranked:
        own = cells[problem.label, standing.method]
        for player in PLAYERS:
            long = _judged(own, player)
            rates = [10_000 * long[f"{player}_explosions_{name}"] / long[f"{player}_updates"]
                     for name in columns]  # fmt: skip
            rows.append([
                Entry(standing.method, method=standing.method),
                Entry(player),
                *(_spread(spread(_known(rate))) for rate in rates),
            ])  # fmt: skip
    return Table(
        f"thresholds-{problem.anchor}",
        "Explosions per 10,000 updates with one threshold of a spike changed: median over seeds "
        "(min–max).",
        ["method", "player", *(name.replace("_", " = ") for name in columns)],
        rows,
        texts=(1,),
    )


def _known(values: pd.Series) -> list[float]:
    return [float(value) for value in values.dropna()]


def mean_of(values: pd.Series) -> float | None:
    known = _known(values)
    return float(np.mean(known)) if known else None


def _judged(own: pd.DataFrame, player: str) -> pd.DataFrame:
    """Cells whose player got past the warm-up, before which nothing can be flagged."""
    return own[own[f"{player}_updates"] > Gradients().warm_up]


def _spread(found: Spread | None) -> Entry:
    return Entry(numbers.median_and_range(found), value=None if found is None else found.median)


def _rate(own: pd.DataFrame, player: str, kind: str) -> Spread | None:
    return spread(_known(_judged(own, player)[f"{player}_{kind}_per_10k"]))


def _episodes(own: pd.DataFrame, player: str) -> Spread | None:
    long = _judged(own, player)
    episodes = long[f"{player}_explosions_episodes"]
    return spread(_known(10_000 * episodes / long[f"{player}_updates"]))


def _held(own: pd.DataFrame) -> Entry:
    """Median update over the seeds that ever held all modes, and how many those are."""
    held, measured = _known(own["first_update_all_modes"]), len(_known(own["last_evaluation"]))
    if not held:
        return Entry(f"never, {numbers.count(measured, 'seed')}" if measured else numbers.NOTHING)
    middle = float(np.median(held))
    told = f"{numbers.plain(middle, 0)} ({len(held)} of {measured} seeds)"
    return Entry(told, value=middle)


def _not_finite(own: pd.DataFrame) -> Entry:
    counts = own[[f"{player}_non_finite" for player in PLAYERS]].dropna(how="all")
    if not len(counts):
        return Entry(numbers.NOTHING)
    seeds = int((counts.sum(axis=1) > 0).sum())
    return Entry(str(seeds), value=seeds)


def _threshold_columns(own: pd.DataFrame) -> list[str]:
    start = "discriminator_explosions_"
    columns = map(str, own.columns)
    names = [name.removeprefix(start) for name in columns if name.startswith(start)]
    found = [n for n in names if n.partition("_")[0] in ("factor", "z")
             and own[start + n].notna().any()]  # fmt: skip
    return sorted(found, key=lambda name: (name[0], float(name.partition("_")[2])))
