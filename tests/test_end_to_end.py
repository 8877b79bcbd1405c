"""The three journeys of a user, from the command line, with real processes and a real MLflow."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.cli import main
from bench.records.store import Store

IDEA = '''"""Hinge loss."""

from dataclasses import dataclass

from torch.nn.functional import relu

from bench.method import Method


@dataclass(frozen=True)
class MyIdea(Method):
    """Hinge loss, as a user would drop it in."""

    def discriminator_loss(self, real_logits, fake_logits):
        return relu(1 - real_logits).mean(1) + relu(1 + fake_logits).mean(1)

    def generator_loss(self, fake_logits, real_logits):
        return -fake_logits.mean(1)
'''

STUDY = """
description: Two methods on three datasets, as small as it gets.
methods: all
seeds: 2
evaluations: 2
experiments:
  - dataset: dirac
    architecture: dirac
    training: {optimizer: sgd, learning_rate: 0.1, batch_size: 2}
    updates: 60
  - dataset: ring8
    architecture: {mlp: {generator_widths: [16], discriminator_widths: [16]}}
    training: {learning_rate: 0.001, batch_size: 16}
    updates: 60
"""


def bench(*arguments: str, methods: Path, check: int | None = 0) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        capture_output=True,
        text=True,
        env=_environment(methods),
        timeout=300,
    )
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    return done


def _environment(methods: Path) -> dict[str, str]:
    rest = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    # on the CPU, also where there is a GPU
    own = {"BENCH_METHODS_DIR": str(methods), "COLUMNS": "200", "CUDA_VISIBLE_DEVICES": ""}
    own["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as a notebook hands on
    return rest | own


def trained(text: str) -> int:
    if "nothing to train" in text:
        return 0
    return int(re.search(r"(\d+) cells? trained", text).group(1))


RERUN = """
import sys
from collections import Counter
from bench.records.store import Store
from bench.study import expansion

counts = Counter()

def counted(name, function):
    def wrapped(*arguments):
        counts[name] += 1
        return function(*arguments)
    return wrapped

Store.all = counted("readings", Store.all)
expansion.sources_of = counted("expanded", expansion.sources_of)
from bench.cli import main
sys.argv = ["bench", *sys.argv[1:]]
try:
    main()
except SystemExit as left:
    assert not left.code
heavy = ("mlflow", "pandas", "matplotlib", "seaborn", "scipy", "jinja2", "sklearn", "joblib",
         "distributed")
print("loaded:", *[name for name in heavy if name in sys.modules])
print("readings:", counts["readings"])
print("expanded:", counts["expanded"])
"""


def counted(*arguments: str, methods: Path) -> list[str]:
    """Run a command that counts what it reads and loads; the lines it prints."""
    done = subprocess.run(
        [sys.executable, "-c", RERUN, *arguments],
        capture_output=True, text=True, env=_environment(methods), timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    """A run beside a broken method, one after a sound one was dropped in, and each again."""
    folder = tmp_path_factory.mktemp("journey")
    methods, results = folder / "methods", folder / "results"
    methods.mkdir()
    (methods / "half_done.py").write_text("import nowhere\n")
    (folder / "tiny.yaml").write_text(STUDY)
    command = ("run", str(folder / "tiny.yaml"), "--results", str(results))
    first = bench(*command, methods=methods).stdout
    again = counted(*command, methods=methods)
    (methods / "my_idea.py").write_text(IDEA)
    beside = ("--methods", "+ttur+r1")
    second = bench(*command, *beside, methods=methods).stdout
    return folder, (first, again), (second, counted(*command, *beside, methods=methods))


def test_only_what_is_missing_trains(journey):
    _, (first, _), (second, _) = journey
    # six methods × two datasets × two seeds, less spectral_norm on dirac, which has no meaning
    assert trained(first) == 22
    # the new method and the combination
    assert trained(second) == 8


def test_a_run_with_nothing_to_do_reads_once_and_loads_little(journey):
    _, (_, again), (_, beside) = journey
    # methods of the study, and the folder's and the combination where they are there, × 2 datasets
    for told, methods in ((again, 6), (beside, 8)):
        assert "nothing to train" in " ".join(told)
        assert told[-3:] == ["loaded:", "readings: 1", f"expanded: {methods * 2}"]


def test_a_broken_file_is_named_and_stops_nobody(journey, call):
    folder, (first, _), _ = journey
    assert "half_done" in first
    listed = call("list", BENCH_METHODS_DIR=folder / "methods")
    assert "half_done" in listed
    assert "No module named 'nowhere'" in listed
    assert "wgan_gp" in listed


def test_the_new_method_is_in_every_table_and_the_report(journey):
    folder, *_ = journey
    report = folder / "results" / "tiny"
    for name in ("report.html", "report.md", "summary.csv", "runs.csv"):
        assert "my_idea" in (report / name).read_text()
        assert "r1+ttur" in (report / name).read_text()
    page = (report / "report.html").read_text()
    assert "A combination. r1: a penalty; ttur: the optimisers." in page
    assert "r1.gamma 10.0, ttur.ratio 4.0" in page
    assert list((report / "figures").glob("*.png"))


def test_runs_csv_holds_what_the_records_hold(journey):
    folder, *_ = journey
    records = {record.key: record for record in Store(folder / "results").all()}
    with open(folder / "results" / "tiny" / "runs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32
    seen = 0
    for row in rows:
        record = records.get(row["key"])
        if record is None:
            assert row["state"] == "not applicable"
            continue
        assert row["status"] == record.status
        if record.status == "ok":
            primary = "radius" if row["dataset"] == "dirac" else "data_fd"
            assert float(row[primary]) == pytest.approx(record.evaluations[-1][primary])
            seen += 1
    assert seen >= 28


def test_mlflow_holds_one_run_a_cell(journey):
    from mlflow import MlflowClient

    folder, *_ = journey
    client = MlflowClient(f"sqlite:///{folder / 'results' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    records = Store(folder / "results").all()
    assert sorted(run.data.tags["key"] for run in children) == sorted(r.key for r in records)
    combined = client.search_runs([experiment.experiment_id], "tags.method = 'r1+ttur'")
    assert len(combined) == 4
    assert {run.data.params["method.r1.gamma"] for run in combined} == {"10.0"}


def test_what_is_stored_is_measured_sampled_and_scored_without_training(journey, call, tmp_path):
    folder, *_ = journey
    results = tmp_path / "results"
    shutil.copytree(folder / "results", results)
    before = {record.key: record.data for record in Store(results).all()}

    def told(*arguments: str) -> str:
        own = {"BENCH_METHODS_DIR": folder / "methods", "CUDA_VISIBLE_DEVICES": ""}
        return call(*arguments, "--results", results, **own)

    one = (str(folder / "tiny.yaml"), "--methods", "vanilla", "--datasets", "ring8")
    kid = ("measure", *one, "--metrics", "kid", "--no-tracking")
    assert "2 cells measured" in told(*kid)
    assert "nothing to measure" in told(*kid)
    after = Store(results).all()
    assert {record.key: record.data for record in after} == before
    (record, _) = [r for r in after if "kid" in {m.metric for m in r.measurements}]
    assert record.evaluations[-1]["kid"] > 0
    assert "data KID" in (results / "tiny" / "report.html").read_text()
    # what a study does not ask for is shown from then on
    planned = told("plan", *one)
    assert "0 of 2 cells would train, and 0 stored cells would be measured" in planned

    points, table = tmp_path / "points.npy", tmp_path / "scores.json"
    told("sample", record.key[:12], "--output", points, "--count", "2500")
    asked = ("--metrics", "modes,data_fd", "--device", "cpu", "--json", table)
    told("score", points, "ring8", *asked)
    scores = json.loads(table.read_text())["values"]
    # of the run's own latents the score is that of the last checkpoint
    for name in ("modes_1", "high_quality", "data_fd"):
        assert scores[name] == pytest.approx(record.evaluations[-1][name], rel=1e-4)


def test_show_and_status_tell_of_a_cell(journey, call):
    folder, *_ = journey
    own = {"BENCH_METHODS_DIR": folder / "methods"}
    record = Store(folder / "results").all()[0]
    shown = call("show", record.key[:10], "--results", folder / "results", **own)
    assert record.cell.method.name in shown
    assert "my_idea" in call("status", "--results", folder / "results", **own)


def test_a_comment_retrains_nothing_a_constant_does(journey, call, tmp_path):
    folder, *_ = journey
    command = ("plan", folder / "tiny.yaml", "--results", folder / "results")
    own = {"BENCH_METHODS_DIR": tmp_path}
    (tmp_path / "my_idea.py").write_text("# a thought\n" + IDEA.replace("as a user", "as any user"))
    assert "0 of 28 cells would train" in call(*command, **own)
    (tmp_path / "my_idea.py").write_text(IDEA.replace("1 + fake", "2 + fake"))
    changed = call(*command, **own)
    assert "4 of 28 cells would train" in changed
    assert "changed: source methods/my_idea.py" in changed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "quik"), "did you mean 'quick'"),
        (("run", "smoke", "--methods", "wgan_gpp"), "did you mean 'wgan_gp'"),
        (("run", "smoke", "--datasets", "ring9"), "did you mean 'ring8'"),
        (("run", "smoke", "--set", "wgan_gp.penalty=1"), "did you mean 'penalty_weight'"),
        (("run", "smoke", "--set", "wgan_gp.penalty_weight=much"), "wgan_gp.penalty_weight"),
        (("run", "smoke", "--seeds", "1,1"), "seed 1 is given twice"),
        (("run", "smoke", "--device", "cuda"), "no GPU can be seen"),
        (("run", "smoke", "--device", "tpu"), "unknown device 'tpu'"),
        (("run", "smoke", "--jobs", "0"), "at least one worker"),
        (("run", "smoke", "--slots-per-device", "0"), "--slots-per-device is 0"),
        (("run", "smoke", "--results", "/proc/results"), "cannot write to the results folder"),
        (("show", "nothing"), "no cells"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert told in said
    assert said.startswith("bench: ")
    assert said.count("\n") == 1
    assert not list(tmp_path.glob("results/cells/*"))


def test_a_method_with_a_wrong_loss_is_refused_before_anything_trains(journey, tmp_path):
    folder, *_ = journey
    slip = IDEA.replace("relu(1 + fake_logits).mean(1)", "fake_logits.mean()")
    (tmp_path / "slip.py").write_text(slip)
    before = {record.key for record in Store(folder / "results").all()}
    done = bench(
        *("run", str(folder / "tiny.yaml"), "--results", str(folder / "results")),
        *("--methods", "slip"),
        methods=tmp_path,
        check=2,
    )
    assert "slip" in done.stderr
    assert ".mean(1)" in done.stderr or "mixes members" in done.stderr
    assert {record.key for record in Store(folder / "results").all()} == before


@pytest.mark.slow
def test_interrupting_loses_only_the_jobs_in_flight(tmp_path):
    study = tmp_path / "long.yaml"
    # of a length at which stacked members are not compiled, which would take most of the time
    few = "methods: [label_smoothing, non_saturating, vanilla]"
    dirac, ring8 = STUDY.replace("methods: all", few).split("  - dataset: ring8")
    study.write_text(f"{dirac}  - dataset: ring8{ring8.replace('updates: 60', 'updates: 1500')}")
    results = tmp_path / "results"
    command = ("run", str(study), "--results", str(results), "--no-tracking")
    run = subprocess.Popen(
        [sys.executable, "-m", "bench", *command],
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list(results.glob("cache/jobs/*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    second = bench(*command, methods=tmp_path, check=2)
    assert f"process {run.pid}" in second.stderr
    while not list(results.glob("cells/[!.]*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = _workers_of(run.pid)
    assert workers
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "interrupted" in told
    kept = {record.key: record.data for record in Store(results).all()}
    assert 0 < len(kept) < 12
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
    done = bench(*command, methods=tmp_path)
    after = {record.key: record.data for record in Store(results).all()}
    assert trained(done.stdout) == 12 - len(kept)
    assert {key: after[key] for key in kept} == kept


def _workers_of(parent: int) -> list[str]:
    found = subprocess.run(
        ["pgrep", "-P", str(parent), "-f", "bench.execution.worker"], capture_output=True, text=True
    )
    return found.stdout.split()
