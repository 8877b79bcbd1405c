"""The sliced Wasserstein distance against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.check import SUITES
from bench.metric import TooFew
from bench.metrics.sliced_wasserstein import sliced_wasserstein
from bench.registry import make_metric


@pytest.mark.parametrize("check", SUITES["metric"].checks, ids=lambda check: check.__name__)
def test_it_passes_the_suite(check):
    check(make_metric("sliced_wasserstein"))


@given(shift=st.floats(-5, 5), count=st.integers(1, 40), other=st.integers(1, 40))
def test_in_one_dimension_it_is_the_wasserstein_distance_of_two_point_masses(shift, count, other):
    first, second = np.zeros((count, 1)), np.full((other, 1), shift)
    assert sliced_wasserstein(first, second) == pytest.approx(abs(shift))


def test_a_shift_of_many_dimensions_is_its_length_over_the_root_of_their_number():
    points = np.random.default_rng(0).standard_normal((200, 50))
    shift = np.full(50, 3.0)
    found = sliced_wasserstein(points, points + shift, directions=4000)
    assert found == pytest.approx(3.0, rel=0.05)


def test_unequal_counts_agree_with_the_same_points_repeated():
    random = np.random.default_rng(1)
    first, second = random.standard_normal((30, 2)), random.standard_normal((20, 2))
    again = sliced_wasserstein(np.repeat(first, 2, 0), np.repeat(second, 3, 0))
    assert sliced_wasserstein(first, second) == pytest.approx(again)


def test_squared_distances_of_gaussians_have_their_closed_form():
    # W2 of N(0, 1) and N(0, 4) is 1: quantiles differ by themselves
    random = np.random.default_rng(2)
    first, second = random.standard_normal((20_000, 1)), 2 * random.standard_normal((30_000, 1))
    assert sliced_wasserstein(first, second) == pytest.approx(1.0, rel=0.03)


@given(seed=st.integers(0, 50))
def test_it_is_symmetric_and_zero_for_equal_samples(seed):
    first, second = np.random.default_rng(seed).standard_normal((2, 15, 3))
    assert sliced_wasserstein(first, second) == pytest.approx(sliced_wasserstein(second, first))
    assert sliced_wasserstein(first, first[::-1]) == pytest.approx(0, abs=1e-12)


def test_nothing_is_too_few():
    with pytest.raises(TooFew):
        sliced_wasserstein(np.empty((0, 2)), np.ones((3, 2)))
