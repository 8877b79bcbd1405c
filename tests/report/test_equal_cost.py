"""Methods at equal cost, and by the generator that is not ranked by."""

import pytest

from bench.report.analysis.deciding import all_pairs
from bench.report.analysis.findings import find
from bench.report.analysis.problems import problems
from bench.report.analysis.ranking import standings
from bench.report.topics.dataset.equal_cost import (
    at_cost,
    at_equal_cost,
    differ,
    equal_cost,
    other_iterate,
    spent,
)
from bench.report.topics.dataset.iterates import oscillation, other, ranked
from bench.report.topics.study.scored import scored

STUDY = """
methods: [non_saturating, wgan_gp]
seeds: 2
evaluations: 2
iterate: averaged
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    training: {batch_size: 16}
    updates: 100
"""
REST = {"modes_1": 8.0, "high_quality": 0.5, "reverse_kl": 1.0, "jsd": 0.5}


def scores(*values, last=()):
    """Evaluations at even updates up to 100, by the modes of both iterates."""
    points = [100 * place // (len(values) - 1) for place in range(len(values))]
    last = last or values
    return {
        at: {"modes_20": value, "modes_20_last": other, **REST}
        for at, value, other in zip(points, values, last, strict=True)
    }


@pytest.fixture
def made(make_study, train):
    """non_saturating is ahead at the end; wgan_gp has made a fifth of its generator updates."""

    def make(ends, study=STUDY):
        planned = []
        for cell in make_study(study).cells:
            one = train(cell, ends[cell.method.name])
            if cell.method.name == "wgan_gp":
                # five critic steps, and twice the gradients and seconds
                data = one.record.data
                for checkpoint in data["result"]["checkpoints"]:
                    checkpoint["generator_update"] //= 5
                data["result"]["cost"]["generator_updates"] = 20
                data["result"]["cost"]["gradient_evaluations"] = 400
                data["run"]["training_seconds"] = 6.0
            planned.append(one)
        (problem,) = problems(planned)
        return problem, standings(problem)

    return make


AHEAD = {"non_saturating": scores(0.0, 2.0, 6.0), "wgan_gp": scores(0.0, 3.0, 5.0)}


def test_what_a_checkpoint_cost_is_known_on_every_axis(made):
    problem, _ = made(AHEAD)
    (record,) = [r for r in problem.records() if r.cell.method.name == "wgan_gp"][:1]
    assert spent(record, "discriminator_updates") == [0, 50, 100]
    assert spent(record, "generator_updates") == [0, 10, 20]
    assert spent(record, "gradient_evaluations") == [0, 200, 400]
    assert spent(record, "training_seconds") == [0, 3, 6]


def test_methods_are_compared_where_the_cheapest_ends(made):
    problem, _ = made(AHEAD)
    assert differ(problem)
    whole = at_equal_cost(problem, "discriminator_updates")
    assert (whole.cost, whole.scores) == (100, {"non_saturating": 6.0, "wgan_gp": 5.0})
    # after 20 of its 100 generator updates non_saturating is two fifths of the way to 2
    generator = at_equal_cost(problem, "generator_updates")
    assert generator.cost == 20
    assert generator.scores == pytest.approx({"wgan_gp": 5.0, "non_saturating": 0.8})
    assert generator.leader == "wgan_gp"
    gradients = at_equal_cost(problem, "gradient_evaluations")
    assert gradients.scores == pytest.approx({"non_saturating": 6.0, "wgan_gp": 3.0})


def test_a_sentence_says_where_another_method_leads_at_equal_cost(made):
    problem, found = made(AHEAD)
    told = "at equal generator updates (20) wgan_gp leads, with 5.00."
    assert equal_cost(problem, found) == told
    same, found = made({**AHEAD, "wgan_gp": scores(0.0, 0.1, 0.2)})
    assert equal_cost(same, found) == (
        "non_saturating also leads at equal generator updates, gradient evaluations and seconds "
        "of training."
    )


def test_a_failed_seed_is_the_worst_at_any_cost(made):
    problem, _ = made(AHEAD)
    for cell in problem.by_method["non_saturating"]:
        cell.record.data["status"] = "diverged"
    assert at_equal_cost(problem, "gradient_evaluations") is None
    problem.by_method["non_saturating"][0].record.data["status"] = "ok"
    assert at_equal_cost(problem, "gradient_evaluations").scores["non_saturating"] == -float("inf")


def test_nothing_is_said_where_all_methods_pay_alike(make_study, train):
    cells = make_study(STUDY.replace("wgan_gp", "vanilla")).cells
    (problem,) = problems([train(cell, scores(0.0, 2.0, 6.0)) for cell in cells])
    assert not differ(problem)
    assert equal_cost(problem, standings(problem)) == ""


def test_the_other_iterate_is_told_and_whether_the_first_place_depends_on_it(made):
    ends = {
        "non_saturating": scores(0.0, 2.0, 6.0, last=(0.0, 1.0, 2.0)),
        "wgan_gp": scores(0.0, 3.0, 5.0, last=(0.0, 3.0, 4.0)),
    }
    problem, found = made(ends)
    assert ranked(problem) == "averaged"
    iterate, metric = other(problem)
    assert (iterate, metric.name) == ("last", "modes_20_last")
    assert other_iterate(problem, found) == (
        "Ranked by the moving average of the generator's weights. By the generator's last "
        "weights, wgan_gp has the best "
        "interquartile mean, 4.00: "
        "the first place is lost by non_saturating 2.00."
    )
    (cost, told, table) = at_cost(None, problem, found)
    assert cost.text.startswith("At equal generator updates")
    assert "is lost by" in told.text
    assert [row[0].text for row in table.rows] == ["non_saturating", "wgan_gp"]


def test_the_first_screen_says_whose_weights_are_scored(make_study, train):
    def told(text: str, ends) -> str:
        study = make_study(text)
        return scored(find(study, [train(c, ends[c.method.name]) for c in study.cells], []))

    ends = AHEAD | {"non_saturating": scores(0.0, 2.0, 6.0, last=(0.0, 1.0, 2.0))}
    assert told(STUDY, ends) == (
        "the moving average of the generator's weights. With the generator's last weights the "
        "first of each dataset would score: non_saturating 2.00 on ring8."
    )
    assert told(STUDY.replace("iterate: averaged\n", ""), AHEAD) == ""


def test_the_other_iterate_is_judged_as_the_ranking_is(make_study, train):
    """One odd seed and one failed one do not decide, as they would in means of finished seeds."""
    ends = {"non_saturating": (4.0, 4.0, 4.0, None), "wgan_gp": (3.0, 3.0, 3.0, 9.0)}
    planned = []
    for cell in make_study(STUDY.replace("seeds: 2", "seeds: 4")).cells:
        end = ends[cell.method.name][cell.seed]
        last = (0.0, 1.0, end or 1.0)
        status = "diverged" if end is None else "ok"
        planned.append(train(cell, scores(0.0, 2.0, 6.0, last=last), status=status))
    (problem,) = problems(planned)
    assert other_iterate(problem, standings(problem)) == (
        "Ranked by the moving average of the generator's weights. By the generator's last "
        "weights, non_saturating has the best "
        "interquartile mean, 4.00: the first place is lost by wgan_gp 3.00."
    )


def test_oscillation_is_the_pooled_spread_of_the_last_iterates_in_the_final_tenth(
    make_study, train
):
    values = {0: 0.0, 50: 7.0, 90: 2.0, 95: 4.0, 100: 6.0}
    ends = {at: {"modes_20": 8.0, "modes_20_last": v, **REST} for at, v in values.items()}
    flat = {at: {"modes_20": 8.0, "modes_20_last": 3.0, **REST} for at in values}
    cells = make_study(STUDY).cells
    (problem,) = problems([train(c, ends if c.seed == 0 else flat) for c in cells])
    # variances 4 and 0
    for planned in problem.by_method.values():
        assert oscillation(problem, planned) == pytest.approx(2**0.5)
    few = [train(cell, scores(0.0, 2.0, 6.0)) for cell in cells]
    assert oscillation(problems(few)[0], few) is None


def test_of_a_study_that_ranks_by_the_last_iterate_it_is_the_same_numbers(make_study, train):
    text = STUDY.replace("iterate: averaged\n", "")
    ends = {
        at: {"modes_20": v, "modes_20_averaged": 8.0, **REST}
        for at, v in {0: 0.0, 95: 4.0, 100: 6.0}.items()
    }
    planned = [train(cell, ends) for cell in make_study(text).cells]
    (problem,) = problems(planned)
    assert (ranked(problem), other(problem)[0]) == ("last", "averaged")
    assert oscillation(problem, planned) == pytest.approx(2**0.5)


def test_a_pair_is_told_with_the_seeds_that_both_methods_have(make_study, train):
    study = make_study(STUDY.replace("seeds: 2", "seeds: 4"))
    kept = [c for c in study.cells if c.method.name == "wgan_gp" or c.seed < 3]
    (problem,) = problems([train(cell, AHEAD[cell.method.name]) for cell in kept])
    # seeds that agree in all numbers say nothing of chance: one is another
    problem.planned[0].record.measurements[0].values[100]["modes_20"] = 7.0
    (found,) = all_pairs(study, problem).results
    assert (found.look, found.seeds) == (1, 3)
