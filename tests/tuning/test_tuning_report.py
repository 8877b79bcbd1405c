"""The report of a tuning whose every number is known."""

from __future__ import annotations

import json
import math
import re

import pandas as pd
import pytest

from bench.tuning.findings import curve, results_of
from bench.tuning.space import LEARNING_RATE
from bench.tuning.writing import COLUMNS, write_tuning


@pytest.fixture
def tuned(tune, trainer):
    """Six trials of three methods; one trial of wgan_gp diverged."""
    trainer.fails = lambda cell: (
        "diverged" if cell.method.name == "wgan_gp" and cell.training.learning_rate > 0.1 else ""
    )
    return tune(6)


def test_every_trial_is_in_the_csv(tuned, tmp_path):
    write_tuning(tuned, tmp_path / "results")
    table = pd.read_csv(tmp_path / "results" / "by_hand" / "tuning.csv")
    assert list(table.columns[: len(COLUMNS)]) == list(COLUMNS)
    assert len(table) == 18
    assert (table.groupby("method").size() == 6).all()
    assert table["best"].sum() == 3
    trials = {
        (each.search.method, trial.number): trial for each in tuned.tuned for trial in each.trials
    }
    for row in table.to_dict("records"):
        trial = trials[row["method"], row["trial"]]
        assert row["state"] == trial.state
        assert row[LEARNING_RATE] == trial.values[LEARNING_RATE]
        if trial.score is None:
            assert pd.isna(row["score"])
            assert "diverged" in row["reason"]
        else:
            assert row["score"] == pytest.approx((row["seed_1000"] + row["seed_1001"]) / 2)


def test_the_page_tells_scores_on_fresh_seeds_and_those_of_tuning_apart(tuned, tmp_path):
    page = write_tuning(tuned, tmp_path / "results")
    text = page.with_suffix(".md").read_text()
    (result,) = results_of(tuned)
    rows = {line.split("|")[1].strip(" *"): line for line in _table(text, "after tuning")}
    for method, each in result.tuned.items():
        (standing,) = [s for s in result.ranked if s.method == method]
        own = result.default[method]
        cells = [cell.strip(" *★≈") for cell in rows[method].split("|")[2:-1]]
        assert cells[0] == f"{standing.centre.value:.4f}"
        assert cells[1] == "4 of 4"
        assert cells[2] == f"{own.centre.value:.4f}"
        assert cells[4] == f"{each.best.score:.4f}"
        if each.best.number == 0:
            assert cells[3] == "the same values"
        else:
            assert cells[3].startswith(f"−{own.centre.value - standing.centre.value:.4f}")
        # the trainer makes seeds 0 to 3 score 0.015 more than at no seed at all
        rate = each.best.values[LEARNING_RATE]
        assert standing.centre.value == pytest.approx(abs(math.log10(rate / 0.5)) + 0.015)
    assert [each.best.number for each in result.tuned.values()].count(0) == 1
    assert "seeds 1000–1001, which is too good" in text
    assert "Trial 0 uses the study's own values" in text
    assert "bench tune by_hand.yaml --trials 6 --tuning-seeds 2" in text


def test_failed_trials_are_counted_and_give_their_reason(tuned, tmp_path):
    (failing,) = [each for each in tuned.tuned if each.search.method == "wgan_gp"]
    failed = sum(trial.state == "failed" for trial in failing.trials)
    assert failed
    page = write_tuning(tuned, tmp_path / "results")
    text = page.with_suffix(".md").read_text()
    (row,) = [line for line in _table(text, "after tuning") if "wgan_gp" in line]
    assert f"| {6 - failed} of 6 |" in row
    # every trial by itself is folded, which the Markdown leaves out
    assert page.read_text().count("seed 1000 diverged: as the test wants it") == failed


def test_the_curve_starts_at_the_default_and_ends_at_the_best(tuned):
    for each in tuned.tuned:
        values = [interval.value for interval in curve(each)]
        assert values[0] == each.trials[0].score
        assert values[-1] == each.best.score
        assert values == pytest.approx(sorted(values, reverse=True))


def test_the_page_holds_the_figure_a_line_for_each_method(tuned, tmp_path):
    page = write_tuning(tuned, tmp_path / "results")
    html = page.read_text()
    assert "<svg" in html
    assert {"0", "1", "2"} <= set(re.findall(r'data-method="(\d)"', html))
    assert list((page.parent / "figures").glob("tuning-dirac-*.png"))
    assert {file.suffix for file in (page.parent / "tables").glob("tuning-*")} == {".csv", ".tex"}


def test_where_every_trial_failed_the_report_says_so(tune, trainer, tmp_path):
    trainer.fails = lambda cell: "diverged" if cell.method.name != "non_saturating" else ""
    done = tune(2)
    text = write_tuning(done, tmp_path / "results").with_suffix(".md").read_text()
    assert text.count("| every trial failed |") == 2
    assert "Without a line, as every trial failed: wgan_gp and label_smoothing" in text.replace(
        "\\", ""
    )
    trainer.fails = lambda _: "diverged"
    trainer.records.clear()
    gone = tune(3, results="elsewhere")
    text = write_tuning(gone, tmp_path / "elsewhere").with_suffix(".md").read_text()
    assert "No trial on dirac has a score to draw" in text
    assert "Tuned: Every trial failed" in text


def test_the_ordinary_reports_files_are_left_alone(tuned, tmp_path):
    folder = tmp_path / "results" / "by_hand"
    theirs = ("report.html", "figures/overview.svg", "tables/cost.csv")
    for name in (*theirs, "figures/tuning-old.svg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("theirs")
    stamp = {"made_from": "", "headline": "", "files": {"figures/tuning-old.svg": ""}}
    (folder / ".tuning.json").write_text(json.dumps(stamp))
    write_tuning(tuned, tmp_path / "results")
    assert all((folder / name).read_text() == "theirs" for name in theirs)
    assert not (folder / "figures/tuning-old.svg").exists()
    assert not list(folder.glob(".new-*"))


def _table(text: str, told: str) -> list[str]:
    """The rows of the table whose caption holds some words."""
    lines = iter(text.splitlines())
    for line in lines:
        if told in line and line.startswith("Methods on"):
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(line)
    return rows[2:]
