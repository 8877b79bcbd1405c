"""What a quantity says of its own values: which is better, which is worst, how they are shown."""

import math

import pytest

from bench.metric import Quantity

MODES = Quantity("modes", "modes", "", True, digits=2)
DISTANCE = Quantity("fd", "FD", "", False, digits=2)
SHARE = Quantity("share", "share", "", True, digits=1, percent=True)


@pytest.mark.parametrize(
    ("metric", "best", "worst"), [(MODES, 8, -math.inf), (DISTANCE, 1, math.inf)]
)
def test_the_best_of_several_and_what_a_failure_counts(metric, best, worst):
    assert metric.best([3, 8, 1]) == best
    assert metric.worst == worst
    assert metric.is_better(best, 3)
    assert not metric.is_better(3, 3)
    assert metric.is_better(3, metric.worst)
    assert sorted([3, 8, 1, metric.worst], key=metric.badness)[0] == best
    assert sorted([3, 8, 1, metric.worst], key=metric.badness)[-1] == worst


def test_values_are_held_against_a_target_as_they_are_shown():
    assert DISTANCE.reaches(1.004, 1.0)
    assert not DISTANCE.reaches(1.006, 1.0)
    assert MODES.reaches(0.996, 1.0)
    assert SHARE.shown(0.12345) == 0.123
    for metric in (MODES, DISTANCE):
        for failed in (math.inf, -math.inf, math.nan):
            assert not metric.reaches(failed, 1.0)
