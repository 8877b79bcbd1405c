"""Variants that an experiment is varied over: names, grids, what they change, what is refused."""

import dataclasses

import pytest
import yaml

from bench.errors import BenchError
from bench.records.cell import Cell
from bench.study import Selection, load_study
from bench.study.selection import parse

RING = {
    "dataset": {"ring8": {"sigma": 0.02}},
    "architecture": {"mlp": {"latent": 2, "discriminator_widths": [64, 64]}},
    "training": {"learning_rate": 0.001, "batch_size": 32, "decay": "linear"},
    "updates": 100,
}


@pytest.fixture
def study(tmp_path):
    """The cells of an experiment on ring8 with these variants."""

    def load(vary=None, *more, selection=None, **keys) -> list[Cell]:
        varied = {} if vary is None else {"vary": vary}
        file = tmp_path / "mine.yaml"
        content = {"methods": ["vanilla"], "seeds": 1, "experiments": [RING | varied | keys, *more]}
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return load_study(str(file), selection or Selection()).cells

    return load


def names(cells: list[Cell]) -> list[str]:
    return [cell.variation.name for cell in cells if cell.variation is not None]


def test_sngans_variants_are_those_of_its_table_and_keep_the_rest(study):
    cells = study(["A", "B", "C", "D", "E", "F"])
    assert names(cells) == list("ABCDEF")
    found = [(s.learning_rate, *s.betas, s.critic_steps) for s in (cell.training for cell in cells)]
    assert found == [
        (1e-4, 0.5, 0.9, 5),
        (1e-4, 0.5, 0.999, 1),
        (2e-4, 0.5, 0.999, 1),
        (1e-3, 0.5, 0.9, 5),
        (1e-3, 0.5, 0.999, 5),
        (1e-3, 0.9, 0.999, 5),
    ]
    assert {(s.batch_size, s.decay) for s in (cell.training for cell in cells)} == {(32, "linear")}


def test_a_variant_of_ones_own_is_laid_over_the_experiments(study):
    own, small, noisy, large = study(
        [
            {"own": {}},
            {"small": {"architecture": {"discriminator_widths": [16]}}},
            {"noisy": {"dataset": {"noise": 0.1}, "learning_rate": 0.01}},
            {"large": {"batch_size": 256}},
        ]
    )
    (plain,) = study()
    assert own.key == plain.key
    assert small.architecture.hyperparameters == {
        **own.architecture.hyperparameters, "discriminator_widths": (16,)
    }  # fmt: skip
    assert small.training == own.training
    assert noisy.dataset.hyperparameters == {**own.dataset.hyperparameters, "noise": 0.1}
    assert noisy.training.learning_rate == 0.01
    assert noisy.training.batch_size == 32
    assert dataclasses.replace(own.training, batch_size=256) == large.training


def test_a_grid_is_every_combination_named_by_its_values(study):
    cells = study([{"grid": {"learning_rate": [1e-4, 0.001], "betas": [[0, 0.9], [0.9, 0.999]]}}])
    assert names(cells) == [
        "learning_rate 0.0001 betas 0/0.9",
        "learning_rate 0.0001 betas 0.9/0.999",
        "learning_rate 0.001 betas 0/0.9",
        "learning_rate 0.001 betas 0.9/0.999",
    ]
    found = {(s.learning_rate, s.betas) for s in (c.training for c in cells)}
    assert found == {(rate, betas) for rate in (1e-4, 1e-3) for betas in ((0, 0.9), (0.9, 0.999))}


def test_names_targets_and_groups_are_no_part_of_a_key(study):
    (named,) = study([{"one": {"batch_size": 64}}])
    (otherwise,) = study([{"other": {"batch_size": 64}}], target=3)
    (plain,) = study(training={**RING["training"], "batch_size": 64})
    assert named.key == otherwise.key == plain.key
    assert named.group == plain.group
    assert plain.variation is None
    assert str(named) == "vanilla on ring8(sigma=0.02), one, seed 0"
    assert named.variation.changes == "batch_size 64"


def test_variants_of_one_experiment_share_a_group_and_a_target(study):
    other = {**RING, "updates": 50, "vary": ["A", "B"], "target": 6}
    cells = study(["A", "B"], other)
    groups = [cell.variation.group for cell in cells]
    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert [cell.variation.target for cell in cells] == [7.5, 7.5, 6, 6]
    assert [cell.variation.dataset for cell in cells] == ["ring8(sigma=0.02)"] * 4


def test_a_dataset_without_a_target_must_be_given_one(study):
    digits = {"dataset": "mnist5k", "architecture": "dcgan", "updates": 10, "vary": ["A"]}
    with pytest.raises(BenchError, match=r"LeNet FD \(lenet_fd\) at which a method works, as targ"):
        study(None, digits)
    assert study(None, {**digits, "target": 40})[-1].variation.target == 40


def test_selected_variants_are_the_only_ones(study):
    fixed = {**RING, "updates": 50}
    variants = ["A", "D", {"own": {}}]
    assert names(study(variants, fixed, selection=Selection(variants=("own", "A")))) == ["A", "own"]
    assert parse("", "", "", [], "A, own").variants == ("A", "own")
    with pytest.raises(BenchError, match=r"no variant 'E'.*own"):
        study(variants, selection=Selection(variants=("E",)))
    with pytest.raises(BenchError, match="no variant 'A'; it varies none"):
        study(selection=Selection(variants=("A",)))


def test_an_override_holds_in_every_variant(study):
    cells = study(
        [{"own": {}}, {"noisy": {"dataset": {"noise": 0.1}}}],
        selection=Selection(overrides=(("ring8", "radius", 2.0),)),
    )
    assert [cell.dataset.hyperparameters["radius"] for cell in cells] == [2.0, 2.0]
    assert [cell.dataset.hyperparameters["noise"] for cell in cells] == [0.0, 0.1]


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ([], "'experiments.0.vary' is []"),
        (["G"], "unknown variant 'G'"),
        ([{"A": {}}], "'A' is one of SNGAN's"),
        (["A", "A"], "two variants are called 'A'"),
        ([{"own": {}}, {"own": {"batch_size": 64}}], "two variants are called 'own'"),
        ([{"own": {}}, {"as before": {"batch_size": 32}}],
         "variants 'own' and 'as before' are the same on ring8(sigma=0.02)"),
        ([{"a,b": {}}], "cannot be called 'a,b'"),
        ([{" ": {}}], "cannot be called ' '"),
        ([{"fast": {"learning_rat": 1}}], "did you mean 'learning_rate'?"),
        ([{"fast": {"learning_rate": -1}}], "variant 'fast': 'learning_rate' is -1"),
        ([{"odd": {"betas": [0, 1]}}], "'betas.1' is 1: input should be less than 1"),
        ([{"odd": {"architecture": "dcgan"}}], "architecture is 'dcgan'; give what changes"),
        ([{"odd": {"architecture": {"widths": [1]}}}], "'mlp' has no hyperparameter 'widths'"),
        ([{"odd": {"dataset": {"noise": -1}}}], "noise is -1; give a number from 0"),
        ([{"odd": None}], "vary.0"),
        ([{"grid": {}}], "the grid is empty"),
        ([{"grid": {"learning_rate": 0.1}}], "'learning_rate' is 0.1: give a list"),
        ([{"grid": {"widths": [1]}}], "variant 'grid': unknown key 'widths'"),
        ([{"grid": {"learning_rate": [0.1, 0.1]}}], "two variants are called"),
    ],
    ids=str,
)  # fmt: skip
def test_what_variants_get_wrong_is_told_in_one_line(study, vary, message):
    with pytest.raises(BenchError) as told:
        study(vary)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_target_is_of_no_use_without_variants(study):
    with pytest.raises(BenchError, match="give vary, too"):
        study(target=3)


def test_the_same_name_twice_in_experiments_that_share_a_base_is_told(study):
    other = {**RING, "vary": [{"fast": {"learning_rate": 0.02}}]}
    with pytest.raises(BenchError, match="two variants are called 'fast'"):
        study([{"fast": {"learning_rate": 0.01}}], other)
