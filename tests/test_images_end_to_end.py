"""FID from the command line: without weights, with weights, and with a study that insists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.records.record import Record
from bench.records.store import Store
from tests.metrics.random_inception import save_random_weights

STUDY = """
description: Digits of eight pixels, with FID.
methods: [non_saturating]
seeds: 1
evaluations: 3
experiments:
  - dataset: {digits8: {evaluation_samples: 24}}
    metrics: [fid, kid]
    architecture: {mlp: {generator_widths: [16], discriminator_widths: [16]}}
    training: {learning_rate: 0.001, batch_size: 32, ema: 0.9}
    updates: 30
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> tuple[Path, str]:
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    return file, save_random_weights(file)


def bench(folder: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    """Both streams of a ``bench`` command without a network and with an empty torch cache."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("BENCH_INCEPTION")}
    closed = "http://127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        env={
            **known,
            "TORCH_HOME": str(folder / "torch"),
            "https_proxy": closed,
            "http_proxy": closed,
            # on the CPU, also where there is a GPU
            "CUDA_VISIBLE_DEVICES": "",
            "COLUMNS": "400",
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def record_of(folder: Path) -> Record:
    (record,) = Store(folder / "results").all()
    return record


@pytest.mark.slow
def test_fid_without_weights_and_when_they_are_found(tmp_path, weights):
    file, sha256 = weights
    (tmp_path / "eight.yaml").write_text(STUDY)
    told = bench(tmp_path, "run", "eight.yaml", "--no-tracking")
    assert "fid, kid not measured on digits8" in told
    assert "no Inception weights" in told
    before = record_of(tmp_path)
    assert all("pixel_fd" in evaluation for evaluation in before.evaluations)
    assert all("fid" not in evaluation for evaluation in before.evaluations)
    page = (tmp_path / "results" / "eight" / "report.md").read_text()
    assert "not computed" in page
    assert "--inception-weights" in page
    assert "nothing to train or to measure" in bench(tmp_path, "run", "eight.yaml", "--no-tracking")
    assert "no Inception weights" in " ".join(bench(tmp_path, "plan", "eight.yaml").split())

    given = ("--inception-weights", str(file))
    # weights that nobody vouches for are refused
    refused = bench(tmp_path, "run", "eight.yaml", "--no-tracking", *given, code=2)
    assert "SHA-256" in refused
    assert len(refused.strip().splitlines()) == 1
    vouched = {"BENCH_INCEPTION_SHA256": sha256[:16]}
    told = bench(tmp_path, "run", "eight.yaml", "--no-tracking", *given, **vouched)
    assert "1 cell measured" in told
    assert "cell trained" not in told
    record = record_of(tmp_path)
    assert record.data == before.data
    assert record.not_computed.keys() == {"kid"}
    last = record.evaluations[-1]
    assert last["fid"] > 0
    assert record.floor["fid"] < last["fid"]
    measured = [e["update"] for e in record.evaluations if "fid" in e]
    assert 1 <= len(measured) <= 2
    assert sha256 in json.dumps(record.protocol)
    assert "vouched" in json.dumps(record.protocol)
    page = (tmp_path / "results" / "eight" / "report.md").read_text()
    assert "not the published file" in page


def test_a_study_that_requires_fid_does_not_start_without_weights(tmp_path):
    (tmp_path / "eight.yaml").write_text("require: [fid]\n" + STUDY)
    refused = bench(tmp_path, "run", "eight.yaml", "--no-tracking", code=2)
    assert "requires fid: no Inception weights" in refused
    assert not list((tmp_path / "results" / "cells").glob("*"))


def test_weights_that_are_no_file(tmp_path):
    (tmp_path / "eight.yaml").write_text(STUDY)
    refused = bench(
        tmp_path, "run", "eight.yaml", "--no-tracking", "--inception-weights", "nowhere.pth", code=2
    )
    assert "nowhere.pth" in refused
    assert len(refused.strip().splitlines()) == 1


def test_the_doctor_tells_of_weights(tmp_path, weights):
    file, sha256 = weights
    assert "no Inception weights" in bench(tmp_path, "doctor")
    named = {"BENCH_INCEPTION_WEIGHTS": str(file)}
    assert "SHA-256" in bench(tmp_path, "doctor", code=1, **named)
    assert sha256[:16] in bench(tmp_path, "doctor", BENCH_INCEPTION_SHA256=sha256[:8], **named)
