"""What was measured lies beside a record, and networks may be given up."""

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.metric import NotKept, Reason
from bench.networks import Checkpoint, file_name, read, update_of
from bench.records.measurements import FILE, Measurement
from bench.records.record import Record, load, pack, with_files
from bench.records.store import Store


def networks(update: int) -> Checkpoint:
    draw = torch.Generator().manual_seed(update)
    players = {
        player: {"0.weight": torch.randn(3, 2, generator=draw), "1.count": torch.tensor(update)}
        for player in ("generator", "discriminator")
    }
    players["average"] = {"0.weight": torch.zeros(3, 2)}
    return Checkpoint(update, update // 2, players)


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path)
    with store.writing():
        pass
    return store


@pytest.fixture
def record(store, make_cell, make_record) -> Record:
    files = {file_name(update): networks(update).packed() for update in (0, 10, 20)}
    files["series.npz"] = pack({"generator_norm": np.ones(3, np.float32)})
    points = [{"update": u, "generator_update": u // 2} for u in (0, 10, 20)]
    data = make_record(make_cell(), result={"checkpoints": points})
    return store.put(with_files(data, files), files)


def measurement(key: str, metric: str = "modes", **more) -> Measurement:
    part = {"name": metric, "hyperparameters": more.pop("hyperparameters", {})}
    return Measurement(key, metric, part, more.pop("ingredients", {}), **more)


# networks


def test_networks_are_read_as_they_were_written(record):
    assert sorted(record.networks) == [0, 10, 20]
    for update in (0, 10, 20):
        found, made = record.checkpoint(update), networks(update)
        assert (found.update, found.generator_update) == (update, update // 2)
        assert found.players.keys() == made.players.keys()
        for player, tensors in made.players.items():
            for name, tensor in tensors.items():
                assert torch.equal(found.players[player][name], tensor)
        # the average has the place of the weights, which keep their own buffers
        assert not found.generator("averaged")["0.weight"].any()
        assert found.generator("averaged")["1.count"] == update
        assert found.generator("last") == found.players["generator"]


def test_the_same_networks_are_the_same_bytes():
    assert networks(3).packed() == networks(3).packed() != networks(4).packed()
    assert update_of(file_name(1234)) == 1234
    assert update_of("series.npz") is None


@pytest.mark.parametrize("left", [0, 5, 100, -1])
def test_what_is_no_file_of_networks_is_told(tmp_path, left):
    file = tmp_path / "networks.safetensors"
    file.write_bytes(networks(1).packed()[:left])
    with pytest.raises(BenchError, match=r"networks\.safetensors' cannot be read"):
        read(file)
    file.unlink()
    with pytest.raises(BenchError, match="there is no such file"):
        read(file)


def test_networks_that_were_changed_or_are_gone_leave_the_record_sound(store, record):
    (record.folder / file_name(10)).write_bytes(networks(11).packed())
    (record.folder / file_name(20)).unlink()
    again = store.get(record.key)
    assert store.set_aside == []
    assert again.checkpoint(0).update == 0
    with pytest.raises(BenchError, match=r"00000010\.safetensors is damaged"):
        again.checkpoint(10)
    with pytest.raises(BenchError, match=r"00000020\.safetensors is gone"):
        again.checkpoint(20)
    with pytest.raises(NotKept, match="the networks after 5 updates were not kept"):
        again.checkpoint(5)


def test_networks_are_given_up_and_the_rest_stays(store, record):
    sizes = {u: record.data["files"][name]["bytes"] for u, name in record.networks.items()}
    store.measured(record.key, [measurement("a")])
    assert store.drop_networks(record.key, [0, 10, 15]) == sizes[0] + sizes[10]
    for again in (store.records[record.key], Store(store.results).get(record.key)):
        assert sorted(again.networks) == [20]
        assert set(again.known) == {"a"}
        assert again.series()
    assert [f.name for f in (record.folder / "networks").iterdir()] == ["00000020.safetensors"]
    with pytest.raises(NotKept):
        store.records[record.key].checkpoint(0)


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_numbers_outlive_networks_that_are_damaged(store, record, how):
    older = measurement("a", values={0: {"x": 1.0}, 10: {"x": 2.0}, 20: {"x": 3.0}})
    store.measured(record.key, [older])
    file = record.folder / record.networks[10]
    file.unlink() if how == "gone" else file.write_bytes(b"nothing")
    why = {"x": Reason("failed", f"{file} is {how}")}
    values = {0: {"x": 1.5}, 10: {"x": None}, 20: {"x": 3.5}}
    other = measurement("c", "kid", values=values, reasons=why)
    store.measured(record.key, [measurement("b", values=values, reasons=why), other])
    (note,) = store.set_aside
    assert f"{file} are damaged or gone" in note
    assert len(list((store.results / "damaged").glob("*"))) == (how == "damaged")
    for again in (store.records[record.key], Store(store.results).get(record.key)):
        assert sorted(again.networks) == [0, 20]
        # what no other measurement can give stays, and the rest is what was found
        assert again.known == {"a": older, "c": other}


def test_a_metric_that_fails_gives_up_older_numbers_and_no_networks(store, record):
    store.measured(record.key, [measurement("a", values={10: {"x": 2.0}})])
    failed = {"values": {10: {"x": None}}, "reasons": {"x": Reason("failed", "it raises")}}
    again = store.measured(record.key, [measurement("b", **failed)])
    assert set(again.known) == {"b"}
    assert sorted(again.networks) == [0, 10, 20]
    assert store.set_aside == []


# measurements


def test_measurements_are_joined_by_checkpoint(store, record):
    first = measurement(
        "a", values={0: {"x": 1.0}, 10: {"x": None}, 20: {"x": 3.0}}, floor={"x": 0.5},
        reasons={"x": Reason("undefined", "nothing there")}, measured={"seconds": 2.0},
    )  # fmt: skip
    second = measurement("b", "kid", values={20: {"y": 4.0}}, measured={"seconds": 1.0})
    store.measured(record.key, [first, second, measurement("c", "gradients", whole={"z": 5.0})])
    for again in (store.records[record.key], Store(store.results).get(record.key)):
        numbers = [{n: v for n, v in e.items() if n in "xy"} for e in again.evaluations]
        assert numbers == [{"x": 1.0}, {"x": None}, {"x": 3.0, "y": 4.0}]
        assert [e["update"] for e in again.evaluations] == [0, 10, 20]
        assert (again.whole, again.floor) == ({"z": 5.0}, {"x": 0.5})
        assert again.not_computed == {"x": Reason("undefined", "nothing there")}
        assert again.evaluation_seconds == 3.0
        assert [part.label for part in again.cell.metrics] == ["modes", "kid", "gradients"]


def test_a_newer_measurement_replaces_that_of_the_same_metric_and_hyperparameters(store, record):
    other = measurement("c", hyperparameters={"window": 5})
    more = measurement("d", ingredients={"evaluation evaluation_samples": 7})
    store.measured(record.key, [measurement("a"), other, more])
    store.measured(record.key, [measurement("b")])
    assert set(store.get(record.key).known) == {"b", "c", "d"}


def test_a_study_is_shown_what_it_asks_for_in_its_order(store, record):
    known = store.measured(record.key, [measurement("a"), measurement("b", "kid")])
    why = Reason("unavailable", "no weights")
    shown = known.asked(["b", "gone"], {"fid": why})
    assert [each.key for each in shown.measurements] == ["b"]
    assert shown.not_computed == {"fid": why}


@pytest.mark.parametrize("content", ["", "{", "null", "[1]", '[{"key": "a"}]'])
def test_damaged_measurements_are_told_and_taken_again(store, record, content):
    store.measured(record.key, [measurement("a")])
    (record.folder / FILE).write_text(content)
    again = store.get(record.key)
    assert again.known == {}
    assert "are damaged" in store.set_aside[0]
    assert "they are taken again" in store.set_aside[0]
    store.measured(record.key, [measurement("b")])
    assert set(load(record.folder).known) == {"b"}


def test_a_record_that_is_trained_anew_is_measured_anew(store, record):
    store.measured(record.key, [measurement("a")])
    again = store.put(with_files(record.data, {}), {})
    assert again.known == {}
    assert store.get(record.key).known == {}
