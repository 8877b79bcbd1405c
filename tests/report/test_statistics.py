"""Statistics against scipy, statsmodels, scikit-posthocs, closed forms and brute force."""

from __future__ import annotations

import itertools
import math
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower

from bench.report import statistics as own
from bench.report.statistics import Interval

INF = math.inf
# a first call imports scipy; the machine may be busy
patient = settings(deadline=None, max_examples=60)
values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)
few = st.lists(st.integers(0, 8).map(float) | st.just(INF), min_size=1, max_size=5)
chances = st.lists(st.none() | st.floats(0, 1), max_size=8)


def ends(found: Interval | None) -> tuple[float, float]:
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


# -- means --


@given(values)
@patient
def test_interval_is_student_t(sample: list[float]):
    found = own.mean_interval(sample)
    assert found is not None
    assert found.value == pytest.approx(np.mean(sample), abs=1e-6)
    scale = stats.sem(sample)
    if scale > 1e-9:
        expected = stats.t.interval(0.95, len(sample) - 1, np.mean(sample), scale)
        assert ends(found) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_one_value_has_a_mean_and_no_interval():
    assert own.mean_interval([3.0]) == Interval(3.0, None, None, 1)
    assert own.mean_interval([]) is None


@pytest.mark.parametrize("same", [[8.0] * 5, [0.0] * 3, [0.1 + 0.2, 0.3, 0.3]])
def test_values_that_agree_claim_no_certainty(same: list[float]):
    found = own.mean_interval(same)
    assert found is not None
    assert found.value == pytest.approx(same[0])
    assert (found.low, found.high, found.half_width) == (None,) * 3
    drawn = own.bootstrap_interval([8.0] * 5, own.mean)
    assert drawn == Interval(8.0, None, None, 5)


def test_paired_difference_uses_common_finished_seeds_alone():
    first = {0: 5.0, 1: 7.0, 2: 6.0, 9: 100.0, 3: INF, 4: 1.0}
    second = {0: 4.0, 1: 5.0, 2: 5.0, 7: -100.0, 3: 1.0, 4: INF}
    found = own.paired_difference(first, second)
    assert found is not None
    assert found.n == 3
    assert found.value == pytest.approx(4 / 3)
    reference = stats.ttest_rel([5, 7, 6], [4, 5, 5]).confidence_interval()
    assert ends(found) == pytest.approx((reference.low, reference.high))
    assert own.paired_difference({0: 1.0}, {1: 1.0}) is None


def test_rounding_is_no_spread_of_differences():
    first, second = {0: 0.3, 1: 0.4, 2: 100.1}, {0: 0.2, 1: 0.3, 2: 100.0}
    found = own.paired_difference(first, second)
    assert found is not None
    assert found.low is None
    assert own.comparison_p(first, second, "paired") == (0.25, "sign")


def test_spread_is_median_and_range():
    assert own.spread([3.0, 1.0, 10.0]) == own.Spread(3.0, 1.0, 10.0, 3)
    assert own.spread([]) is None


# -- interquartile mean, median, mean --


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=13))
@patient
def test_trimmed_means_are_scipys_and_numpys(sample: list[float]):
    assert own.interquartile_mean(sample) == pytest.approx(stats.trim_mean(sample, 0.25))
    assert own.median(sample) == pytest.approx(np.median(sample))
    assert own.mean(sample) == pytest.approx(np.mean(sample), abs=1e-6)


@given(st.permutations([3.1, 0.2, 7.7, 1e-3, 5.0, INF, 2.2]))
@patient
def test_order_of_runs_does_not_matter(runs: list[float]):
    assert own.interquartile_mean(runs) == own.interquartile_mean(sorted(runs))


def test_failed_runs_make_a_mean_infinite_once_they_are_not_trimmed():
    assert own.interquartile_mean([1, 2, 3, 4, INF]) == 3.0
    assert own.interquartile_mean([1, 2, 3, INF, INF]) == INF
    assert own.interquartile_mean([1, 2, -INF]) == -INF
    assert own.median([1, 2, 3, INF, INF]) == 3.0
    assert own.median([1, 2, INF, INF]) == INF
    assert own.mean([1, 2, 3, 4, INF]) == INF
    assert own.interquartile_mean([INF] * 5) == INF
    with pytest.raises(ValueError, match="both infinities"):
        own.mean([1, INF, -INF])
    with pytest.raises(ValueError, match="no runs"):
        own.mean([])


def test_datasets_keep_their_own_runs():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(9, 3))
    table[5:, 1] = np.nan
    expected = [stats.trim_mean(column[~np.isnan(column)], 0.25) for column in table.T]
    assert own.interquartile_mean(table) == pytest.approx(np.array(expected))


# -- bootstrap --


@pytest.mark.parametrize(
    ("statistic", "reference"),
    [
        (own.mean, np.mean),
        (own.median, np.median),
        (own.interquartile_mean, lambda x, axis: stats.trim_mean(x, 0.25, axis=axis)),
    ],
)
def test_bootstrap_is_scipys(statistic, reference):
    sample = np.random.default_rng(3).lognormal(size=8)
    found = own.bootstrap_interval(sample, statistic, level=0.9, seed=5)
    expected = stats.bootstrap(
        (sample,),
        reference,
        n_resamples=own.RESAMPLES,
        confidence_level=0.9,
        method="percentile",
        rng=5,
    ).confidence_interval
    assert ends(found) == pytest.approx(tuple(expected))


def test_stratified_bootstrap_draws_each_dataset_on_its_own():
    # datasets far apart: were runs drawn across them, the interval would span thousands
    rng = np.random.default_rng(0)
    table = rng.normal(size=(6, 4)) + np.array([0, 1e3, 2e3, 3e3])
    table[4:, 1] = np.nan
    found = own.bootstrap_interval(table, own.mean)
    low, high = ends(found)
    columns = [column[~np.isnan(column)] for column in table.T]
    error = math.sqrt(sum(np.var(column) / len(column) for column in columns)) / 4
    assert found.value == pytest.approx(np.mean([column.mean() for column in columns]))
    assert (high - low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.1)
    assert found.n == 22


def test_an_end_may_be_infinite_and_is_never_nan():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = own.bootstrap_interval([1.0, 2.0, 3.0, 4.0, INF], own.interquartile_mean)
        worst = own.bootstrap_interval([1.0, 2.0, -INF, -INF, -INF], own.interquartile_mean)
    low, high = ends(found)
    assert found.value == 3.0
    assert (1 < low < 3, high) == (True, INF)
    assert worst.value == worst.low == -INF
    assert not math.isnan(worst.high)


@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=8),
    st.integers(0, 9),
    st.sampled_from([own.mean, own.median, own.interquartile_mean]),
)
@patient
def test_intervals_hold_their_estimate_and_repeat(sample, seed, statistic):
    found = own.bootstrap_interval(sample, statistic, resamples=100, seed=seed)
    assert found is not None
    assert found.value == pytest.approx(float(statistic(np.array(sample))))
    if found.low is not None:
        assert found.low <= found.value <= found.high
    assert found == own.bootstrap_interval(sample, statistic, resamples=100, seed=seed)


def test_single_runs_have_no_bootstrap_interval():
    assert own.bootstrap_interval([], own.mean) is None
    assert own.bootstrap_interval([2.0], own.mean) == Interval(2.0, None, None, 1)
    table = [[1.0, 2.0], [3.0, np.nan]]
    assert own.bootstrap_interval(table, own.mean) == Interval(2.0, None, None, 3)


def test_bootstrap_is_fast_enough_for_a_report():
    table = np.random.default_rng(0).normal(size=(10, 5))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        own.bootstrap_interval(table, own.interquartile_mean)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05  # 3 ms on the author's machine


# -- probability of improvement --


@given(few, few)
@patient
def test_probability_of_improvement_is_the_share_of_pairs(first, second):
    pairs = list(itertools.product(first, second))
    expected = np.mean([1.0 if a < b else 0.5 if a == b else 0.0 for a, b in pairs])
    there = own.probability_of_improvement(first, second, False, resamples=20)
    back = own.probability_of_improvement(second, first, False, resamples=20)
    assert there.value == pytest.approx(expected)
    assert there.value + back.value == pytest.approx(1)
    if there.low is not None:
        assert 0 <= there.low <= there.value <= there.high <= 1


def test_probability_of_improvement_knows_the_better_side_and_failures():
    assert own.probability_of_improvement([1, 2, 3], [2.5, 4, 5], False).value == 8 / 9
    assert own.probability_of_improvement([1, 2, 3], [2.5, 4, 5], True).value == 1 / 9
    assert own.probability_of_improvement([1, 2, INF], [INF] * 3, False).value == 5 / 6
    assert own.probability_of_improvement([0, -INF], [-INF], True).value == 0.75
    assert own.probability_of_improvement([], [1.0], True) is None


def test_complete_separation_is_bounded_by_disjoint_pairs():
    found = own.probability_of_improvement([1, 2, 3], [4, 5, 6, 7], False)
    exact = stats.binomtest(3, 3).proportion_ci(method="exact")
    assert ends(found) == pytest.approx((exact.low, 1.0))
    found = own.probability_of_improvement([1, 2, 3], [4, 5, 6, 7], True)
    assert ends(found) == pytest.approx((0.0, 1 - exact.low))


# -- p values --


@given(values)
@patient
def test_paired_p_is_scipys_t_test(sample: list[float]):
    if np.ptp(sample) > 1e-6 * max(map(abs, sample)):
        assert own.paired_p(sample) == pytest.approx(stats.ttest_1samp(sample, 0).pvalue)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_differences_that_agree_get_the_sign_test(n: int):
    assert own.paired_p([-0.25] * n) == stats.binomtest(n, n).pvalue
    assert own.paired_p([0.0] * n) == 1.0
    assert own.paired_p([1.0]) is None


@given(few, few)
@patient
def test_rank_p_is_the_share_of_all_deals(first, second):
    ranks = stats.rankdata([*first, *second])
    n = len(first)
    sums = np.array([sum(deal) for deal in itertools.combinations(ranks, n)])
    seen = ranks[:n].sum()
    tail = min(np.mean(sums <= seen), np.mean(sums >= seen))
    assert own.rank_p(first, second) == pytest.approx(min(1, 2 * tail))
    assert own.rank_p(second, first) == pytest.approx(own.rank_p(first, second))
    assert own.rank_p(first, second) >= own.smallest_rank_p(n, len(second)) - 1e-12


@pytest.mark.parametrize(("n", "m"), [(2, 3), (5, 5), (10, 10), (25, 25)])
def test_rank_p_is_scipys_without_ties(n: int, m: int):
    rng = np.random.default_rng(n)
    first, second = rng.normal(size=n), rng.normal(0.5, size=m)
    expected = stats.mannwhitneyu(first, second, method="exact").pvalue
    assert own.rank_p(first, second) == pytest.approx(expected)
    apart = own.rank_p(first, second + 100)
    assert apart == pytest.approx(own.smallest_rank_p(n, m))
    assert apart == pytest.approx(stats.mannwhitneyu(first, second + 100, method="exact").pvalue)


def test_rank_p_of_many_runs_is_close_to_the_exact_one(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 9, 30), np.append(rng.integers(2, 9, 28), [INF, INF])
    approximate = own.rank_p(first, second)
    monkeypatch.setattr("bench.report.statistics.significance.EXACT", 100)
    assert own.rank_p(first, second) == pytest.approx(approximate, rel=0.05)
    assert own.rank_p([1.0] * 40, [1.0] * 40) == 1.0


def test_smallest_rank_p_of_the_usual_seeds():
    assert own.smallest_rank_p(3, 3) == pytest.approx(0.1)
    assert own.smallest_rank_p(5, 5) == pytest.approx(2 / 252)
    assert own.smallest_rank_p(1, 1) == 1.0
    assert own.rank_p([], [1.0]) is None


def test_comparison_takes_the_test_that_was_stated_beforehand():
    first, second = {0: 1.0, 1: 2.5, 2: 3.0}, {0: 2.0, 1: 4.0, 2: 3.5, 7: 0.0}
    expected = stats.ttest_rel([1, 2.5, 3], [2, 4, 3.5]).pvalue
    assert own.comparison_p(first, second, "paired") == (pytest.approx(expected), "paired t")
    expected = stats.ttest_ind([1, 2.5, 3], [2, 4, 3.5, 0], equal_var=False).pvalue
    assert own.comparison_p(first, second) == (pytest.approx(expected), "Welch")
    failed = {**first, 1: INF}
    expected = own.rank_p([1, INF, 3], [2, 4, 3.5, 0])
    assert own.comparison_p(failed, second) == (expected, "rank")
    assert own.comparison_p(first, {**second, 7: INF})[1] == "rank"
    assert own.comparison_p({0: 1.0}, {0: 2.0}, "paired") == (None, "paired t")
    assert own.comparison_p({0: 1.0}, {0: 2.0, 1: 3.0}) == (None, "Welch")
    assert own.comparison_p({0: INF, 1: INF}, {0: INF, 1: INF}) == (1.0, "rank")
    assert own.comparison_p(first, first, "paired") == (1.0, "sign")
    assert own.comparison_p(dict.fromkeys(range(5), 8.0), dict.fromkeys(range(5, 9), 7.0)) == (
        2 * 0.5**4,
        "sign",
    )
    assert own.comparison_p({0: 8.0, 1: 8.0}, {0: 8.0, 1: 8.0}) == (1.0, "sign")


@given(values, values)
@patient
def test_welch_is_scipys(first: list[float], second: list[float]):
    size = max(map(abs, [*first, *second]))
    if min(len(first), len(second)) > 1 and max(np.ptp(first), np.ptp(second)) > max(
        1e-6 * size, 1e-100
    ):
        expected = stats.ttest_ind(first, second, equal_var=False)
        assert own.welch_p(first, second) == pytest.approx(expected.pvalue, abs=1e-9)
        found = own.welch_difference(first, second)
        assert found is not None
        reference = expected.confidence_interval()
        assert ends(found) == pytest.approx((reference.low, reference.high), rel=1e-6)


def test_welch_with_a_constant_side_is_the_paired_test():
    """8.0 ± 0 against 7.3 ± 1.6: the spread is that of one side, with its degrees of freedom."""
    always, other = dict.fromkeys(range(6), 8.0), dict(enumerate([8.0, 8, 8, 4, 8, 7]))
    assert own.comparison_p(always, other)[0] == pytest.approx(
        own.comparison_p(always, other, "paired")[0]
    )
    one, two = (own.mean_difference(always, other, how) for how in ("welch", "paired"))
    assert one is not None
    assert two is not None
    assert ends(one) == pytest.approx(ends(two))
    assert own.seeds_needed(always, other, 0.05, "welch") == own.seeds_needed(
        always, other, 0.05, "paired"
    )
    assert own.mean_difference(always, {9: 7.0, 10: 7.0}) == Interval(1.0, None, None, 2)


@pytest.mark.parametrize(("effect", "alpha", "power"), [(0.8, 0.05, 0.8), (2.0, 0.01, 0.9)])
def test_welch_seeds_to_settle_is_statsmodels_at_equal_spreads(effect, alpha, power):
    sample = np.array([-1.0, 0.0, 1.0])
    expected = TTestIndPower().solve_power(effect, alpha=alpha, power=power)
    assert own.welch_seeds_to_settle(sample + effect, sample, alpha, power) == math.ceil(expected)
    assert own.welch_seeds_to_settle([1.0, 1.0], [2.0, 2.0], alpha) is None


@given(chances)
@settings(patient, max_examples=20)  # statsmodels takes 60 ms a call
def test_holm_is_monotone_and_statsmodels(ps: list[float | None]):
    found = own.holm(ps)
    assert [p is None for p in found] == [p is None for p in ps]
    told = [(p, q) for p, q in zip(ps, found, strict=True) if p is not None and q is not None]
    assert all(p <= q <= 1 for p, q in told)
    assert sorted(told) == sorted(told, key=lambda pair: (pair[1], pair[0]))
    if told:
        expected = multipletests([p for p, _ in told], method="holm")[1]
        assert [q for _, q in told] == pytest.approx(expected.tolist())


# -- planning, profiles, ranks --


@pytest.mark.parametrize(("effect", "alpha", "power"), [(0.5, 0.05, 0.8), (1.5, 0.01, 0.9)])
def test_seeds_to_settle_is_statsmodels(effect: float, alpha: float, power: float):
    sample = np.array([-1.0, 0.0, 1.0]) + effect
    expected = TTestPower().solve_power(effect, alpha=alpha, power=power)
    assert own.seeds_to_settle(sample, alpha, power) == math.ceil(expected)
    assert own.seeds_to_settle(-sample, alpha, power) == math.ceil(expected)


def test_seeds_to_settle_says_where_it_cannot():
    assert own.seeds_to_settle([1.0], 0.05) is None
    assert own.seeds_to_settle([1.0, 1.0, 1.0], 0.05) is None
    assert own.seeds_to_settle([-1.0, 0.0, 1.0], 0.05) is None
    assert own.seeds_to_settle([-0.99, 0.01, 1.01], 0.05) is None
    assert own.seeds_to_settle([-0.99, 0.01, 1.01], 0.05, most=100_000) > 1000
    assert own.seeds_to_settle([1.0, 1.0001], 0.05) == 2


def test_performance_profile_is_the_share_that_reaches():
    table = np.array([[1.0, 4.0], [2.0, 5.0], [3.0, np.nan], [-INF, np.nan]])
    found = own.performance_profile(table, [-INF, 0, 2, 4.5, 9], True)
    assert found == pytest.approx([(0.75 + 1) / 2, 0.875, 0.75, 0.25, 0])
    found = own.performance_profile([1.0, 2.0, INF], [0.5, 1, 2, INF], False)
    assert found == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])
    with pytest.raises(ValueError, match="without runs"):
        own.performance_profile([], [1.0], True)


def test_the_chance_to_beat_takes_little_memory_of_many_runs():
    draw = np.random.default_rng(0)
    tracemalloc.start()
    found = own.probability_of_improvement(draw.normal(size=300), draw.normal(size=300), True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.low < found.value < found.high
    # all pairs of all draws would take 1.4 GB
    assert peak < 200e6
