"""Stored runs are measured from networks and series; what is missing costs its own numbers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.execution.jobs import Job
from bench.execution.worker import run_job
from bench.measuring.choice import expanded, metrics_of
from bench.measuring.field import field_of
from bench.measuring.keys import Keys
from bench.measuring.runs import Measurer, best, latents_of
from bench.metric import Quantity, Reason
from bench.metrics.modes import Modes
from bench.networks import file_name
from bench.records.cell import Cell, Component
from bench.records.measurements import Measurement
from bench.records.record import Record
from bench.records.store import Store
from bench.registry import make_architecture, make_dataset, make_method
from bench.stored import StoredRun
from tests.measured import floor, scores, subject_of

CPU = torch.device("cpu")
UPDATES = [0, 10, 20]


def with_metrics(cell: Cell, asked: list | None = None) -> Cell:
    part = cell.dataset
    metrics = metrics_of(make_dataset(part.name, part.hyperparameters), asked)
    return replace(
        cell, metrics=tuple(Component(m.name, m.hyperparameters(), m.called) for m in metrics)
    )


@pytest.fixture
def store(tmp_path, make_cell) -> Store:
    """Holds one run of two evaluations."""
    cell, folder, store = make_cell(), tmp_path / "job", Store(tmp_path / "results")
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps(Job([cell], tmp_path / "cache", 60).describe()))
    assert run_job(folder, CPU)
    done = folder / cell.key
    files = {str(f.relative_to(done)): f for f in sorted(done.rglob("*")) if f.is_file()}
    data = json.loads(files.pop("record.json").read_text())
    with store.writing():
        store.put(data, files)
    return store


@pytest.fixture
def record(store) -> Record:
    (record,) = store.records.values()
    return record


def measurer(record: Record, cache: Path, **architecture) -> Measurer:
    data, pair = record.cell.dataset, record.cell.architecture
    subject = subject_of(make_dataset(data.name, data.hyperparameters), cache)
    return Measurer(subject, make_architecture(pair.name, {**pair.hyperparameters, **architecture}))


def measured(record: Record, cache: Path, asked=None, **architecture) -> dict[str, Measurement]:
    """Everything asked for, by the metric's name."""
    cell = with_metrics(record.cell, asked)
    one = measurer(record, cache, **architecture)
    found = one.measure(record, Keys().wanted(cell, one.subject.dataset))
    return {each.metric: each for each in found}


def test_every_checkpoint_is_measured_by_the_samples_of_its_networks(record, tmp_path):
    found = measured(record, tmp_path)
    assert list(found) == ["modes", "data_fd", "gradients"]
    run, subject = StoredRun(record), measurer(record, tmp_path).subject
    for update in UPDATES:
        generator = run.generator(update)
        samples = generator(latents_of(record.cell.seed, 100, run.architecture.latent))
        assert found["modes"].values[update] | found["data_fd"].values[update] == (
            {n: None if isinstance(v, Reason) else v for n, v in scores(subject, samples).items()}
        )
    norms = record.series()["generator_norm"]
    assert found["gradients"].whole["generator_median_norm"] == pytest.approx(np.median(norms))
    assert found["gradients"].values == {}
    real = floor(subject)
    assert found["modes"].floor | found["data_fd"].floor == real
    assert found["data_fd"].protocol["evaluation_samples"] == 100


def test_the_game_of_every_checkpoint_is_at_hand(record, tmp_path):
    one = measurer(record, tmp_path)
    ring, method = one.subject.dataset, make_method("vanilla")

    def play(cell, checkpoint, batch):
        return field_of(cell, method, one.architecture, one.subject, checkpoint, batch)

    cell = with_metrics(record.cell, expanded(["anatomy"], ring))
    own = [each for each in Keys().wanted(cell, ring) if each.metric.family]
    assert all("source bench/measuring/field.py" in each.ingredients for each in own
               if each.metric.needs == "game")  # fmt: skip
    found = {each.metric: each for each in replace(one, play=play).measure(record, own)}
    assert set(found["path"].values) == set(found["discriminator"].values) == set(UPDATES)
    assert set(found["jacobian"].values) == set(found["turnover"].values) == {20}
    # three checkpoints after the start are needed, and there are two
    (why,) = set(found.pop("eigenvalues").reasons.values())
    assert why.kind == "too_few"
    last = {name: value for each in found.values() for name, value in each.values[20].items()}
    missing = {name for name, value in last.items() if value is None}
    assert missing <= {"mode_turnover"}  # no mode is held after 20 updates
    ends = [torch.cat([w.flatten() for player in ("discriminator", "generator")
                       for w in record.checkpoint(at).players[player].values()])
            for at in (10, 20)]  # fmt: skip
    assert last["path_length"] == pytest.approx(float((ends[1] - ends[0]).norm()), rel=1e-5)
    (without,) = one.measure(record, [each for each in own if each.metric.name == "jacobian"])
    assert "without one" in without.reasons["game_real"].text


def test_the_pictures_begin_with_the_samples_that_are_measured(record):
    shown = record.samples()["samples"]
    for number, update in enumerate(UPDATES):
        made = StoredRun(record).samples(100, update)
        np.testing.assert_allclose(shown[number][:100], made.numpy(), atol=2e-3)


def test_measured_at_the_ends_is_at_the_best_and_the_last(record, tmp_path):
    found = measured(record, tmp_path, ["prdc", {"data_fd": {"when": "ends"}}])
    top = found["modes"].best
    assert top in UPDATES[1:]
    for name in ("prdc", "data_fd"):
        assert set(found[name].values) == {top, 20}
        assert found[name].best is None
    whole = measured(record, tmp_path, [{"prdc": {"when": "every"}}])["prdc"].values
    assert set(whole) == set(UPDATES)
    assert found["prdc"].values == {at: whole[at] for at in (top, 20)}


def test_an_older_measurement_tells_the_best_checkpoint(store, record, tmp_path):
    cell = with_metrics(record.cell, ["prdc"])
    one = measurer(record, tmp_path)
    modes, *_, prdc, _ = wanted = Keys().wanted(cell, one.subject.dataset)
    assert [each.metric.name for each in wanted] == ["modes", "fd", "prdc", "gradients"]
    (judged,) = one.measure(record, [modes])
    values = {at: {**numbers, "modes_20": 8 - at} for at, numbers in judged.values.items()}
    known = store.measured(record.key, [replace(judged, values=values)])
    (found,) = one.measure(known, [prdc])
    assert set(found.values) == {10, 20}


@pytest.mark.parametrize(
    ("script", "higher", "top"),
    [
        ((5.0, 4.0, 3.0, 2.0, 1.0), False, 4),
        ((1.0, 2.0, 3.0, 4.0, 5.0), False, 1),  # the start is nobody's best
        ((5.0, 2.0, 1.0, 3.0, 4.0), False, 2),
        ((5.0, 1.0, 3.0, 1.0, 4.0), False, 1),  # of equals the first
        ((5.0, 2.0, 7.0, 3.0, 4.0), True, 2),
        ((None, None, 9.0, None, 10.0), False, 2),
        ((None, -1.0, None, -3.0, None), True, 1),
        ((None, None, None, None, None), False, None),
    ],
)
def test_the_best_checkpoint_is_that_of_the_best_number(script, higher, top):
    values = {at: {"number": number} for at, number in enumerate(script)}
    assert best(values, range(5), Quantity("number", "", "", higher)) == top


# what is missing


def numbers(measurement):
    """Those of the checkpoints that could be measured."""
    return {at: own for at, own in measurement.values.items() if {*own.values()} != {None}}


def test_networks_that_were_not_kept_cost_what_needs_them(store, record, tmp_path):
    whole = measured(record, tmp_path)
    store.drop_networks(record.key, [10])
    found = measured(store.records[record.key], tmp_path)
    assert numbers(found["modes"]) == {at: whole["modes"].values[at] for at in (0, 20)}
    why = found["modes"].reasons["modes_20"]
    assert why.kind == "not_kept"
    assert "the networks after 10 updates were not kept" in why.text
    assert found["gradients"].whole == whole["gradients"].whole
    assert {why.kind for why in found["gradients"].reasons.values()} == {"too_few"}


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_file_of_networks_that_cannot_be_read_costs_its_own_checkpoint(record, tmp_path, how):
    whole = measured(record, tmp_path)
    file = record.folder / file_name(20)
    if how == "gone":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-3] ^= 1
        file.write_bytes(content)
    found = measured(record, tmp_path)
    assert numbers(found["data_fd"]) == {at: whole["data_fd"].values[at] for at in (0, 10)}
    why = found["data_fd"].reasons["data_fd"]
    assert why.kind == "failed"
    assert f"{file} is {how}" in why.text
    assert found["gradients"].whole == whole["gradients"].whole


def test_networks_of_another_architecture_are_told(record, tmp_path):
    found = measured(record, tmp_path, generator_widths=(9,))
    assert numbers(found["modes"]) == {}
    assert "the stored generator is not this architecture's" in (
        found["modes"].reasons["modes_20"].text
    )
    assert {why.kind for why in found["gradients"].reasons.values()} == {"too_few"}
    assert found["modes"].floor["modes_20"] == 8 or found["modes"].floor["modes_1"] == 8


def test_a_metric_that_fails_leaves_the_others_alone(record, tmp_path, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("no modes")

    whole = measured(record, tmp_path)
    monkeypatch.setattr(Modes, "measure", fails)
    found = measured(record, tmp_path)
    assert set(found["modes"].values[20].values()) == {None}
    why = Reason("failed", "it raises ZeroDivisionError: no modes")
    assert set(found["modes"].reasons.values()) == {why}
    assert found["data_fd"].values == whole["data_fd"].values


# floors


def test_a_floor_is_measured_once_and_a_damaged_one_again(record, tmp_path, monkeypatch):
    calls = []
    plain = Modes.measure
    monkeypatch.setattr(Modes, "measure", lambda self, seen: calls.append(1) or plain(self, seen))
    first = measured(record, tmp_path)["modes"].floor
    assert len(calls) == 3 + 1
    assert measured(record, tmp_path)["modes"].floor == first
    assert len(calls) == 3 + 1 + 3
    files = list(tmp_path.glob("floor-ring8-*.json"))
    assert len(files) == 2
    for content in ("", "{", "null", "[1]"):
        for file in files:
            file.write_text(content)
        assert measured(record, tmp_path)["modes"].floor == first


def test_a_floor_without_a_number_keeps_its_reason(record, tmp_path):
    for _ in range(2):
        found = measured(record, tmp_path, ["kid"])["kid"]
        assert found.floor == {"kid": None}
        assert found.reasons["kid"] == Reason(
            "too_few", "needs at least 1,000 samples, there are 100"
        )


# keys


def keys_of(cell: Cell, asked: list | None = None) -> dict[str, str]:
    cell = with_metrics(cell, asked)
    dataset = make_dataset(cell.dataset.name, cell.dataset.hyperparameters)
    return {each.metric.called: each.key for each in Keys().wanted(cell, dataset)}


def test_a_measurement_depends_on_the_run_its_metric_and_what_is_measured(make_cell):
    plain = keys_of(make_cell(), ["prdc"])
    other_run = keys_of(make_cell(seed=1), ["prdc"])
    assert all(other_run[name] != key for name, key in plain.items())
    more = keys_of(make_cell(dataset_hyperparameters={"evaluation_samples": 101}), ["prdc"])
    assert all(more[name] != key for name, key in plain.items())
    thresholds = keys_of(make_cell(), ["prdc", {"gradients": {"spike_z": 5}}])
    assert {n for n, key in plain.items() if thresholds[n] != key} == {"gradients"}
    # what tells the best checkpoint is part of what is measured there
    without = make_cell()
    part = with_metrics(without, ["prdc"])
    dataset = make_dataset(part.dataset.name, part.dataset.hyperparameters)
    alone = replace(part, metrics=tuple(c for c in part.metrics if c.name == "prdc"))
    (lonely,) = Keys().wanted(alone, dataset)
    assert lonely.key != plain["prdc"]


def test_a_measurement_survives_json(record, tmp_path):
    for each in measured(record, tmp_path, ["kid"]).values():
        again = Measurement.from_json(json.loads(json.dumps(each.to_json(), allow_nan=False)))
        assert again.values == each.values
        assert again.reasons == each.reasons
        assert (again.key, again.place) == (each.key, each.place)
