"""A user's own metric, as docs/adding-a-metric.md shows it, from file to report."""

import os
import re
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


def _bench(*command, folder, at):
    environment = dict(os.environ)
    environment.pop("BENCH_METRICS_DIR")
    whole = [sys.executable, "-m", "bench", *command, "--metrics-dir", str(folder)]
    return subprocess.run(
        whole, cwd=at, env=environment, capture_output=True, text=True, timeout=300
    )


def test_dropped_in_it_is_measured_of_what_is_stored_and_reported(folder, tmp_path):
    study = tmp_path / "own.yaml"
    study.write_text(STUDY, encoding="utf-8")
    empty = tmp_path / "none"
    empty.mkdir()
    first = _bench("run", str(study), "--jobs", "1", "--no-tracking", folder=empty, at=tmp_path)
    assert "1 cell trained, 1 cell measured" in first.stdout, first.stdout + first.stderr
    planned = _bench("plan", str(study), folder=folder, at=tmp_path)
    assert "0 of 1 cell would train, and 1 stored cell would be measured" in planned.stdout
    assert "my_metric: never measured" in planned.stdout
    second = _bench("run", str(study), "--jobs", "1", "--no-tracking", folder=folder, at=tmp_path)
    assert "1 cell measured" in second.stdout, second.stdout + second.stderr
    assert "trained" not in second.stdout
    report = (tmp_path / "results" / "own" / "report.html").read_text(encoding="utf-8")
    assert "energy distance" in report
    assert "my_metric" in (tmp_path / "results" / "own" / "runs.csv").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("x.nothing()", "it raises AttributeError"),
        ("import os; os._exit(3)", "measuring it did not end: the worker ended with exit code 3"),
    ],
)
def test_one_that_fails_costs_its_own_column(folder, tmp_path, fault, told):
    broken = EXAMPLE.replace("if len(x) < 2:", f"if True:\n            {fault}\n        if False:")
    (folder / "my_metric.py").write_text(broken, encoding="utf-8")
    study = tmp_path / "own.yaml"
    study.write_text(STUDY, encoding="utf-8")
    done = _bench("run", str(study), "--jobs", "1", "--no-tracking", folder=folder, at=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = (tmp_path / "results" / "own" / "report.html").read_text(encoding="utf-8")
    assert told in report
    assert "modes (≥20) of 8" in report
    planned = _bench("plan", str(study), folder=folder, at=tmp_path)
    assert "0 of 1 cell would train, and 0 stored cells would be measured" in planned.stdout
