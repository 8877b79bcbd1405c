"""What the report's intervals and tests keep of their promises with 3, 5 and 10 seeds.

Usage: python -m tests.baselines.intervals

Prints the Markdown tables of docs/statistics.md: coverage of the intervals, false alarms, power,
the guess of how many seeds would settle a comparison, and the rank diagram under no difference.
Scores are functions of standard normal numbers, which methods share in part at equal seed; higher
is better and a failed run scores −inf.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.report import statistics as own

ALPHA = 0.05
SEEDS = (3, 5, 10)
METHODS = 6
MODES = np.cumsum([0.01, 0.01, 0.01, 0.01, 0.02, 0.04, 0.08, 0.16])
"""Chances of 0 … 7 of 8 modes, added up; all eight in two of three runs."""
Array = NDArray[np.float64]

SCORES: dict[str, Callable[[Array], Array]] = {
    "normal": lambda z: z,
    "log-normal": np.exp,
    "modes 0–8": lambda z: np.searchsorted(stats.norm.ppf(MODES), z).astype(float),
    "heavy tails (t, 3 df)": lambda z: stats.t.ppf(stats.norm.cdf(z), 3),
}
COUNTED: dict[tuple[int, float, bytes], float] = {}
GRID = stats.norm.ppf((np.arange(10**5) + 0.5) / 10**5)


def draw(
    rng: np.random.Generator, kind: str, shape: tuple[int, ...], correlation: float = 0.5
) -> Array:
    """(simulations, methods, seeds) scores of methods that do the same."""
    common = rng.normal(size=(shape[0], 1, shape[2]))
    apart = rng.normal(size=shape)
    return SCORES[kind](np.sqrt(correlation) * common + np.sqrt(1 - correlation) * apart)


def fail(rng: np.random.Generator, scores: Array, chance: float) -> Array:
    """The same with each run failed with that chance."""
    return np.where(rng.random(scores.shape) < chance, -np.inf, scores)


# -- p values of many simulations at once; tests hold them equal to bench.report.statistics --


def paired_ps(differences: Array) -> Array:
    """``paired_p`` of each row of (simulations, seeds)."""
    same = np.ptp(differences, axis=1) == 0
    zero = same & (differences[:, 0] == 0)
    with np.errstate(all="ignore"):
        found = np.asarray(stats.ttest_1samp(np.where(same[:, None], np.nan, differences), 0, 1)[1])
    return np.where(zero, 1.0, np.where(same, 2 * 0.5 ** differences.shape[1], found))


def rank_ps(first: Array, second: Array) -> Array:
    """``rank_p`` of each pair of rows, counted once for all that have the same ranks."""
    n = first.shape[1]
    ranks = stats.rankdata(np.concatenate([first, second], axis=1), axis=1)
    # the p depends on the sum of ranks and on which ranks there are alone
    sums, pools = ranks[:, :n].sum(axis=1), np.sort(ranks, axis=1)
    found = np.empty(len(ranks))
    for at, own_ranks in enumerate(ranks):
        key = (n, sums[at], pools[at].tobytes())
        if key not in COUNTED:
            COUNTED[key] = own.rank_p(own_ranks[:n], own_ranks[n:]) or 0.0
        found[at] = COUNTED[key]
    return found


def sign_flip_ps(differences: Array) -> Array:
    """Two-sided exact sign flips of the mean: all 2ⁿ signs of each row."""
    flips = np.array(list(itertools.product([1, -1], repeat=differences.shape[1])))
    sums = np.abs(differences @ flips.T)
    return np.mean(sums >= sums[:, :1] * (1 - 1e-9), axis=1)


def rule_ps(
    first: Array, second: Array, test: Callable[[Array, Array], Array] | None = None
) -> Array:
    """``comparison_p`` of each pair of rows, by a test of whole rows; None: by the paired one."""
    found = np.empty(len(first))
    whole = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    if whole.any():
        one, other = first[whole], second[whole]
        found[whole] = paired_ps(one - other) if test is None else test(one, other)
    if not whole.all():
        found[~whole] = rank_ps(first[~whole], second[~whole])
    return found


def holm_rows(ps: Array) -> Array:
    """``holm`` of each row."""
    order = np.argsort(ps, axis=1)
    sizes = np.arange(ps.shape[1], 0, -1)
    scaled = np.maximum.accumulate(np.take_along_axis(ps, order, 1) * sizes, axis=1)
    found = np.empty_like(ps)
    np.put_along_axis(found, order, np.minimum(scaled, 1), 1)
    return found


def friedman_ps(scores: Array) -> Array:
    """Friedman's p of each (methods, seeds) with seeds as blocks; 1 where all tie."""
    ranks = stats.rankdata(scores, axis=1)
    k, n = scores.shape[1:]
    apart = ((ranks.mean(axis=2) - (k + 1) / 2) ** 2).sum(axis=1) * n**2
    spread = ((ranks - (k + 1) / 2) ** 2).sum(axis=(1, 2)) / (k - 1)
    return np.where(spread > 0, stats.chi2.sf(apart / np.maximum(spread, 1e-9), k - 1), 1.0)


# -- tables --


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        cells = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row]
        print(f"| {' | '.join(cells)} |", flush=True)


def coverage(found: Sequence[own.Interval | None], truth: float) -> str:
    """Share of intervals with ends that hold the truth, and the share without ends."""
    ends = [(each.low, each.high) for each in found if each is not None]
    told = [(low, high) for low, high in ends if low is not None and high is not None]
    held = np.mean([low - 1e-9 <= truth <= high + 1e-9 for low, high in told])
    none = 1 - len(told) / len(found)
    return f"{held:.3f}" + (f" (none {none:.2f})" if none else "")


def coverages(rng: np.random.Generator, kind: str, n: int, times: int) -> list[object]:
    """One row of the first table."""
    quantiles = SCORES[kind](GRID)
    middle = float(np.sort(quantiles)[25_000:75_000].mean())
    # P(improvement): one method is a deviation ahead, in the normal numbers behind the scores
    shifted = SCORES[kind](GRID + 1)
    below = np.searchsorted(np.sort(quantiles), shifted, "left")
    above = np.searchsorted(np.sort(quantiles), shifted, "right")
    better = float((below + above).mean() / 2 / len(GRID))
    scores = draw(rng, kind, (times, 2, n))
    first, second = scores[:, 0], scores[:, 1]
    higher = SCORES[kind](rng.normal(1, 1, (times, n)))
    few = {"resamples": 500}
    return [
        kind,
        n,
        coverage([own.mean_interval(row) for row in first], float(quantiles.mean())),
        coverage([own.mean_interval(row) for row in first - second], 0.0),
        coverage(
            [own.bootstrap_interval(row, own.mean, **few) for row in first],
            float(quantiles.mean()),
        ),
        coverage(
            [own.bootstrap_interval(row, own.interquartile_mean, **few) for row in first], middle
        ),
        coverage(
            [
                own.probability_of_improvement(a, b, True, **few)
                for a, b in zip(higher, first, strict=True)
            ],
            better,
        ),
    ]


def pair_alarms(rng: np.random.Generator, kind: str, n: int, times: int) -> list[object]:
    """One row of the second table: two methods that do the same."""
    scores = draw(rng, kind, (times, 2, n))
    first, second = scores[:, 0], scores[:, 1]
    failed = fail(rng, scores, 0.2)
    ps = (
        paired_ps(first - second),
        rank_ps(first, second),
        sign_flip_ps(first - second),
        rule_ps(first, second),
        rule_ps(failed[:, 0], failed[:, 1]),
    )
    return [kind, n, *(float(np.mean(p < ALPHA)) for p in ps)]


def verdicts(scores: Array) -> tuple[Array, dict[str, Array]]:
    """The leader by interquartile mean (simulations,), and by rule which methods are told from it.

    Each rule gives (simulations, methods), False for the leader itself.
    """
    times, (k, _) = np.arange(len(scores)), scores.shape[1:]
    pairs = list(itertools.combinations(range(k), 2))
    leader = np.argmax(own.interquartile_mean(np.moveaxis(scores, 2, 0)), axis=1)
    every = np.column_stack([rule_ps(scores[:, i], scores[:, j]) for i, j in pairs])
    adjusted = holm_rows(every)
    raw, wide = np.ones((2, len(scores), k, k))
    for at, (i, j) in enumerate(pairs):
        raw[:, i, j] = raw[:, j, i] = every[:, at]
        wide[:, i, j] = wide[:, j, i] = adjusted[:, at]
    others = raw[times, leader]
    rest = np.arange(k) != leader[:, None]
    narrow = np.ones_like(others)
    narrow[rest] = holm_rows(others[rest].reshape(-1, k - 1)).ravel()
    return leader, {
        "no correction": rest & (others < ALPHA),
        "Holm to leader": narrow < ALPHA,
        "the same at 0.025": narrow < ALPHA / 2,
        "Holm, all pairs": wide[times, leader] < ALPHA,
    }


def family_alarms(
    rng: np.random.Generator,
    kind: str,
    n: int,
    chance: float,
    methods: int,
    equal: int,
    times: int,
) -> list[object]:
    """One row: how often any of the ``equal`` best methods is told from a leader among them.

    Before it, how often that happens with a leader named beforehand; after it, how often one given
    method of the best is told from the leader by ``Holm to leader``.
    """
    scores = fail(rng, draw(rng, kind, (times, methods, n)), chance)
    scores[:, equal:] -= 50.0
    leader, found = verdicts(scores)
    among = leader < equal
    rates = (float(np.mean(among & told[:, :equal].any(axis=1))) for told in found.values())
    fixed = np.column_stack([rule_ps(scores[:, 0], scores[:, i]) for i in range(1, methods)])
    told = holm_rows(fixed)[:, : equal - 1] < ALPHA
    missed = float(np.mean(among & found["Holm to leader"][:, 0]))
    case = "" if equal == methods else f", {equal} equal"
    cells = [kind, f"{methods}{case}", n, chance]
    return [*cells, float(np.mean(told.any(axis=1))), *rates, missed]


def powers(
    rng: np.random.Generator, effect: float, n: int, correlation: float, times: int
) -> list[object]:
    """One row: normal scores, one method better than five equal ones by ``effect`` deviations."""
    scores = draw(rng, "normal", (times, METHODS, n), correlation)
    scores[:, 0] += effect
    first, second = scores[:, 0], scores[:, 1]
    leader, found = verdicts(scores)
    shares = [float(np.mean((leader == 0)[:, None] & told[:, 1:])) for told in found.values()]
    pair = (paired_ps(first - second), rank_ps(first, second))
    return [effect, n, correlation, *(float(np.mean(p < ALPHA)) for p in pair), *shares]


def guesses(rng: np.random.Generator, effect: float, n: int, times: int) -> list[object]:
    """One row: ``seeds_to_settle`` from n differences over what it says of the true effect."""
    truth = own.seeds_to_settle(np.array([-1.0, 0.0, 1.0]) + effect, ALPHA)
    rows = rng.normal(effect, 1, (times, n))
    found = np.array([own.seeds_to_settle(row, ALPHA) or np.inf for row in rows])
    quarters = np.quantile(found, [0.25, 0.5, 0.75], method="higher")
    told = [f"{q:.0f}" if np.isfinite(q) else "> 1000" for q in quarters]
    alarming = paired_ps(rows) < ALPHA
    best = f"{np.median(found[alarming]):.0f}" if alarming.any() else "–"
    return [effect, truth, n, *told, float(np.mean(found < truth)), best]


def diagrams(rng: np.random.Generator, datasets: int, times: int) -> list[object]:
    """One row: ``critical_difference`` of methods that do the same."""
    ranks = np.argsort(rng.random((times, datasets, METHODS)), axis=2) + 1.0
    far = stats.studentized_range.isf(ALPHA, METHODS, np.inf) * np.sqrt(
        METHODS * (METHODS + 1) / (12 * datasets)
    )
    nemenyi = np.ptp(ranks.mean(axis=1), axis=1) > far
    friedman = friedman_ps(np.swapaxes(ranks, 1, 2)) < ALPHA
    rates = (friedman, nemenyi, friedman & nemenyi)
    wilcoxon = 2 * 0.5**datasets
    return [datasets, float(far), *(float(np.mean(r)) for r in rates), f"{wilcoxon:.4f}"]


def main(scale: float = 1.0) -> None:
    """Print all tables; ``scale`` multiplies the number of simulations."""
    rng = np.random.default_rng(0)

    def times(number: int) -> int:
        return max(5, round(scale * number))

    rules = ["no correction", "Holm to leader", "the same at 0.025", "Holm, all pairs"]
    table(
        f"1. Coverage of 95 % intervals ({times(600)} simulations, ± 0.018)",
        ["scores", "seeds", "mean, t", "paired difference, t", "mean, bootstrap",
         "IQM, bootstrap", "P(improvement), bootstrap"],
        (coverages(rng, kind, n, times(600)) for kind in SCORES for n in SEEDS),
    )  # fmt: skip
    table(
        f"2a. False alarms at 0.05, two methods alike ({times(6000)} simulations, ± 0.006)",
        ["scores", "seeds", "paired t", "rank", "sign flip", "rule", "rule, 20 % fail"],
        (pair_alarms(rng, kind, n, times(6000)) for kind in SCORES for n in SEEDS),
    )
    kinds = ("normal", "log-normal", "modes 0–8")
    cases = [(kind, METHODS, METHODS, n, c) for kind in kinds for c in (0.0, 0.2) for n in SEEDS]
    cases += [("normal", METHODS, equal, 5, c) for equal in (5, 3, 2) for c in (0.0, 0.2)]
    cases += [("normal", methods, methods, 5, 0.0) for methods in (3, 12)]
    table(
        f"2b. False alarms anywhere among methods alike ({times(3000)} simulations, ± 0.008)",
        ["scores", "methods", "seeds", "fail", "leader named before, Holm", *rules, "best missed"],
        (
            family_alarms(rng, kind, n, chance, methods, equal, times(3000))
            for kind, methods, equal, n, chance in cases
        ),
    )
    table(
        f"3. Power: normal scores, one method better ({times(2000)} simulations, ± 0.02)",
        ["effect, sd", "seeds", "correlation", "pair: paired t", "pair: rank", *rules],
        (
            powers(rng, effect, n, correlation, times(2000))
            for effect in (1.0, 2.0, 3.0)
            for n in SEEDS
            for correlation in (0.0, 0.5)
        ),
    )
    table(
        f"4. seeds_to_settle at 0.05 and power 0.8 ({times(400)} simulations)",
        ["effect / sd of differences", "true", "from seeds", "25 %", "median", "75 %",
         "share too low", "median where p < 0.05"],
        (guesses(rng, effect, n, times(400)) for effect in (0.5, 1.0, 2.0) for n in SEEDS),
    )  # fmt: skip
    table(
        f"5. Rank diagram of six methods alike ({times(20000)} simulations, ± 0.003)",
        ["datasets", "critical difference", "Friedman", "Nemenyi", "both", "least Wilcoxon p"],
        (diagrams(rng, datasets, times(20000)) for datasets in (3, 5, 10)),
    )


if __name__ == "__main__":
    main()
