"""Trials: as many for all, the same ones whatever happened, and none twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.measuring.keys import Keys
from bench.study import load_study
from bench.tuning.database import Database, draw, opened
from bench.tuning.search import searches_of
from bench.tuning.space import LEARNING_RATE


def plain(tuning):
    """All that a tuning found."""
    return [(each.search.name, each.trials, each.best) for each in tuning.tuned]


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


def test_trials_made_under_other_conditions_are_told_and_not_mixed(tune, tmp_path):
    tune(4)
    file = Path(tmp_path / "by_hand.yaml")
    file.write_text(file.read_text().replace("updates: 60", "updates: 80"))
    other = tune(2, of=load_study(str(file)))
    assert len(other.notes) == 3
    assert "non_saturating on dirac" in other.notes[0]
    assert other.notes[0].endswith("not the same: budget")
    assert all(len(each.trials) == 2 for each in other.tuned)
    assert tune(4).notes[0].endswith("not the same: budget")


def test_other_tuning_seeds_are_another_search(tune):
    tune(2, seeds=1)
    assert tune(2, seeds=2).notes[0].endswith("not the same: tuning seeds")


def test_a_database_that_is_lost_is_filled_again_without_training(tune, trainer, tmp_path):
    done = tune(3)
    trained = len(trainer.trained)
    (tmp_path / "results" / "by_hand" / "tuning.db").unlink()
    assert plain(tune(3)) == plain(done)
    assert len(trainer.trained) == trained


def test_a_database_that_is_damaged_or_held_is_told(tune, tmp_path):
    tune(1)
    file = tmp_path / "results" / "by_hand" / "tuning.db"
    holder = sqlite3.connect(file)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BenchError, match="another program holds it; close that and run again"):
        tune(2)
    holder.close()
    file.write_bytes(b"not a database at all, but long enough to look like one" * 100)
    with pytest.raises(BenchError, match=r"file is not a database.*rename it and run again"):
        tune(2)


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


FILL = """
import sys
from pathlib import Path
from bench.study import load_study
from bench.tuning.database import Database
from bench.tuning.search import searches_of
database = Database(Path(sys.argv[2]))
for search in searches_of(load_study(sys.argv[1]).cells, 2):
    database.fill(search, 30)
"""


@pytest.mark.slow
def test_a_database_killed_while_it_is_written_holds_whole_trials_alone(study, tmp_path):
    file = tmp_path / "tuning.db"
    process = subprocess.Popen([sys.executable, "-c", FILL, tmp_path / "by_hand.yaml", file])
    until = time.monotonic() + 60
    while not _rows(file) > 8:
        assert time.monotonic() < until
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 8 < _rows(file) < 90
    with opened(file) as database:
        for search in searches_of(study.cells, 2):
            database.fill(search, 30)
            found = database.trials(search, 100)
            assert [trial.number for trial in found] == list(range(30))
            expected = [search.start, *(draw(search, number) for number in range(1, 30))]
            assert [trial.values for trial in found] == expected


def _rows(file: Path) -> int:
    if not file.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT COUNT(*) FROM trials").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet
        return 0


def test_a_trial_told_in_part_is_open_still(study, tmp_path):
    with opened(tmp_path / "tuning.db") as database:
        search = searches_of(study.cells, 2)[0]
        database.fill(search, 2)
        (_, trial) = database.trials(search, 2)
        told = replace(trial, state="open", scores={1000: 0.5}, reason="killed")
        database.tell(search, told)
        assert database.trials(search, 2)[1] == told
        ended = replace(told, state="ok", score=0.25, scores={1000: 0.5, 1001: 0.0}, reason="")
        database.tell(search, ended)
    with opened(tmp_path / "tuning.db") as database:
        assert isinstance(database, Database)
        assert database.trials(search, 2)[1] == ended
