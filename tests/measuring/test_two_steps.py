"""Training and measuring as two steps: the same numbers, whatever happens between them."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from measured import in_words

from bench.errors import BenchError
from bench.measuring import keys
from bench.records import measurements
from bench.report.analysis.findings import find
from bench.stored import StoredRun, load_run, write_samples
from bench.training.streams import latents_of
from tests.measuring.conftest import Bench

SLOW = '''
"""A metric that waits, so that its run can be killed while it is measured."""
import os, pathlib, time
from dataclasses import dataclass
from bench.metric import Metric, Quantity

@dataclass(frozen=True)
class Waits(Metric):
    """Says that it has begun, and waits."""
    def quantities(self, dataset):
        return (Quantity("waits", "waits", "nothing", False),)
    def not_applicable(self, dataset):
        return None
    def measure(self, seen):
        begun = pathlib.Path(os.environ["BEGUN"])
        if not begun.exists():
            begun.touch()
            time.sleep(120)
        return {"waits": 1.0}
'''


def _numbers(store):
    """All that was measured, without when and how fast."""
    found = {}
    for record in store.records.values():
        found[record.key] = [m.to_json() | {"measured": None} for m in record.known.values()]
    return found


def test_measured_in_two_steps_is_measured_in_one_bit_for_bit(bench):
    before = _numbers(bench.store())
    for record in bench.store().records.values():
        (record.folder / measurements.FILE).unlink()
    done = bench.run(bench.study(), train=False)
    assert (done.trained, done.measured) == (0, 2)
    assert _numbers(bench.store()) == before


@pytest.mark.slow
def test_a_run_that_is_killed_between_the_steps_trains_nothing_again(bench, tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "waits.py").write_text(SLOW, encoding="utf-8")
    file = bench.study(extra="time_limit: 100").source
    results = tmp_path / "killed"
    environment = os.environ | {
        "BENCH_METRICS_DIR": str(folder),
        "BEGUN": str(tmp_path / "begun"),
    }
    command = [sys.executable, "-m", "bench", "run", file, "--results", str(results), "--jobs", "1"]
    command += ["--no-tracking"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    records = sorted(results.glob("cells/*/record.json"))
    assert len(records) == 2
    trained = [json.loads(record.read_text())["run"]["finished_at"] for record in records]

    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert "2 cells measured" in again.stdout
    assert "cells trained" not in again.stdout
    assert [json.loads(r.read_text())["run"]["finished_at"] for r in records] == trained


def test_a_generator_from_its_file_gives_the_stored_samples(bench):
    for record in bench.store().records.values():
        run, stored = StoredRun(record), record.samples()
        assert run.updates == [0, 10, 20]
        for place, update in enumerate(run.updates):
            latents = run.latents(len(stored["samples"][place]))
            made = run.dataset.pack(run.generator(update)(latents))
            assert made.tobytes() == stored["samples"][place].tobytes()


def test_three_lines_load_a_generator(bench):
    key = next(iter(bench.store().records))
    run = load_run(bench.results, key[:8])
    points = run.generator()(run.latents(16))
    assert points.shape == (16, 2)
    assert torch.equal(points, run.samples(16))
    assert run.discriminator()(points).shape == (16,)


def test_samples_are_written_as_arrays_and_not_as_pictures_of_points(bench, tmp_path):
    key = next(iter(bench.store().records))
    samples = load_run(bench.results, key).samples(5)
    write_samples(samples, tmp_path / "a.npy")
    write_samples(samples, tmp_path / "a.npz")
    assert np.array_equal(np.load(tmp_path / "a.npy"), samples.numpy())
    assert np.array_equal(np.load(tmp_path / "a.npz")["samples"], samples.numpy())
    with pytest.raises(BenchError, match=r"name a \.npy file"):
        write_samples(samples, tmp_path / "folder")


def test_a_damaged_file_of_networks_costs_what_needs_it_and_nothing_else(bench):
    record, other = bench.store().records.values()
    (record.folder / record.networks[10]).write_bytes(b"nothing")
    (record.folder / measurements.FILE).unlink()
    bench.run(bench.study(), train=False)
    again = bench.store().records[record.key]
    assert [e.get("modes_20") is None for e in again.evaluations] == [False, True, False]
    assert str(record.folder / record.networks[10]) in again.not_computed["modes_20"].text
    assert "damaged" in again.not_computed["modes_20"].text
    assert again.evaluations[-1] == record.evaluations[-1]
    assert bench.store().records[other.key].evaluations == other.evaluations


def test_what_was_not_kept_says_what_would_have_kept_it(bench):
    store = bench.store()
    with store.writing():
        for key in list(store.records):
            store.drop_networks(key, [10])
    bench.run(bench.study(extra="metrics: [{data_fd: {when: ends}}]"), train=False)
    study = bench.study(overrides=("ring8.evaluation_samples=100",))
    bench.run(study, train=False)
    for each in bench.plan(study):
        assert "modes_20" in each.record.evaluations[-1]
        assert each.record.evaluations[1]["modes_20"] is None
        assert "keep: all" in each.record.not_computed["modes_20"].text
    found = find(study, bench.plan(study), [])
    told = in_words(found)
    assert "**Not computed at earlier checkpoints**: modes (≥20) of 8" in told


def test_keep_last_keeps_the_last(bench, tmp_path):
    own = Bench(tmp_path / "fresh")
    own.folder.mkdir()
    own.run(own.study(extra="keep: last"))
    for record in own.store().records.values():
        assert list(record.networks) == [20]
        assert [path.name for path in (record.folder / "networks").iterdir()] == [
            "00000020.safetensors"
        ]
        assert record.evaluations == bench.store().records[record.key].evaluations


def test_numbers_outlive_the_networks_that_gave_them(bench, monkeypatch):
    store = bench.store()
    before = {record.key: record.evaluations for record in store.records.values()}
    with store.writing():
        for key in list(store.records):
            store.drop_networks(key, [0, 10, 20])
    # as if the code that measures had been edited
    monkeypatch.setattr(keys, "sources_that_measure", lambda *_: {"measuring": "edited"})
    assert bench.work(bench.study()) == (0, {"gradients"})
    planned = bench.plan(bench.study())
    assert {each.record.key: each.record.evaluations for each in planned} == before
    whys = {m.why for p in planned for m in p.measures if m.state == "unavailable"}
    assert all("the networks are not kept, and the older numbers are shown" in why for why in whys)


def test_damaged_measurements_are_moved_away_and_taken_again(bench):
    record, other = bench.store().records.values()
    (record.folder / measurements.FILE).write_text("[{]")
    store = bench.store()
    assert store.records[record.key].known == {}
    assert bench.run(bench.study()).measured == 1
    assert "are damaged" in store.set_aside[0]
    assert len(list((bench.results / "damaged").glob("*.json"))) == 1
    assert bench.store().records[record.key].evaluations == record.evaluations
    assert bench.store().records[other.key].evaluations == other.evaluations


def test_fewer_latents_are_the_first_of_more():
    for count in (1, 5, 20, 64, 65):
        assert torch.equal(latents_of(3, count, 2), latents_of(3, 200, 2)[:count])
