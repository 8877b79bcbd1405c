"""Records are kept whole or not at all, and damage is told, never raised."""

import errno
import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from bench.errors import BenchError
from bench.records.cell import SCHEMA
from bench.records.record import pack, with_files
from bench.records.store import Store
from bench.stored import find_record


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "results")
    with store.writing():
        pass
    return store


@pytest.fixture
def arrays() -> dict:
    rng = np.random.default_rng(0)
    return {"generator_norm": rng.random(50, np.float32), "discriminator_norm": rng.random(99)}


@pytest.fixture
def put(store, make_cell, make_record, arrays):
    def put(seed: int = 0, **more):
        files = {"series.npz": pack(arrays), "samples.npz": pack({"updates": np.arange(3)})}
        return store.put(with_files(make_record(make_cell(seed=seed), **more), files), files)

    return put


def test_what_is_put_is_what_is_got(store, put, arrays, make_cell):
    put(seed=0, status="diverged")
    put(seed=1)
    record = store.get(make_cell(seed=0).key)
    assert record.status == "diverged"
    assert record.cell.key == record.key
    assert record.series().keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(record.series()[name], values)
        assert record.series()[name].dtype == values.dtype
    np.testing.assert_array_equal(record.samples()["updates"], [0, 1, 2])
    assert {r.key for r in store.all()} == {make_cell(seed=s).key for s in (0, 1)}
    assert store.get("unheard-of") is None
    assert store.set_aside == []


def test_a_second_record_replaces_the_first(store, put):
    put(status="crashed")
    assert store.get(put(status="ok").key).status == "ok"
    assert len(store.all()) == 1


def test_a_store_is_read_once_and_knows_what_is_put(store, put, monkeypatch):
    first = put(seed=0, status="crashed")
    readings = []
    every = Store.all
    monkeypatch.setattr(Store, "all", lambda self: readings.append(self) or every(self))
    assert store.records.keys() == {first.key}
    second, better = put(seed=1), put(seed=0, status="ok")
    assert store.records.keys() == {first.key, second.key}
    assert store.records[first.key].status == "ok"
    assert len(readings) == 1
    for record in (second, better):
        assert record.data == store.get(record.key).data


def test_what_another_run_wrote_before_the_lock_is_read_under_it(store, put):
    put(seed=0)
    late = Store(store.results)
    assert len(late.records) == 1
    put(seed=1)
    with late.writing():
        assert len(late.records) == 2


def test_packed_arrays_are_the_same_bytes_every_time(arrays):
    assert pack(arrays) == pack(dict(arrays))


@pytest.mark.parametrize("name", ["record.json", "series.npz", "samples.npz"])
def test_a_truncated_file_sets_the_record_aside(store, put, name):
    good = put(seed=1).key
    for count, share in enumerate((0, 0.01, 0.3, 0.5, 0.9, 0.999)):
        record = put(seed=0)
        file = record.folder / name
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
        assert store.get(record.key) is None
        assert len(store.set_aside) == count + 1
        assert record.key in store.set_aside[-1]
        assert "damaged" in store.set_aside[-1]
        assert not record.folder.exists()
        assert [r.key for r in store.all()] == [good]
    assert len(list((store.results / "damaged").iterdir())) == 6


@pytest.mark.parametrize("name", ["record.json", "series.npz"])
def test_a_missing_file_sets_the_record_aside(store, put, name):
    record = put()
    (record.folder / name).unlink()
    assert store.get(record.key) is None
    assert record.key in store.set_aside[0]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "3",
        '"text"',
        "{}",
        '{"schema": "1"}',
        '{"schema": null}',
        f'{{"schema": {SCHEMA}}}',
    ],
)
def test_json_that_is_no_record_is_set_aside(store, put, content):
    record = put()
    (record.folder / "record.json").write_text(content)
    assert store.get(record.key) is None
    assert len(store.set_aside) == 1


def test_a_part_of_another_kind_is_set_aside(store, put):
    data = put().data
    parts = [part for part in data if part not in ("schema", "output")]
    for part in parts:
        for value in (None, [], 7, [1]):
            record = put()
            (record.folder / "record.json").write_text(json.dumps({**data, part: value}))
            assert store.get(record.key) is None, (part, value)
    assert len(store.set_aside) == 4 * len(parts)


@pytest.mark.parametrize(
    "files", [{"series.npz": 1}, {"series.npz": {}}, {"series.npz": {"bytes": None}}]
)
def test_a_list_of_files_that_says_nothing_is_set_aside(store, put, files):
    record = put()
    (record.folder / "record.json").write_text(json.dumps({**record.data, "files": files}))
    assert store.get(record.key) is None


@pytest.mark.parametrize("part", ["method", "training", "seed"])
def test_a_cell_that_lacks_a_part_is_set_aside(store, put, part):
    record = put()
    del record.data["cell"][part]
    (record.folder / "record.json").write_text(json.dumps(record.data))
    assert store.get(record.key) is None


def test_random_damage_to_the_text_is_never_raised(store, put):
    draw = random.Random(0)
    record = put()
    sound = (record.folder / "record.json").read_bytes()
    for _ in range(100):
        record = put()
        damaged = bytearray(sound)
        for _ in range(3):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        (record.folder / "record.json").write_bytes(damaged)
        try:
            found = store.get(record.key)
        except BenchError:
            continue
        assert found is None or found.key == record.key


def test_a_flipped_byte_in_an_array_is_noticed_when_it_is_read(store, put):
    record = put()
    file = record.folder / "series.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(BenchError, match=r"series\.npz is damaged; delete the folder"):
        store.get(record.key).series()


def test_an_older_schema_counts_as_none_and_is_left_alone(store, put):
    record = put(schema=SCHEMA - 1)
    assert store.get(record.key) is None
    assert store.set_aside == []
    assert record.folder.exists()


def test_a_newer_schema_is_told(store, put):
    record = put(schema=SCHEMA + 1)
    with pytest.raises(BenchError, match="written by a newer version"):
        store.get(record.key)
    assert record.folder.exists()


def test_what_a_stopped_writer_has_left_is_cleared_by_the_next_run(store, put):
    record = put()
    scratch = store.cells / f".{record.key}-1234"
    scratch.mkdir()
    (scratch / "record.json").write_text("{")
    assert [r.key for r in store.all()] == [record.key]
    with store.writing():
        assert not scratch.exists()
    assert store.get(record.key) is not None


def test_a_second_run_is_told_who_holds_the_folder(store):
    with (
        store.writing(),
        pytest.raises(BenchError, match=f"in use by process {os.getpid()} on"),
        Store(store.results).writing(),
    ):
        pytest.fail("two runs at once")
    with store.writing():
        pass


HOLDER = """
import fcntl, sys
lock = open(sys.argv[1] + "/.lock", "a+")
fcntl.flock(lock, fcntl.LOCK_EX)
lock.truncate(0)
lock.write("process 4711 on elsewhere")
lock.flush()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_ends_with_the_process_that_held_it(store):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.results)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BenchError, match="process 4711 on elsewhere"), store.writing():
            pytest.fail("two runs at once")
    finally:
        holder.kill()
        holder.communicate()
    with store.writing():
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    file = tmp_path / "a-file"
    file.write_text("")
    for place in (file, file / "below", tmp_path / ("x" * 300)):
        with (
            pytest.raises(BenchError, match="cannot write to the results folder") as told,
            Store(place).writing(),
        ):
            pytest.fail("it cannot be written to")
        assert "\n" not in str(told.value)


def test_a_full_disk_leaves_earlier_records_intact(store, put, monkeypatch):
    first, old = put(seed=0), put(seed=1, status="crashed")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        for seed in (1, 2):
            with pytest.raises(BenchError, match=r"No space left on device.*make room") as told:
                put(seed=seed)
            assert "\n" not in str(told.value)
    assert {r.key for r in store.all()} == {first.key, old.key}
    assert store.get(old.key).status == "crashed"
    assert first.series()
    assert [folder.name for folder in store.cells.iterdir() if folder.name[0] == "."] == []
    assert store.set_aside == []


def test_half_a_surrogate_pair_that_a_worker_printed_is_kept(store, put):
    record = put(output="half \udce4 pair")
    assert store.get(record.key).data["output"] == "half \udce4 pair"
    assert store.set_aside == []


def test_records_hold_what_they_share_once_and_what_is_damaged_for_themselves(store, put):
    first, second = put(seed=0), put(seed=1)
    damaged = put(seed=2)
    file = damaged.folder / "record.json"
    told = json.loads(file.read_text())
    told["cell"]["sources"] = {**told["cell"]["sources"], "bench/method.py": "changed"}
    file.write_text(json.dumps(told))
    one, other, changed = (store.get(r.key).data["cell"] for r in (first, second, damaged))
    assert one["sources"] is other["sources"]
    assert changed["sources"] == told["cell"]["sources"] != one["sources"]
    assert (one["seed"], other["seed"]) == (0, 1)


def test_one_record_is_found_without_reading_the_others(store, put):
    wanted, damaged = put(seed=0), put(seed=1)
    (damaged.folder / "record.json").write_text("{")
    assert find_record(store, wanted.key[:8]).key == wanted.key
    assert damaged.folder.exists()
    with pytest.raises(BenchError, match="no cells"):
        find_record(store, damaged.key)
    assert len(store.set_aside) == 1
