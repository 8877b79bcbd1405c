"""Spreads over evaluation samples drawn anew: measured from stored networks, and stated."""

import numpy as np
import pytest
import torch
from measured import in_words

from bench.errors import BenchError
from bench.measuring.runs import latents_of_draw
from bench.metric import Reason
from bench.registry import make_dataset, make_metric
from bench.report.analysis.findings import find
from bench.stored import load_run
from bench.taken import OfIterate, Redrawn
from bench.training.streams import latents_of


class Made:
    """An evaluation whose redraws have the samples that are given."""

    def __init__(self, *draws):
        self.dataset = make_dataset("ring8")
        self.draws = draws

    def redrawn(self, draws):
        assert draws == len(self.draws)
        for samples in self.draws:
            made = Made()
            made.samples = samples
            yield made


def test_draws_are_streams_of_their_own_and_begin_alike():
    assert torch.equal(latents_of_draw(3, 0, 100, 2), latents_of(3, 100, 2))
    drawn = [latents_of_draw(seed, draw, 100, 2) for seed in (3, 4) for draw in range(3)]
    assert len({tuple(each.flatten().tolist()) for each in drawn}) == 6
    assert torch.equal(latents_of_draw(3, 2, 70, 2), drawn[2][:70])


def test_the_spread_is_that_of_the_draws():
    centres = make_dataset("ring8").centres()
    few, all_modes = centres[:6].repeat(30, 1), centres.repeat(30, 1)
    metric = make_metric("modes", {"redraws": 3})
    found = metric.measure(Made(few, all_modes, few))
    assert found["modes_20_redrawn"] == pytest.approx(np.std([6, 8, 6], ddof=1))
    assert found["modes_1_redrawn"] == found["modes_20_redrawn"]
    far = torch.full((30, 2), 9.0)
    found = metric.measure(Made(few, far, few))
    assert isinstance(found["reverse_kl_redrawn"], Reason)
    assert found["high_quality_redrawn"] > 0.5
    assert metric.floor(None) == {}


def test_it_is_made_again_from_what_cells_say_of_it():
    metric = make_metric("modes", {"redraws": 4, "iterate": "last"})
    assert isinstance(metric, Redrawn)
    assert isinstance(metric.taken, OfIterate)
    assert make_metric(metric.name, metric.hyperparameters()) == metric
    assert (metric.called, metric.of, metric.times) == ("modes_last_redrawn", "last", "last")
    names = [quantity.name for quantity in metric.quantities(make_dataset("ring8"))]
    assert names[0] == "modes_20_last_redrawn"


@pytest.mark.parametrize(
    ("name", "redraws", "told"),
    [("modes", 1, "give 2 to 1000"), ("gradients", 5, "no samples"), ("dirac", 5, "no samples")],
)
def test_what_has_no_spread_over_samples_is_refused(name, redraws, told):
    with pytest.raises(BenchError, match=told):
        make_metric(name, {"redraws": redraws})


def test_a_study_asks_for_it_and_its_report_states_both_parts(bench):
    with pytest.raises(BenchError, match="at least 2 draws"):
        bench.study("redraws: 1")
    trained, measured = bench.work(study := bench.study("redraws: 3"))
    assert (trained, measured) == (0, {"modes_redrawn"})
    bench.run(study, train=False)
    planned = bench.plan(study)
    for each in planned:
        last = each.record.evaluations[-1]
        run = load_run(bench.results, each.cell.key)
        architecture = each.cell.architecture
        latents = [
            latents_of_draw(each.cell.seed, draw, 200, architecture.hyperparameters["latent"])
            for draw in (1, 2, 3)
        ]
        generator = run.generator()
        metric = make_metric("modes")
        scores = []
        for own in latents:
            made = Made()
            made.samples = generator(own).detach()
            scores.append(metric.measure(made)["high_quality"])
        assert last["high_quality_redrawn"] == pytest.approx(np.std(scores, ddof=1))
    found = find(study, planned, [])
    told = in_words(found)
    assert "| from training seeds | from drawing samples |" in told
    assert bench.work(study) == (0, set())
