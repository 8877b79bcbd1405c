"""Where methods stand: failures, ties, baselines, and rules that could have been others."""

import math

import pytest
from measured import in_words

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.report import write_report
from bench.report.analysis.findings import find
from bench.report.analysis.problems import problems
from bench.report.analysis.ranking import standings
from bench.report.statistics import comparison_p, holm, mean_difference
from bench.report.topics.dataset.sensitivity import orders
from bench.report.topics.study.verdict import headline

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


def test_an_unknown_baseline_is_one_clear_line_and_leaves_nothing(two_methods, tmp_path):
    with pytest.raises(BenchError, match=r"--baseline 'nobody'.*non_saturating, wgan_gp"):
        write_report(*two_methods, tmp_path / "none", baseline="nobody")
    assert not (tmp_path / "none").exists()


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
    first, *rest = orders(problem, ranked)
    found = {order.rule: order for order in rest}
    last = first
    assert last.places == {"wgan_gp": 1, "non_saturating": 2, "label_smoothing": 3}
    assert last.places == {s.method: s.rank for s in ranked}
    assert last.agreement == pytest.approx(1)
    assert found["last evaluation, mean"].places["non_saturating"] == 1
    assert found["last evaluation, median"].places["wgan_gp"] == 1
    best = found["best evaluation, interquartile mean"]
    assert best.places == {"label_smoothing": 1, "wgan_gp": 2, "non_saturating": 3}
    assert best.agreement == pytest.approx(-1 / 3)


def test_seeds_that_are_copies_say_nothing_of_chance(make_study, train, modes):
    ends = {"label_smoothing": 3.0, "non_saturating": 7.0, "wgan_gp": 5.0}
    planned = [train(cell, modes(0, ends[cell.method.name])) for cell in make_study(FIVE).cells]
    (problem,) = problems(planned)
    assert problem.copies
    ranked = standings(problem)
    assert [(s.method, s.against_best) for s in ranked] == [
        ("non_saturating", "best"), ("wgan_gp", "unsure"), ("label_smoothing", "unsure"),
    ]  # fmt: skip
    assert ranked[1].to_best.difference.value == -2
    assert ranked[1].to_best.p is None
    assert "seeds are copies here, so no test applies" in headline(problem, ranked)


def test_a_method_that_learnt_nothing_is_not_the_best(make_study, train, modes):
    planned = [train(cell, modes(3, 2 + 0.1 * cell.seed)) for cell in make_study(FIVE).cells]
    (problem,) = problems(planned)
    ranked = standings(problem)
    assert {s.against_best for s in ranked} == {"unsure"}
    assert "No method beats an untrained generator" in headline(problem, ranked)


def test_the_start_is_nobodys_best(make_study, train, modes):
    planned = [train(cell, modes(8, 2, 1)) for cell in make_study(FIVE).cells]
    (problem,) = problems(planned)
    assert problem.best_evaluation(planned[0].record.evaluations) == 1
    assert standings(problem)[0].best["modes_20"].value == 2


def test_where_every_seed_failed_nobody_is_compared_with_the_best(make_study, train):
    planned = [train(cell, None, "crashed", "it broke") for cell in make_study(FIVE).cells]
    (problem,) = problems(planned)
    assert all(s.to_best is None for s in standings(problem))


def test_survivors_do_not_say_how_many_seeds_would_settle_it(ranked_from):
    _, ranked = ranked_from(
        non_saturating=[8.0, 8.1, 8.2, 8.3, 8.4], wgan_gp=[7.0, 7.1, 7.3, FAILED, FAILED]
    )
    assert ranked[1].to_best.seeds_needed is None


@pytest.mark.parametrize(
    ("line", "test", "words"),
    [("", "Welch", "Welch's t test"), ("comparison: paired", "paired t", "the paired t test")],
)
def test_the_test_is_the_one_that_the_study_states(make_study, train, modes, line, test, words):
    study = make_study(f"{line}\n{FIVE}")
    ends = {"non_saturating": (5, 6, 7, 8, 6), "wgan_gp": (4, 6, 6, 8, 5)}
    planned = [
        train(c, modes(0, ends[c.method.name][c.seed]))
        for c in study.cells
        if c.method.name in ends
    ]
    found = find(study, planned, [])
    (ranked,) = found.standings
    to_best = ranked[1].to_best
    assert to_best is not None
    assert to_best.test == test
    assert to_best.p == comparison_p(ranked[1].scores, ranked[0].scores, study.comparison)[0]
    assert to_best.difference == mean_difference(
        ranked[1].scores, ranked[0].scores, study.comparison
    )
    told = in_words(found)
    assert f"the study states {words}" in told
