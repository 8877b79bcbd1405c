"""FID from the command line: without weights, with weights, and with a study that insists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from bench.records.record import Record
from bench.records.store import Store
from tests.metrics.random_inception import save_random_weights

STUDY = """
description: A few digits of eight pixels, with FID.
methods: [non_saturating]
seeds: 1
evaluations: 3
experiments:
  - dataset: {folder:digits: {size: 8, channels: gray, held_out: 0.2, evaluation_samples: 12}}
    metrics: [fid, kid]
    architecture: {mlp: {generator_widths: [16], discriminator_widths: [16]}}
    training: {learning_rate: 0.001, batch_size: 32, ema: 0.9}
    updates: 30
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> tuple[Path, str]:
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    return file, save_random_weights(file)


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """A folder with the study and its images, no network, and an empty torch cache."""
    for number, image in enumerate(load_digits().images[:60]):
        (tmp_path / "digits").mkdir(exist_ok=True)
        Image.fromarray((image * 15).astype("uint8")).save(tmp_path / f"digits/{number}.png")
    (tmp_path / "eight.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BENCH_INCEPTION")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    # on the CPU, also where there is a GPU
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path


def bench(*arguments: str, **environment: str) -> str:
    """Both streams of a ``bench`` command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        env={**os.environ, "COLUMNS": "400", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def record_of(folder: Path) -> Record:
    (record,) = Store(folder / "results").all()
    return record


RUN = ("run", "eight.yaml", "--no-tracking")


@pytest.mark.slow
def test_fid_without_weights_and_when_they_are_found(surroundings, call, weights):
    file, sha256 = weights
    told = bench(*RUN)
    assert "fid, kid, fid_averaged not measured on folder:digits" in told
    assert "no Inception weights" in told
    before = record_of(surroundings)
    assert all("pixel_fd" in evaluation for evaluation in before.evaluations)
    assert all("fid" not in evaluation for evaluation in before.evaluations)
    page = (surroundings / "results" / "eight" / "report.md").read_text()
    assert "not computed" in page
    assert "--inception-weights" in page
    assert "nothing to train or to measure" in call(*RUN)
    assert "no Inception weights" in call("plan", "eight.yaml")

    given = ("--inception-weights", str(file))
    # weights that nobody vouches for are refused
    refused = call(*RUN, *given, code=2)
    assert "SHA-256" in refused
    assert len(refused.splitlines()) == 1
    told = bench(*RUN, *given, BENCH_INCEPTION_SHA256=sha256[:16])
    assert "1 cell measured" in told
    assert "cell trained" not in told
    record = record_of(surroundings)
    assert record.data == before.data
    assert record.not_computed.keys() & {"fid", "fid_averaged", "pixel_fd", "kid"} == {"kid"}
    last = record.evaluations[-1]
    assert last["fid"] > 0
    assert record.floor["fid"] < last["fid"]
    measured = [e["update"] for e in record.evaluations if "fid" in e]
    assert 1 <= len(measured) <= 2
    assert sha256 in json.dumps(record.protocol)
    assert "vouched" in json.dumps(record.protocol)
    page = (surroundings / "results" / "eight" / "report.md").read_text()
    assert "not the published file" in page


def test_a_study_that_requires_fid_does_not_start_without_weights(surroundings, call):
    (surroundings / "eight.yaml").write_text("require: [fid]\n" + STUDY)
    assert "requires fid: no Inception weights" in call(*RUN, code=2)
    assert not list((surroundings / "results" / "cells").glob("*"))


@pytest.mark.usefixtures("surroundings")
def test_weights_that_are_no_file(call):
    refused = call(*RUN, "--inception-weights", "nowhere.pth", code=2)
    assert "nowhere.pth" in refused
    assert len(refused.splitlines()) == 1


@pytest.mark.usefixtures("surroundings")
def test_the_doctor_tells_of_weights(call, weights):
    file, sha256 = weights
    assert "no Inception weights" in call("doctor")
    named = {"BENCH_INCEPTION_WEIGHTS": file}
    assert "SHA-256" in call("doctor", code=1, **named)
    assert sha256[:16] in call("doctor", BENCH_INCEPTION_SHA256=sha256[:8], **named)
