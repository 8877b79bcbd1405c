"""A user's own metric, as docs/adding-a-metric.md shows it, from file to report."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.check import SUITES
from bench.registry import find, make_metric

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-metric.md"
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

STUDY = """
description: Points, and a metric of one's own.
methods: [non_saturating]
seeds: 1
evaluations: 1
experiments:
  - dataset: {ring8: {evaluation_samples: 100}}
    architecture: {mlp: {latent: 4, generator_widths: [8], discriminator_widths: [8]}}
    training: {batch_size: 8}
    updates: 10
"""
RUN = ("run", "own.yaml", "--jobs", "1", "--no-tracking")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A metrics folder of the user's own, with the page's example in it."""
    (tmp_path / "my_metric.py").write_text(EXAMPLE, encoding="utf-8")
    monkeypatch.setenv("BENCH_METRICS_DIR", str(tmp_path))
    find.cache_clear()
    yield tmp_path
    find.cache_clear()
    sys.modules.pop("bench.metrics.my_metric", None)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("check", SUITES["metric"].checks, ids=lambda check: check.__name__)
def test_the_example_passes_the_suite(check):
    check(make_metric("my_metric"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A study with its results, from before there was a metric of one's own."""
    place = tmp_path_factory.mktemp("trained")
    (place / "own.yaml").write_text(STUDY, encoding="utf-8")
    command = [sys.executable, "-m", "bench", *RUN, "--metrics-dir", str(place)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
    assert "1 cell trained, 1 cell measured" in done.stdout, done.stdout + done.stderr
    return place


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy of it, and the folder of the command line."""
    shutil.copytree(trained, tmp_path / "own")
    monkeypatch.chdir(tmp_path / "own")
    return tmp_path / "own"


def test_dropped_in_it_is_measured_of_what_is_stored_and_reported(place, call):
    (place / "my_metric.py").write_text(EXAMPLE, encoding="utf-8")
    planned = call("plan", "own.yaml", "--metrics-dir", place)
    assert "0 of 1 cell would train, and 1 stored cell would be measured" in planned
    assert "my_metric: never measured" in planned
    done = call(*RUN, "--metrics-dir", place)
    assert "1 cell measured" in done
    assert "trained" not in done
    report = (place / "results" / "own" / "report.html").read_text(encoding="utf-8")
    assert "energy distance" in report
    assert "my_metric" in (place / "results" / "own" / "runs.csv").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("x.nothing()", "it raises AttributeError"),
        ("import os; os._exit(3)", "measuring it did not end: the worker ended with exit code 3"),
    ],
)
def test_one_that_fails_costs_its_own_column(place, call, fault, told):
    broken = EXAMPLE.replace("if len(x) < 2:", f"if True:\n            {fault}\n        if False:")
    (place / "my_metric.py").write_text(broken, encoding="utf-8")
    call(*RUN, "--metrics-dir", place)
    report = (place / "results" / "own" / "report.html").read_text(encoding="utf-8")
    assert told in report
    assert "modes (≥20) of 8" in report
    planned = call("plan", "own.yaml", "--metrics-dir", place)
    assert "0 of 1 cell would train, and 0 stored cells would be measured" in planned
