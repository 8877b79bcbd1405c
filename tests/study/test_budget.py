"""Budgets that count something else than discriminator updates."""

import pytest

from bench.errors import BenchError
from bench.execution.plan import plan
from bench.records.store import Store
from bench.registry import make_architecture, make_dataset, make_method
from bench.report.analysis.problems import problems
from bench.study import load_study
from bench.study.budget import of_a_round
from bench.training.configuration import TrainingConfiguration

STUDY = """
methods: [non_saturating, extragradient, wgan_gp, {{unrolled: {{steps: 2}}}}]
seeds: 1
experiments:
  - dataset: mnist5k
    architecture: {{dcgan: {{generator_widths: [4, 4, 4], discriminator_widths: [4, 4, 4],
      discriminator_batch_norm: false}}}}
    training: {{batch_size: 4}}
    {budget}
"""


@pytest.fixture
def cells(tmp_path):
    def make(budget):
        file = tmp_path / "own.yaml"
        file.write_text(STUDY.format(budget=budget))
        return {cell.method.name: cell for cell in load_study(str(file)).cells}

    return make


def test_what_a_round_spends_is_what_its_paper_says():
    pair, data = make_architecture("dirac"), make_dataset("dirac")
    training = TrainingConfiguration(batch_size=2)

    def spent(name, **hyperparameters):
        return [*of_a_round(make_method(name, hyperparameters), data, pair, training).values()]

    # discriminator updates, generator updates, gradients
    assert spent("non_saturating") == [1, 1, 2]
    # five critic steps, whose penalty takes a gradient more each
    assert spent("wgan_gp", critic_steps=5)[:2] == [5, 1]
    # the look ahead counts as an update, and both players step again
    assert spent("extragradient") == [2, 2, 4]


def test_every_method_gets_the_updates_that_the_budget_allows_it(cells):
    found = cells("budget: {gradient_evaluations: 1000}")
    assert found["non_saturating"].updates == 500
    assert found["extragradient"].updates == 500
    data, pair = make_dataset("mnist5k"), make_architecture("dcgan", {
        "generator_widths": [4, 4, 4], "discriminator_widths": [4, 4, 4],
        "discriminator_batch_norm": False})  # fmt: skip
    for cell in found.values():
        method = make_method(cell.method.name, cell.method.hyperparameters)
        one = of_a_round(method, data, pair, cell.training)
        rounds = cell.updates / one["discriminator_updates"]
        spent = rounds * one["gradient_evaluations"]
        assert rounds == int(rounds)
        assert 1000 - one["gradient_evaluations"] < spent <= 1000


def test_generator_updates_are_equal_where_they_are_counted(cells):
    found = cells("budget: {generator_updates: 10}")
    assert {name: cell.updates for name, cell in found.items()}["wgan_gp"] == 50
    assert found["non_saturating"].updates == 10


def test_methods_of_different_updates_are_one_problem(cells, tmp_path):
    found = [*cells("budget: {gradient_evaluations: 1000}").values()]
    (problem,) = problems(plan(found, Store(tmp_path)))
    assert len({cell.updates for cell in found}) > 1
    assert problem.updates == 500


def test_a_budget_of_discriminator_updates_is_the_same_cell_as_updates(cells):
    one, other = cells("updates: 50"), cells("budget: {discriminator_updates: 50}")
    assert {c.key for c in one.values()} == {c.key for c in other.values()}


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ("budget: {gradient_evaluations: 3}", "less than the 7 of one round of wgan_gp|of one"),
        ("budget: {seconds: 3}", "budget"),
        ("budget: {generator_updates: 0}", "greater than 0"),
        ("budget: {}", "at least 1"),
        ("budget: {generator_updates: 1, gradient_evaluations: 2}", "at most 1"),
        ("updates: 5\n    budget: {generator_updates: 1}", "give its budget once"),
    ],
)
def test_what_is_no_budget_is_told_in_a_line(cells, budget, told):
    with pytest.raises(BenchError, match=told) as error:
        cells(budget)
    assert "\n" not in str(error.value)
