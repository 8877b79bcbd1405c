"""Trials: as many for all, the same ones whatever happened, and none twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import BenchError
from bench.measuring.keys import Keys
from bench.tuning import search as searching
from bench.tuning.space import LEARNING_RATE


def plain(tuning):
    """All that a tuning found."""
    return [(each.search.method, each.trials, each.best) for each in tuning.tuned]


def test_every_method_gets_as_many_trials_and_the_first_is_the_studys_own(tune, trainer):
    done = tune(5)
    assert [each.search.method for each in done.tuned] == [
        "non_saturating", "wgan_gp", "label_smoothing",
    ]  # fmt: skip
    for each in done.tuned:
        assert [trial.number for trial in each.trials] == [0, 1, 2, 3, 4]
        assert each.trials[0].values[LEARNING_RATE] == 0.1
        assert {trial.state for trial in each.trials} == {"ok"}
        assert {tuple(trial.scores) for trial in each.trials} == {(1000, 1001)}
        assert {p.cell.seed for p in (*each.default, *each.tuned)} == {0, 1, 2, 3}
    judging = [cell for cell in trainer.trained if cell.seed >= 1000]
    assert len(judging) == 3 * 5 * 2
    assert len({cell.key for cell in trainer.trained}) == len(trainer.trained)


def test_the_best_is_the_best_by_tuning_seeds_and_runs_on_the_studys(tune):
    for each in tune(6).tuned:
        scores = [trial.score for trial in each.trials]
        assert each.best.score == min(scores) < scores[0]
        rates = {p.cell.training.learning_rate for p in each.tuned}
        assert rates == {each.best.values[LEARNING_RATE]}
        assert each.best.score == pytest.approx(sum(each.best.scores.values()) / 2)


def test_the_same_trials_every_time_and_more_of_them_add_to_those_there_are(tune, trainer):
    first = tune(2)
    trained = len(trainer.trained)
    assert plain(tune(2)) == plain(first)
    assert len(trainer.trained) == trained
    more = tune(4)
    for few, many in zip(first.tuned, more.tuned, strict=True):
        assert many.trials[:2] == few.trials
    assert plain(tune(4, results="elsewhere")) == plain(more)
    assert plain(tune(2)) == plain(first)


@pytest.mark.parametrize("stop_after", [1, 11])
def test_an_interrupted_tuning_goes_on_to_the_same_end(tune, trainer, stop_after):
    whole = plain(tune(3, results="elsewhere"))
    trainer.records.clear()
    trainer.trained.clear()
    trainer.stop_after = stop_after
    with pytest.raises(KeyboardInterrupt):
        tune(3)
    trainer.stop_after = None
    assert plain(tune(3)) == whole
    assert len({cell.key for cell in trainer.trained}) == len(trainer.trained)


def test_a_trial_that_diverged_counts_and_has_no_score(tune, trainer):
    trainer.fails = lambda cell: (
        "diverged" if cell.training.learning_rate > 0.1 and cell.seed == 1001 else ""
    )
    done = tune(6)
    for each in done.tuned:
        failed = [trial for trial in each.trials if trial.state == "failed"]
        assert failed
        assert all(trial.values[LEARNING_RATE] > 0.1 for trial in failed)
        assert all(trial.score is None and trial.scores[1001] is None for trial in failed)
        assert all("seed 1001 diverged" in trial.reason for trial in failed)
        assert each.best.values[LEARNING_RATE] <= 0.1
    trained = len(trainer.trained)
    assert plain(tune(6)) == plain(done)
    assert len(trainer.trained) == trained
    assert done.unfinished == 0


def test_where_all_trials_fail_there_is_no_best(tune, trainer):
    trainer.fails = lambda cell: "diverged" if cell.method.name == "wgan_gp" else ""
    found = {each.search.method: each for each in tune(3).tuned}
    assert found["wgan_gp"].best is None
    assert found["wgan_gp"].tuned == []
    assert found["non_saturating"].best is not None


def test_what_the_machine_ended_is_tried_again_by_the_next_call(tune, trainer):
    trainer.fails = lambda cell: "killed" if cell.seed == 1000 else ""
    done = tune(2)
    assert {trial.state for each in done.tuned for trial in each.trials} == {"open"}
    assert done.unfinished == 6
    trainer.fails = lambda _: ""
    again = tune(2)
    assert {trial.state for each in again.tuned for trial in each.trials} == {"ok"}
    assert again.unfinished == 0


def test_more_tuning_seeds_train_only_those_that_are_added(tune, trainer):
    tune(2, seeds=1)
    tune(2, seeds=2)
    judging = [cell for cell in trainer.trained if cell.seed >= 1000]
    assert len(judging) == len({cell.key for cell in judging}) == 3 * 2 * 2


def test_values_that_a_method_refuses_fail_the_trial_every_time(tune, monkeypatch):
    real = searching.applied

    def applied(cell, values):
        if cell.method.name == "wgan_gp" and values[LEARNING_RATE] > 0.1:
            raise BenchError("that is too fast")
        return real(cell, values)

    monkeypatch.setattr(searching, "applied", applied)
    done = tune(6)
    (found,) = [each for each in done.tuned if each.search.method == "wgan_gp"]
    for trial in found.trials:
        is_fast = trial.values[LEARNING_RATE] > 0.1
        assert (trial.state, trial.reason) == (
            ("failed", "that is too fast") if is_fast else ("ok", "")
        )
    assert {trial.state for trial in found.trials} == {"failed", "ok"}
    assert found.best.state == "ok"
    assert done.unfinished == 0
    assert plain(tune(6)) == plain(done)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"trials": 0}, "--trials 0: give a number from 1"),
        ({"trials": -3}, "--trials -3"),
        ({"seeds": 0}, "--tuning-seeds 0"),
    ],
)
def test_numbers_that_make_no_sense_are_told(tune, options, told):
    with pytest.raises(BenchError, match=told):
        tune(**options)


def test_seeds_that_trials_have_seen_are_refused(tune, study, trainer):
    cells = [replace(cell, seed=cell.seed + 998) for cell in study.cells]
    with pytest.raises(BenchError, match="seed 1000 is one that trials are judged on"):
        tune(of=replace(study, cells=cells))
    assert not trainer.trained


def test_a_metric_that_cannot_be_computed_here_is_told_before_anything_is_trained(
    tune, trainer, monkeypatch
):
    made = Keys._made
    monkeypatch.setattr(
        Keys, "_made", lambda self, part: replace(made(self, part), unavailable="no ruler")
    )
    with pytest.raises(BenchError, match="judged by radius, which cannot be computed here: no rul"):
        tune()
    assert not trainer.trained
