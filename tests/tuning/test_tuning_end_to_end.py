"""`bench tune` from the command line: killed, gone on with, and read."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.records.store import Store
from bench.study import load_study
from bench.tuning.search import searches_of
from bench.tuning.space import LEARNING_RATE

STUDY = """
description: Two methods, as small as it gets.
methods: [non_saturating, wgan_gp]
seeds: 1
evaluations: 1
experiments:
  - dataset: dirac
    architecture: dirac
    training: {optimizer: sgd, learning_rate: 0.1, batch_size: 2}
    updates: 40
"""
RESULTS = "run{1} { 50% really?"
"""A folder whose name a URL or a template would read as something else."""


def command(folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "bench", "tune", str(folder / "tiny.yaml"), "--trials", "2"),
        *("--tuning-seeds", "1", "--results", str(folder / RESULTS), "--jobs", "2"),
        *("--device", "cpu", "--no-tracking"),
    ]


def written(folder: Path) -> dict[str, int]:
    """When each cell was stored."""
    cells = (folder / RESULTS / "cells").glob("[!.]*/record.json")
    return {file.parent.name: file.stat().st_mtime_ns for file in cells}


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    """A tuning that is killed when its first cell is stored, and the one that goes on with it."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "tiny.yaml").write_text(STUDY)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    killed = subprocess.Popen(command(folder), start_new_session=True, **quiet)
    until = time.monotonic() + 300
    while not written(folder):
        assert killed.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    before = written(folder)
    done = subprocess.run(
        command(folder), capture_output=True, text=True, timeout=300,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, before, done.stdout


@pytest.mark.slow
def test_nothing_is_trained_twice_nor_lost_nor_asked_for_twice(journey):
    folder, before, _ = journey
    after = written(folder)
    assert len(before) < len(after)
    assert all(after[key] == stamp for key, stamp in before.items())
    searches = searches_of(load_study(str(folder / "tiny.yaml")).cells, 1)
    records = {record.key: record for record in Store(folder / RESULTS).all()}
    expected = {cell.key for search in searches for cell in search.cells}
    with open(folder / RESULTS / "tiny" / "tuning.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for search in searches:
        own = [row for row in rows if row["method"] == search.method]
        assert [float(row[LEARNING_RATE]) for row in own] == [0.1, search.values(1)[LEARNING_RATE]]
        for row in own:
            trial, (cell,) = search.trial(int(row["trial"]))
            assert float(row["score"]) == records[cell.key].evaluations[-1]["radius"]
            expected.add(cell.key)
            if row["best"] == "True":
                expected |= {cell.key for cell in search.fresh_cells(trial.values)}
    assert set(records) == expected


@pytest.mark.slow
def test_the_report_is_written_and_the_user_told_where(journey):
    folder, _, told = journey
    report = folder / RESULTS / "tiny"
    assert {file.name for file in folder.iterdir()} == {"tiny.yaml", RESULTS}
    assert f"Report: {report / 'tuning.html'}" in told
    assert "2 trials each of 2 methods on dirac" in told
    assert "wgan_gp" in (report / "tuning.html").read_text()


def test_bad_input_is_one_line(tmp_path, capsys, monkeypatch):
    from bench.cli import main

    (tmp_path / "tiny.yaml").write_text(STUDY)
    for options, line in {
        ("--trials", "0"): "bench: --trials 0: give a number from 1 to 10000",
        ("--methods", "wgn_gp"): "bench: unknown method 'wgn_gp'; did you mean 'wgan_gp'?",
        ("--slots-per-device", "99"): "bench: --slots-per-device is 99; give a number from 1 to 64",
        ("--seeds", "1000,"): "bench: seed 1000 is one that trials are judged on",
    }.items():
        study, results = str(tmp_path / "tiny.yaml"), str(tmp_path / "results")
        monkeypatch.setattr(sys, "argv", ["bench", "tune", study, *options, "--results", results])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        told = capsys.readouterr().err
        assert told.startswith(line)
        assert len(told.splitlines()) == 1
