"""Compare the paired t test with Welch's: ``python -m tests.baselines.pairing``.

Prints the Markdown tables of docs/statistics.md: how often each finds a difference where there is
none (error) and where there is one (power), by the correlation of two methods' scores at equal
seed. The effect is the one that Welch's test finds in half of the cases without correlation. Tested
at 0.05, and at the level that decides in a report of six methods: 0.025 for the smallest of five p
(Holm).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from bench.report.analysis.contrast import LEVEL_TO_BEST
from bench.report.statistics import interquartile_mean
from tests.baselines.intervals import ALPHA, METHODS, Array, holm_rows, table

CORRELATIONS = (-0.1, 0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
"""From the least that was observed between methods, rounded, to nearly equal runs."""
SEEDS = (5, 10, 20)
LEVELS = (ALPHA, LEVEL_TO_BEST / (METHODS - 1))
TIMES = 20_000


class Case(NamedTuple):
    """Two methods' scores as functions of standard normal numbers; the first has the effect."""

    name: str
    first: Callable[[Array, float], Array]
    second: Callable[[Array], Array]


def modes(values: Array) -> Array:
    """Round to whole modes, of which there are 0 to 8."""
    return np.clip(np.rint(values), 0, 8)


CASES = (
    Case("normal, sd 1 and 1", lambda z, effect: z - effect, lambda z: z),
    Case("normal, sd 1 and 3", lambda z, effect: z - effect, lambda z: 3 * z),
    Case(
        "modes of 8, many at 8",
        lambda z, effect: modes(7.5 - effect + 2 * z),
        lambda z: modes(7.5 + 2 * z),
    ),
)


def student_ps(differences: Array) -> Array:
    """Return the paired t test's p of each row; where a row is constant, the sign test's."""
    n = differences.shape[1]
    apart, spread = np.mean(differences, axis=1), np.std(differences, axis=1, ddof=1)
    with np.errstate(all="ignore"):
        found = 2 * special.stdtr(n - 1, -np.abs(apart) / spread * math.sqrt(n))
    return np.where(spread > 0, found, np.where(apart == 0, 1.0, 2 * 0.5**n))


def welch_ps(first: Array, second: Array) -> Array:
    """Return Welch's p of each pair of rows; where both rows are constant, the sign test's."""
    n, m = first.shape[1], second.shape[1]
    squares = np.var(first, axis=1, ddof=1) / n, np.var(second, axis=1, ddof=1) / m
    apart = np.mean(first, axis=1) - np.mean(second, axis=1)
    both = squares[0] + squares[1]
    with np.errstate(all="ignore"):
        freedom = both**2 / (squares[0] ** 2 / (n - 1) + squares[1] ** 2 / (m - 1))
        found = 2 * special.stdtr(freedom, -np.abs(apart) / np.sqrt(both))
    return np.where(both > 0, found, np.where(apart == 0, 1.0, 2 * 0.5 ** min(n, m)))


@lru_cache(maxsize=1)
def numbers(methods: int, n: int) -> Array:
    """Return (methods, simulations, seeds) normal numbers, always the same."""
    return np.random.default_rng(0).normal(size=(methods, TIMES, n))


def shares(
    case: Case, n: int, correlation: float, effect: float, level: float
) -> tuple[float, ...]:
    """Return the shares that the paired t test and Welch's find."""
    one, apart = numbers(2, n)
    other = correlation * one + math.sqrt(1 - correlation**2) * apart
    first, second = case.first(one, effect), case.second(other)
    ps = student_ps(first - second), welch_ps(first, second)
    return tuple(float(np.mean(p < level)) for p in ps)


def half_found(case: Case, n: int, level: float) -> float:
    """Return the effect that Welch's test finds in half of the cases without correlation."""

    def beyond(effect: float) -> float:
        return shares(case, n, 0.0, effect, level)[1] - 0.5

    return float(optimize.brentq(beyond, 0.0, 8.0, xtol=0.02))


def row(case: Case, n: int, level: float, has_effect: bool) -> list[object]:
    """Return a row of a table: the shares by correlation, and where both tests find as much."""
    effect = half_found(case, n, level) if has_effect else 0.0
    found = [shares(case, n, correlation, effect, level) for correlation in CORRELATIONS]
    digits = 2 if has_effect else 3 if level == ALPHA else 4
    told = [f"{paired:.{digits}f} / {welch:.{digits}f}" for paired, welch in found]
    if not has_effect:
        return [case.name, n, *told]
    ahead = [paired - welch for paired, welch in found]
    return [case.name, n, *told, f"{np.interp(0.0, ahead, CORRELATIONS):.2f}"]


def leader_alarms(n: int, correlation: float) -> str:
    """Return how often any of six methods alike is told from the leader, paired and Welch."""
    common, *apart = numbers(1 + METHODS, n)
    scores = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * np.array(apart)
    leader = np.argmax(interquartile_mean(np.moveaxis(scores, 2, 0)), axis=0)
    order = (leader + np.arange(METHODS)[:, None]) % METHODS
    first, *others = np.take_along_axis(scores, order[:, :, None], axis=0)
    told = []
    for ps in (
        [student_ps(first - each) for each in others],
        [welch_ps(first, each) for each in others],
    ):
        told.append(np.mean(holm_rows(np.column_stack(ps)).min(axis=1) < LEVEL_TO_BEST))
    return " / ".join(f"{share:.3f}" for share in told)


def main() -> None:
    """Print a table of errors and one of powers for each level, and errors beside a leader."""
    for level in LEVELS:
        for what, has_effect in (("Error", False), ("Power", True)):
            table(
                f"{what} at {level:g}: paired / Welch ({TIMES} simulations)",
                ["scores", "seeds", *map(str, CORRELATIONS), *["equal at"] * has_effect],
                (row(case, n, level, has_effect) for case in CASES for n in SEEDS),
            )
    shown = [correlation for correlation in CORRELATIONS if correlation >= 0]
    table(
        f"Error about the leader of {METHODS} methods alike, Holm at {LEVEL_TO_BEST:g}: paired / "
        f"Welch ({TIMES} simulations)",
        ["seeds", *map(str, shown)],
        ([n, *(leader_alarms(n, correlation) for correlation in shown)] for n in SEEDS),
    )


if __name__ == "__main__":
    main()
