"""O'Brien and Fleming's constants against published ones, and against Brownian motion itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from bench.report.statistics.boundaries import crossing, nominal, obrien_fleming

JENNISON_AND_TURNBULL = {
    1: 1.960, 2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 6: 2.053, 10: 2.087, 20: 2.126
}  # fmt: skip
"""Jennison and Turnbull (2000), table 2.3: two-sided, error 0.05, by the number of equal looks."""


def equal(looks: int) -> tuple[float, ...]:
    return tuple((look + 1) / looks for look in range(looks))


@pytest.mark.parametrize(("looks", "constant"), JENNISON_AND_TURNBULL.items())
def test_constants_are_the_published_ones(looks, constant):
    assert obrien_fleming(0.05, equal(looks)) == pytest.approx(constant, abs=6e-4)


@pytest.mark.parametrize("fractions", [(1 / 3, 1.0), (0.2, 0.3, 1.0), (0.5, 0.6, 0.9, 1.0)])
def test_unequal_looks_have_the_crossing_probability_of_a_normal_vector(fractions):
    constant = 1.7
    covariance = np.minimum.outer(fractions, fractions)
    ends = np.full(len(fractions), constant)
    inside = multivariate_normal.cdf(
        ends, cov=covariance, lower_limit=-ends, abseps=1e-7, releps=1e-7
    )
    assert crossing(constant, fractions) == pytest.approx(1 - inside, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(2, 40), min_size=1, max_size=6, unique=True).map(sorted),
    st.floats(1e-4, 0.4),
    st.floats(1.05, 2),
)
def test_levels_rise_from_look_to_look_and_with_the_error(looks, error, factor):
    fractions = tuple(n / looks[-1] for n in looks)
    levels = [nominal(error, fractions, look) for look in range(len(looks))]
    more = [nominal(error * factor, fractions, look) for look in range(len(looks))]
    assert levels == sorted(levels)
    assert levels[-1] <= error * (1 + 1e-6)
    assert error <= sum(levels) * (1 + 1e-6)
    # a share that is passed on never takes a decision back
    assert all(a < b or a == 0 for a, b in zip(levels, more, strict=True))
    assert crossing(obrien_fleming(error, fractions), fractions) == pytest.approx(error, abs=1e-8)
    assert levels[-1] == pytest.approx(2 * norm.sf(obrien_fleming(error, fractions)))
