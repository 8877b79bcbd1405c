"""The mean best of k trials: against all subsets, and what must hold of it whatever the scores."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.statistics import best_after, expected_best

FINITE = st.floats(-1e6, 1e6)
SCORES = st.lists(FINITE, min_size=1, max_size=12)


def by_subsets(scores, best):
    return [
        np.mean([best(subset) for subset in combinations(scores, k)])
        for k in range(1, len(scores) + 1)
    ]


@given(st.lists(FINITE, min_size=1, max_size=8))
def test_it_is_the_mean_over_all_subsets(scores):
    tolerance = {"rtol": 1e-9, "atol": 1e-6}
    np.testing.assert_allclose(expected_best(scores, True), by_subsets(scores, max), **tolerance)
    np.testing.assert_allclose(expected_best(scores, False), by_subsets(scores, min), **tolerance)


@given(SCORES)
def test_it_begins_at_the_mean_and_ends_at_the_best_and_never_gets_worse(scores):
    found = expected_best(scores, False)
    assert found[0] == pytest.approx(np.mean(scores), abs=1e-6)
    assert found[-1] == min(scores)
    assert np.all(np.diff(found) <= 1e-9 * np.max(np.abs(scores)) + 1e-300)


@given(SCORES, st.integers(1, 5))
def test_failed_trials_are_infinite_until_one_of_k_must_have_finished(scores, failed):
    found = expected_best([*scores, *[np.inf] * failed], False)
    assert np.all(np.isinf(found[:failed]))
    assert np.all(np.isfinite(found[failed:]))
    assert found[-1] == min(scores)


def test_a_large_number_of_trials_is_exact_still():
    # the mean best of k of 1 … n is k (n + 1) / (k + 1)
    n = 300
    k = np.arange(1, n + 1)
    np.testing.assert_allclose(expected_best(k, True), k * (n + 1) / (k + 1), rtol=1e-10)


@given(FINITE, SCORES)
def test_a_first_trial_that_is_given_counts_from_the_start(first, others):
    found = best_after(first, others, False, resamples=50)
    assert found[0].value == first
    assert found[1].value == pytest.approx(np.mean(np.minimum(others, first)), abs=1e-6)
    assert found[-1].value == min(first, *others)
    for each in found[1:]:
        assert each.low is None or each.low <= each.value <= each.high


def test_a_first_trial_alone_and_one_that_failed():
    assert [each.value for each in best_after(2.0, [], True)] == [2.0]
    values = [each.value for each in best_after(np.inf, [np.inf, 3.0], False)]
    assert values == [np.inf, np.inf, 3.0]


def test_the_band_holds_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    # the mean best of 3 of uniform numbers is 1/4; here after a first trial worth nothing
    held = 0
    for _ in range(200):
        interval = best_after(1.0, generator.random(20), False, resamples=200)[3]
        held += interval.low <= 0.25 <= interval.high
    assert held / 200 == pytest.approx(0.92, abs=0.06)
