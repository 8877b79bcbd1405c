"""Ranks over datasets, and what intervals and tests keep of their promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.report import statistics as own
from bench.report.statistics import CriticalDifference
from tests.baselines import intervals as simulated
from tests.baselines import pairing

INF = math.inf


# -- ranks over datasets --


def test_critical_difference_is_that_of_demsar():
    # Demšar (2006), table 6: AUC of four variants of C4.5 on 14 sets; section 3.2.2 has the results
    scores = [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]  # fmt: skip
    found = own.critical_difference(scores, [True] * 14)
    assert isinstance(found, CriticalDifference)
    assert found.ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert found.difference == pytest.approx(1.25, abs=5e-3)
    assert found.p == pytest.approx(stats.friedmanchisquare(*np.transpose(scores)).pvalue)
    assert found.groups == ((3, 1, 2, 0),)


def test_groups_are_the_maximal_runs_closer_than_the_critical_difference():
    scores = np.tile([3.0, 1.0, 2.0, 4.0, 5.0, 6.0], (12, 1))
    scores[::2, [0, 2]] = scores[::2, [2, 0]]
    found = own.critical_difference(scores, [False] * 12)
    assert isinstance(found, CriticalDifference)
    for i in range(6):
        for j in range(i):
            close = abs(found.ranks[i] - found.ranks[j]) < found.difference
            assert close == any({i, j} <= set(group) for group in found.groups)
    assert len(found.groups) > 1
    assert not any(set(a) < set(b) for a in found.groups for b in found.groups)


def test_direction_and_failures_enter_as_ranks():
    scores = np.array([[1.0, 2.0, INF], [-1.0, -2.0, -INF]] * 6)
    found = own.critical_difference(scores, [False, True] * 6)
    assert isinstance(found, CriticalDifference)
    assert found.ranks == (1.0, 2.0, 3.0)
    assert found.p < 0.001
    with pytest.raises(ValueError, match="on every dataset"):
        own.critical_difference([[1.0, np.nan, 2.0]], [True])


def test_without_a_friedman_difference_all_are_one_group():
    scores = [
        [5, 1, 3, 2, 6, 4],
        [2, 1, 5, 6, 4, 3],
        [1, 2, 3, 6, 5, 4],
        [4, 2, 3, 5, 6, 1],
        [3, 4, 5, 1, 6, 2],
    ]
    found = own.critical_difference(scores, [False] * 5)
    assert isinstance(found, CriticalDifference)
    # Nemenyi's test by itself would tell the outermost apart
    assert found.p > 0.05
    assert max(found.ranks) - min(found.ranks) > found.difference
    assert [sorted(group) for group in found.groups] == [list(range(6))]


def test_too_few_datasets_are_told_with_what_is_needed():
    rng = np.random.default_rng(0)
    reason = own.critical_difference(rng.normal(size=(2, 6)), [False] * 2)
    assert reason == "for 6 methods it needs at least 5 datasets, and this study has 2"
    assert isinstance(own.critical_difference(rng.normal(size=(4, 6)), [False] * 4), str)
    assert not isinstance(own.critical_difference(rng.normal(size=(5, 6)), [False] * 5), str)
    pair = own.critical_difference(rng.normal(size=(4, 2)), [False] * 4)
    assert "6 datasets for a sign test" in pair
    same = own.critical_difference(np.ones((5, 4)), [False] * 5)
    assert (same.p, same.groups) == (1.0, ((0, 1, 2, 3),))


# -- promises, on a small scale; python -m tests.baselines.intervals has them in full --


def error(share: float, times: int) -> float:
    """Three and a half standard errors: seeds are fixed, so that only a wrong rate fails."""
    return 3.5 * math.sqrt(share * (1 - share) / times)


def test_student_interval_covers_the_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1.0, 2.0, size=(1500, 5))
    found = [own.mean_interval(row) for row in draws]
    assert float(simulated.coverage(found, 1.0)) == pytest.approx(0.95, abs=error(0.95, 1500))


def test_bootstrap_undercovers_with_few_seeds_as_documented():
    draws = np.random.default_rng(0).normal(size=(400, 10))
    few = [own.bootstrap_interval(row[:3], own.mean, resamples=300) for row in draws]
    many = [own.bootstrap_interval(row, own.mean, resamples=300) for row in draws]
    assert float(simulated.coverage(few, 0.0)) == pytest.approx(0.74, abs=error(0.74, 400))
    assert float(simulated.coverage(many, 0.0)) == pytest.approx(0.90, abs=error(0.9, 400))


@pytest.mark.parametrize("kind", ["normal", "modes 0–8"])
@pytest.mark.parametrize("chance", [0.0, 0.2])
def test_simulated_ps_are_those_of_the_report(kind: str, chance: float):
    rng = np.random.default_rng(5)
    scores = simulated.fail(rng, simulated.draw(rng, kind, (40, 2, 4)), chance)
    first, second = scores[:, 0], scores[:, 1]
    single = [
        own.comparison_p(dict(enumerate(a)), dict(enumerate(b)), "paired")[0]
        for a, b in zip(first, second, strict=True)
    ]
    assert simulated.rule_ps(first, second) == pytest.approx(np.array(single, dtype=float))
    ps = rng.random((30, 5)) ** 3
    adjusted = [own.holm(row.tolist()) for row in ps]
    assert simulated.holm_rows(ps) == pytest.approx(np.array(adjusted, dtype=float))


def test_simulated_friedman_is_scipys():
    scores = np.random.default_rng(0).integers(0, 4, (20, 4, 6)).astype(float)
    expected = [stats.friedmanchisquare(*methods).pvalue for methods in scores]
    assert simulated.friedman_ps(scores) == pytest.approx(np.array(expected))


def test_rule_errs_no_more_than_it_says_with_and_without_failed_seeds():
    rng = np.random.default_rng(2)
    scores = simulated.draw(rng, "normal", (2000, 2, 5))
    failed = simulated.fail(rng, scores, 0.2)
    whole = np.mean(simulated.rule_ps(scores[:, 0], scores[:, 1]) < 0.05)
    broken = np.mean(simulated.rule_ps(failed[:, 0], failed[:, 1]) < 0.05)
    assert whole == pytest.approx(0.05, abs=error(0.05, 2000))
    assert broken < 0.05


def test_a_leader_chosen_from_the_data_inflates_errors_and_half_the_level_undoes_it():
    rng = np.random.default_rng(3)
    scores = simulated.draw(rng, "normal", (3000, 6, 5))
    _, found = simulated.verdicts(scores)
    anywhere = {rule: np.mean(told.any(axis=1)) for rule, told in found.items()}
    assert anywhere["Holm to leader"] == pytest.approx(0.085, abs=error(0.085, 3000))
    assert anywhere["the same at 0.025"] < 0.05 + error(0.05, 3000)
    assert anywhere["Holm, all pairs"] < 0.05
    # one given method of the best is lost no more often than a one-sided test would lose it
    assert np.mean(found["Holm to leader"][:, 0]) < 0.025 + error(0.025, 3000)


def test_seeds_to_settle_reach_the_power_they_were_asked_for():
    effect = 1.0
    needed = own.seeds_to_settle(np.array([-1.0, 0.0, 1.0]) + effect, 0.05)
    draws = np.random.default_rng(4).normal(effect, 1, (3000, needed))
    power = np.mean(simulated.paired_ps(draws) < 0.05)
    fewer = np.mean(simulated.paired_ps(draws[:, :-1]) < 0.05)
    assert power > 0.8 - error(0.8, 3000) > fewer - 0.02
    assert fewer < power


def test_simulation_prints_its_tables(capsys: pytest.CaptureFixture[str]):
    simulated.main(scale=0.001)
    printed = capsys.readouterr().out
    assert [line[:6] for line in printed.splitlines() if line.startswith("###")] == [
        f"### {number}" for number in ("1.", "2a", "2b", "3.", "4.", "5.")
    ]
    assert "nan" not in printed


def test_simulated_welch_is_that_of_the_report():
    rng = np.random.default_rng(3)
    first, second = np.rint(rng.normal(7, 0.6, (60, 3))), np.rint(rng.normal(8, 0.4, (60, 3)))
    assert (np.ptp(second, axis=1) == 0).any()
    pairs = [(dict(enumerate(a)), dict(enumerate(b))) for a, b in zip(first, second, strict=True)]
    for comparison, found in (
        ("welch", pairing.welch_ps(first, second)),
        ("paired", pairing.student_ps(first - second)),
    ):
        single = [own.comparison_p(a, b, comparison)[0] for a, b in pairs]
        assert found == pytest.approx(np.array(single, dtype=float))
