"""Errors, power and seeds of sequential studies by simulation, against fixed numbers of seeds.

Usage: python -m tests.baselines.sequential [SIMULATIONS]

Prints the table of docs/statistics.md, "Adding seeds until it is decided". With the package adastop
installed it also runs AdaStop (Mathieu et al. 2023) on the first simulations of two rows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from bench.report.statistics.sequential import Asked, Compared, replay
from bench.study.deciding import Deciding
from tests.baselines.intervals import GRID, Array, draw, fail, holm_rows, rule_ps, table
from tests.baselines.pairing import welch_ps

ERROR, MOST, METHODS = 0.05, 30, 6
PAIRS = list(combinations(range(METHODS), 2))
FIXED = (5, 10, 20, 30)
ADASTOP = 20
"""Simulations of AdaStop, which takes most of a minute for each."""
MEASURED: dict[str, tuple[int, list[tuple[float, float]]]] = {
    # modes, then mean and sd of six methods: 20,000 updates, averaged generators
    "grid25": (25, [(7.4, 1.5), (8.1, 1.5), (7.9, 1.9), (5.5, 1.4), (22.6, 3.1), (0.6, 0.9)]),
    "ring8": (8, [(6.8, 1.4), (4.6, 2.4), (4.7, 2.1), (5.3, 2.0), (8.0, 0.0), (0.0, 0.0)]),
}


@dataclass(frozen=True)
class Scenario:
    """Scores of six methods, and what is true of them."""

    draw: Callable[[np.random.Generator, int], Array]
    means: tuple[float, ...] = (0.0,) * METHODS
    margin: float | None = None
    share: float = 1.0
    """Of the simulations that are run."""


def modes(dataset: str, margin: float | None = None) -> Scenario:
    """Return whole numbers of modes with the means and spreads that were measured."""
    most, told = MEASURED[dataset]

    def count(z: Array) -> Array:
        at = np.array(told)[:, :1], np.array(told)[:, 1:]
        return np.clip(np.rint(at[0] + at[1] * z), 0, most)

    means = count(np.broadcast_to(GRID, (METHODS, len(GRID)))).mean(axis=1)
    return Scenario(
        lambda rng, n: count(rng.normal(size=(n, METHODS, MOST))), tuple(means.tolist()), margin
    )


def heavy(dataset: str) -> Scenario:
    """Return the same means and spreads with tails of Student's t with 3 degrees of freedom."""
    middle, spread = np.array(MEASURED[dataset][1]).T[:, :, None]
    return Scenario(
        lambda rng, n: middle + spread * rng.standard_t(3, (n, METHODS, MOST)) / np.sqrt(3),
        tuple(middle[:, 0].tolist()),
    )


def alike(kind: str, failing: float = 0.0, margin: float | None = None) -> Scenario:
    """Return scores of methods that do the same, independent at equal seed."""
    return Scenario(
        lambda rng, n: fail(rng, draw(rng, kind, (n, METHODS, MOST), 0.0), failing),
        margin=margin,
        share=0.1 if failing else 1.0,
    )


SCENARIOS = {
    "no difference, normal": alike("normal"),
    "no difference, t3": alike("heavy tails (t, 3 df)"),
    "no difference, log-normal": alike("log-normal"),
    "no difference, modes 0–8": alike("modes 0–8"),
    "no difference, normal, 10 % fail": alike("normal", 0.1),
    "no difference, normal, margin 1 sd": alike("normal", margin=1.0),
    "grid25": modes("grid25"),
    "grid25, margin 2 modes": modes("grid25", 2.0),
    "grid25, t3": heavy("grid25"),
    "ring8": modes("ring8"),
}


def main(simulations: int = 2000) -> None:
    """Print the rows of the table."""
    for_all = Deciding(decide=1.0)
    for_best = Deciding()

    def rows() -> Iterable[list[object]]:
        for name, scenario in SCENARIOS.items():
            rng = np.random.default_rng(0)
            scores = scenario.draw(rng, round(simulations * scenario.share))
            for asked in (for_best, for_all):
                yield [name, *sequential(scores, scenario, asked)]
            for n in FIXED if scenario.margin is None else ():
                yield [name, *fixed(scores, scenario, n)]
            if name in ("no difference, normal", "grid25") and (row := adastop(scores, scenario)):
                yield [name, *row]

    table(
        f"6. Sequential and fixed seeds ({simulations} simulations, {simulations // 10} where seeds"
        f" fail; ± {2 * (0.05 * 0.95 / simulations) ** 0.5:.3f} at an error of 0.05)",
        ["scores", "seeds", "any error", "mean seeds of a method", "pairs decided", "best known"],
        rows(),
    )


def sequential(scores: Array, scenario: Scenario, deciding: Deciding) -> list[object]:
    """Return the row of a sequential study."""
    asked = Asked(deciding.looks, deciding.error, deciding.decide, margin=scenario.margin)
    lookup = looked_up(scores, asked.looks)
    names = [str(number) for number in range(METHODS)]
    ready = dict.fromkeys(names, MOST)
    wrong = settled = best = seeds = 0
    for run in range(len(scores)):
        found = replay(names, asked, ready, (), lambda a, b, n, run=run: lookup(run, a, b, n))
        told = [each for each in found.results.values() if each.outcome != "open"]
        wrong += any(errs(scenario, int(r.first), int(r.second), r.outcome) for r in told)
        settled += len(told)
        seeds += sum(found.seeds.values())
        best += len({*names} - {each.loser for each in told}) == 1
    total = len(scores)
    goal = "best" if deciding.decide == "best" else "all pairs"
    counts = (wrong / total, seeds / total / METHODS, settled / total, best / total)
    return [f"sequential, {goal}", *shown(*counts)]


def errs(scenario: Scenario, first: int, second: int, outcome: str) -> bool:
    """Say whether a claim about two methods is wrong."""
    true = scenario.means[first] - scenario.means[second]
    if outcome == "equal":
        return abs(true) >= (scenario.margin or 0)
    return true <= 0 if outcome == "ahead" else true >= 0


def looked_up(scores: Array, looks: tuple[int, ...]) -> Callable[[int, str, str, int], Compared]:
    """Return a function that compares two methods of a simulation, computed for all at once."""
    found: dict[tuple[int, int, int], tuple[Array, Array, Array, Array]] = {}
    for n in looks:
        for pair in PAIRS:
            one, other = (scores[:, method, :n] for method in pair)
            finite = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
            sides = [np.where(finite[:, None], each, 0) for each in (one, other)]
            lead = sides[0].mean(axis=1) - sides[1].mean(axis=1)
            for run in np.flatnonzero(~finite):
                lead[run] = np.sum(one[run][:, None] > other[run]) - np.sum(
                    one[run][:, None] < other[run]
                )
            squares = [each.var(axis=1, ddof=1) / n for each in sides]
            both = squares[0] + squares[1]
            with np.errstate(all="ignore"):
                freedom = (n - 1) * both**2 / (squares[0] ** 2 + squares[1] ** 2)
            error = np.where(finite, np.sqrt(both), np.inf)
            found[(*pair, n)] = rule_ps(one, other, welch_ps), lead, error, freedom

    def compare(run: int, first: str, second: str, n: int) -> Compared:
        p, lead, error, freedom = (each[run] for each in found[int(first), int(second), n])

        def bounds(level: float) -> tuple[float, float] | None:
            if error == 0:
                return (lead, lead) if 2 * 0.5**n <= 1 - level else None
            half = float(stats.t.isf((1 - level) / 2, freedom)) * error
            return lead - half, lead + half

        return Compared(p, lead > 0 if lead else None, lambda _: None, bounds)

    return compare


def fixed(scores: Array, scenario: Scenario, n: int) -> list[object]:
    """Return the row of ``n`` seeds for all: Holm's procedure over all pairs."""
    ps = np.stack([rule_ps(scores[:, a, :n], scores[:, b, :n], welch_ps) for a, b in PAIRS], axis=1)
    worst = np.where(np.isfinite(scores), scores, -1e9)[:, :, :n].mean(axis=2)
    told = holm_rows(ps) <= ERROR
    ahead = np.stack([worst[:, a] > worst[:, b] for a, b in PAIRS], axis=1)
    wrong = np.zeros(len(scores), bool)
    beaten = np.zeros((len(scores), METHODS), bool)
    for place, (a, b) in enumerate(PAIRS):
        for outcome, claims in (("ahead", ahead[:, place]), ("behind", ~ahead[:, place])):
            claims = claims & told[:, place]
            wrong |= claims & errs(scenario, a, b, outcome)
            beaten[:, b if outcome == "ahead" else a] |= claims
    best = (beaten.sum(axis=1) == METHODS - 1).mean()
    return [f"fixed {n}", *shown(wrong.mean(), float(n), told.sum(axis=1).mean(), best)]


def adastop(scores: Array, scenario: Scenario) -> list[object] | None:
    """Return the row of AdaStop on all pairs in the same batches; None without the package."""
    try:
        from adastop import MultipleAgentsComparator
    except ImportError:
        return None
    wrong = settled = best = seeds = 0
    runs = scores[:ADASTOP]
    for own in runs:
        comparator = MultipleAgentsComparator(n=5, K=6, B=1000, alpha=ERROR, seed=0)
        taken = dict.fromkeys(range(METHODS), 5)
        for n in Deciding().looks:
            if comparator.current_comparisons is not None:
                taken |= dict.fromkeys(comparator.current_comparisons.ravel().tolist(), n)
            comparator.partial_compare(
                {str(method): own[method, :n] for method in range(METHODS)}, verbose=False
            )
            if comparator.is_finished:
                break
        words = {"larger": "ahead", "smaller": "behind"}
        claims = [
            (a, b, words[comparator.decisions[str(np.array([a, b]))]])
            for a, b in PAIRS
            if comparator.decisions[str(np.array([a, b]))] in words
        ]
        wrong += any(errs(scenario, *claim) for claim in claims)
        settled += len(claims)
        beaten = {b if outcome == "ahead" else a for a, b, outcome in claims}
        best += len(beaten) == METHODS - 1
        seeds += sum(taken.values())
    total = len(runs)
    counts = (wrong / total, seeds / total / METHODS, settled / total, best / total)
    return [f"AdaStop ({total} simulations)", *shown(*counts)]


def shown(wrong: float, seeds: float, settled: float, best: float) -> list[str]:
    return [f"{wrong:.3f}", f"{seeds:.1f}", f"{settled:.1f} of {len(PAIRS)}", f"{best:.2f}"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
