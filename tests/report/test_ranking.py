"""Where methods stand: failures, ties, baselines, and rules that could have been others."""

import math

import pytest

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.report.analysis.findings import find
from bench.report.analysis.problems import problems
from bench.report.analysis.ranking import standings
from bench.report.analysis.sensitivity import orders, stability_orders
from bench.report.statistics import holm

FIVE = """
methods: [label_smoothing, non_saturating, wgan_gp]
seeds: 5
evaluations: 2
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 100
"""
FAILED = None


@pytest.fixture
def ranked_from(make_study, train, modes):
    """Standings from the last values of each method's seeds; ``FAILED`` for a seed that diverged.

    A pair of values is the best and the last.
    """

    def make(baseline="", **ends):
        study = make_study(FIVE)
        planned = []
        for cell in study.cells:
            if cell.method.name not in ends:
                continue
            end = ends[cell.method.name][cell.seed]
            if end is FAILED:
                planned.append(train(cell, modes(0, 8), status="diverged", reason="not finite"))
            else:
                planned.append(train(cell, modes(0, *(end if isinstance(end, tuple) else (end,)))))
        (problem,) = problems(planned)
        return problem, standings(problem, baseline)

    return make


def test_one_failure_of_five_is_trimmed_and_two_rank_below_all_that_finish(ranked_from):
    _, ranked = ranked_from(
        non_saturating=[FAILED, 7, 7, 7, 7],
        wgan_gp=[FAILED, FAILED, 8, 8, 8],
        label_smoothing=[1, 1, 1, 1, 1],
    )
    assert [(s.method, s.rank) for s in ranked] == [
        ("non_saturating", 1), ("label_smoothing", 2), ("wgan_gp", 3),
    ]  # fmt: skip
    assert (ranked[0].centre.value, ranked[0].failed) == (7, 1)
    assert ranked[2].centre.value == -math.inf
    assert not ranked[2].holds
    assert ranked[2].last["modes_20"].value == 8


def test_of_methods_without_a_centre_the_one_that_failed_less_comes_first(ranked_from):
    _, ranked = ranked_from(
        non_saturating=[FAILED, FAILED, FAILED, FAILED, 8],
        wgan_gp=[FAILED, FAILED, 1, 1, 1],
    )
    assert [s.method for s in ranked] == ["wgan_gp", "non_saturating"]


def test_failed_seeds_lose_every_pair_and_bring_the_rank_test(ranked_from):
    _, ranked = ranked_from(
        non_saturating=[6, 6, 7, 7, 8], wgan_gp=[FAILED, FAILED, FAILED, 6.5, 7]
    )
    found = ranked[1].to_best
    assert found.test == "rank"
    # 3 failed seeds lose 15 of 25 pairs; 6.5 beats two of five, 7 beats two and ties with two
    assert found.improvement.value == pytest.approx((2 + 2 + 2 / 2) / 25)
    # means over the survivors alone would put wgan_gp near
    assert ranked[1].last["modes_20"].value == pytest.approx(6.75)


def test_p_is_corrected_for_the_number_of_methods(ranked_from):
    _, ranked = ranked_from(
        non_saturating=[6.1, 6.0, 6.4, 6.3, 6.5],
        wgan_gp=[5.1, 5.3, 5.0, 5.4, 5.2],
        label_smoothing=[6.0, 6.1, 6.2, 6.3, 6.4],
    )
    rest = [s.to_best for s in ranked if s.to_best]
    assert [c.adjusted for c in rest] == pytest.approx(holm([c.p for c in rest]))
    assert {s.method: s.against_best for s in ranked} == {
        "non_saturating": "best", "label_smoothing": "tied", "wgan_gp": "behind",
    }  # fmt: skip


def test_a_baseline_has_contrasts_of_its_own(ranked_from):
    _, ranked = ranked_from(
        "wgan_gp",
        non_saturating=[6.1, 6.0, 6.3, 6.2, 6.5],
        wgan_gp=[5.1, 5.3, 5.0, 5.4, 5.2],
        label_smoothing=[4.0, 4.1, 4.2, 4.3, 4.4],
    )
    by_name = {s.method: s.to_baseline for s in ranked}
    assert by_name["wgan_gp"] is None
    assert by_name["non_saturating"].outcome == "ahead"
    assert by_name["label_smoothing"].outcome == "behind"
    assert {c.other for c in by_name.values() if c} == {"wgan_gp"}


def test_an_unknown_baseline_is_one_clear_line(two_methods):
    with pytest.raises(BenchError, match=r"--baseline 'nobody'.*non_saturating, wgan_gp"):
        find(*two_methods, [], "nobody")


def test_cells_that_were_never_trained_do_not_count_as_failed(make_study, train, modes):
    planned = [
        train(cell, modes(0, 5)) if cell.seed < 2 else Planned(cell, "missing", "never trained")
        for cell in make_study().cells
    ]
    (problem,) = problems(planned)
    for standing in standings(problem):
        assert (standing.failed, standing.trained, standing.planned) == (0, 2, 3)
        assert standing.centre.value == 5


def test_orders_differ_with_the_rule_where_the_values_say_so(ranked_from):
    problem, ranked = ranked_from(
        # the mean is led by one lucky seed, the interquartile mean and the median are not
        non_saturating=[1, 1, 1, 1, 8],
        wgan_gp=[2, 2, 2, 2, 2],
        # and best checkpoints tell another story than last ones
        label_smoothing=[(8, 0), (8, 0), (8, 0), (8, 0), (8, 0)],
    )
    found = {order.rule: order for order in orders(problem)}
    last = found["last evaluation, interquartile mean"]
    assert last.places == {"wgan_gp": 1, "non_saturating": 2, "label_smoothing": 3}
    assert last.places == {s.method: s.rank for s in ranked}
    assert last.agreement == pytest.approx(1)
    assert found["last evaluation, mean"].places["non_saturating"] == 1
    assert found["last evaluation, median"].places["wgan_gp"] == 1
    best = found["best evaluation, interquartile mean"]
    assert best.places == {"label_smoothing": 1, "wgan_gp": 2, "non_saturating": 3}
    assert best.agreement == pytest.approx(-1 / 3)


def test_explosions_are_counted_under_every_threshold(two_methods):
    (problem,) = problems(two_methods[1])
    found = stability_orders(problem)
    assert found[0].rule == "as defined"
    assert len(found) > 3
    # constant norms never explode, so that all share the first place and nothing can disagree
    assert all(set(order.places.values()) == {1} for order in found)
    assert all(order.agreement is None for order in found)
