"""The parts of a score's variance, against cases whose parts are known."""

import numpy as np
import pytest

from bench.report.statistics import Parts, pooled, variance_parts


def test_parts_by_hand():
    found = variance_parts([1.0, 3.0], [1.0, 0.0])
    assert found == Parts(2.0, 0.5, 2)
    assert (found.between, found.share) == (1.5, 0.25)
    # samples explain more than there is: nothing is left for the seeds
    found = variance_parts([1.0, 1.2], [1.0, 1.0])
    assert (found.between, found.share) == (0.0, 1.0)
    assert variance_parts([8.0, 8.0], [0.0, 0.0]).share is None
    assert variance_parts([1.0], [1.0]) is None
    assert pooled([]) is None


def test_pooling_weighs_by_degrees_of_freedom():
    found = pooled([Parts(1.0, 0.5, 2), Parts(4.0, 1.0, 4)])
    assert found.total == pytest.approx((1 + 3 * 4) / 4)
    assert found.within == pytest.approx((2 * 0.5 + 4 * 1) / 6)
    assert (found.seeds, found.methods) == (6, 2)


@pytest.mark.parametrize(("seeds_sd", "draws_sd"), [(3.0, 1.0), (1.0, 1.0), (0.0, 2.0)])
def test_a_made_case_gives_its_parts_back(seeds_sd: float, draws_sd: float):
    """Many methods of 10 seeds: one scored draw each, and the spread of 5 more draws."""
    rng = np.random.default_rng(0)
    trained = rng.normal(0, seeds_sd, (2000, 10))
    scores = trained + rng.normal(0, draws_sd, (2000, 10))
    again = trained[..., None] + rng.normal(0, draws_sd, (2000, 10, 5))
    spreads = np.std(again, axis=2, ddof=1)
    found = pooled([variance_parts(a, b) for a, b in zip(scores, spreads, strict=True)])
    assert found.within == pytest.approx(draws_sd**2, rel=0.03)
    assert found.between == pytest.approx(seeds_sd**2, rel=0.05, abs=0.1)
