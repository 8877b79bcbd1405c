"""Hyperparameters published for a kind of data: applied, told, and overruled."""

import pytest

from bench.registry import find, make_method
from bench.report import write_report
from bench.study import load_study
from bench.study.selection import parse
from tests.report.handmade import ring_modes, store_in, trainer

STUDY = """
description: Two methods on two kinds of data.
methods: [non_saturating, {method}]
{extra}
seeds: 2
evaluations: 1
experiments:
  - dataset: ring8
    architecture: mlp
    updates: 100
  - dataset: digits8
    architecture: {{mlp: {{latent: 4}}}}
    updates: 100
"""


@pytest.fixture
def study(tmp_path):
    def make(extra="hyperparameters: published", method="wgan_gp", sets=()):
        file = tmp_path / "kinds.yaml"
        file.write_text(STUDY.format(extra=extra, method=method), encoding="utf-8")
        return load_study(str(file), parse("", "", "", list(sets)))

    return make


def weights(study):
    found = {}
    for cell in study.cells:
        part = cell.method
        if "wgan_gp" in part.name:
            own = {k: v for k, v in part.hyperparameters.items() if k.endswith("penalty_weight")}
            found[cell.dataset.name] = (*own.values(), part.label)
    return found


def test_points_get_what_was_published_for_points_and_images_the_default(study):
    assert weights(study()) == {"ring8": (0.1, "wgan_gp"), "digits8": (10.0, "wgan_gp")}


def test_without_the_word_all_get_the_default(study):
    assert weights(study(extra="")) == {"ring8": (10.0, "wgan_gp"), "digits8": (10.0, "wgan_gp")}


@pytest.mark.parametrize(
    ("method", "sets"),
    [("{wgan_gp: {penalty_weight: 1.0}}", ()), ("wgan_gp", ["wgan_gp.penalty_weight=1.0"])],
)
def test_what_is_set_holds_and_is_told(study, method, sets):
    found = weights(study(method=method, sets=sets))
    assert found == dict.fromkeys(("ring8", "digits8"), (1.0, "wgan_gp(penalty_weight=1.0)"))


def test_a_part_of_a_combination_gets_its_own(study):
    found = weights(study(method="spectral_norm+wgan_gp"))
    assert found["ring8"] == (0.1, "spectral_norm+wgan_gp")


def test_published_values_are_hyperparameters_other_than_the_defaults():
    stated = [
        (n, own) for n, kind in find("method").parts.items() for own in kind.published.values()
    ]
    assert stated
    for name, own in stated:
        default = make_method(name).hyperparameters()
        assert all(default[key] != value for key, value in own.items())
        make_method(name, own)


def test_the_report_says_which_were_used(study, tmp_path):
    chosen, store = study(), store_in(tmp_path)
    train = trainer(store)
    planned = [
        train(cell, ring_modes(0, 5)) for cell in chosen.cells if cell.dataset.name == "ring8"
    ]
    told = write_report(chosen, planned, store.results).read_text(encoding="utf-8")
    said = "<b>Hyperparameters published for such data</b>: wgan_gp (penalty_weight 0.1)"
    assert said in told
