import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.report.statistics import mean_interval, paired_difference, spread

values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)


@given(values)
def test_interval_is_student_t(sample: list[float]):
    found = mean_interval(sample)
    assert found is not None
    assert found.value == pytest.approx(np.mean(sample), abs=1e-6)
    scale = stats.sem(sample)
    if scale > 1e-9:
        low, high = stats.t.interval(0.95, len(sample) - 1, np.mean(sample), scale)
        assert found.low == pytest.approx(low, rel=1e-6, abs=1e-6)
        assert found.high == pytest.approx(high, rel=1e-6, abs=1e-6)


def test_one_value_has_a_mean_and_no_interval():
    found = mean_interval([3.0])
    assert found is not None
    assert (found.value, found.low, found.high, found.n) == (3.0, None, None, 1)
    assert found.holds_zero is None
    assert mean_interval([]) is None


def test_interval_covers_the_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1.0, 2.0, size=(2000, 5))
    found = [mean_interval(row.tolist()) for row in draws]
    covered = np.mean([f.low <= 1.0 <= f.high for f in found])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_paired_difference_uses_common_seeds_alone():
    first = {0: 5.0, 1: 7.0, 2: 6.0, 9: 100.0}
    second = {0: 4.0, 1: 5.0, 2: 5.0, 7: -100.0}
    found = paired_difference(first, second)
    assert found is not None
    assert found.n == 3
    assert found.value == pytest.approx(4 / 3)
    reference = stats.ttest_rel([5, 7, 6], [4, 5, 5]).confidence_interval()
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert found.holds_zero == (reference.low <= 0)
    assert paired_difference({0: 1.0}, {1: 1.0}) is None


def test_spread_is_median_and_range():
    found = spread([3.0, 1.0, 10.0])
    assert found is not None
    assert (found.median, found.low, found.high, found.n) == (3.0, 1.0, 10.0, 3)
    assert spread([]) is None
