"""A sequential study from the command line, killed in its second batch and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from bench.records.store import Store

STUDY = """
methods: [vanilla, wgan_gp]
seeds: {start: 3, step: 2, most: 5, error: 0.2, decide: 1.0}
evaluations: 1
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    training: {learning_rate: 0.001, batch_size: 16}
    updates: 40
"""
ALONE = ("--jobs", "1", "--no-tracking")


@pytest.mark.slow
def test_a_killed_run_continues_to_the_decision_of_a_whole_one(tmp_path, call):
    study = tmp_path / "tiny.yaml"
    study.write_text(STUDY)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}

    def command(verb, results, *more):
        return [sys.executable, "-m", "bench", verb, str(study), "--results", str(results), *more]

    def bench(*words):
        done = subprocess.run(
            command(*words), env=environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        command("run", killed, *ALONE),
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while len(list(killed.glob("cells/*/record.json"))) <= 6:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stored = len(list(killed.glob("cells/*/record.json")))
    assert "ring8: 0 of 1 pair decided" in call("plan", study, "--results", killed)

    again = bench("run", killed, *ALONE)
    once = bench("run", whole, *ALONE)
    last = [line for line in once.splitlines() if line.startswith("ring8: ")][-1]
    assert last in again
    keys = set(Store(whole).records)
    assert set(Store(killed).records) == keys
    assert stored < len(keys)
    reports = [(folder / "tiny" / "report.md").read_text() for folder in (killed, whole)]
    tables = [
        text[text.index("Asked: ") : text.index(" on ring8 at the last evaluation")]
        for text in reports
    ]
    assert tables[0] == tables[1]
    assert "nothing to train" in call("run", study, "--results", killed, *ALONE)
