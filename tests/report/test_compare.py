"""What changed between two results folders."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from handmade import RING, recorder, ring_modes, studies_in
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.records.cell import SCHEMA, Cell
from bench.records.measurements import Measurement
from bench.records.record import Record
from bench.records.store import Store
from bench.registry import make_metric
from bench.report.compare import Comparison, compare, compare_folders, compose, write_comparison
from bench.report.compare.page import headline
from bench.report.page.markdown import render_markdown
from bench.report.statistics import holm, mean_interval, paired_p

METHODS = ("non_saturating", "wgan_gp")
FIVE = [4.0, 5.0, 6.0, 7.0, 5.0]


@dataclasses.dataclass
class Folder:
    """A results folder that is filled by hand."""

    path: Path
    cells: dict[tuple[str, int], Cell]

    def __post_init__(self) -> None:
        self.store = Store(self.path)
        self.store.cells.mkdir(parents=True)
        self.train = recorder(self.store)

    def put(self, method: str, seed: int, value: float | None, status="ok", **more: Any) -> None:
        cell = self.cells[method, seed]
        if "source" in more:
            cell = dataclasses.replace(cell, sources={"methods/it.py": more.pop("source")})
        evaluations = None if status in ("crashed", "killed") else ring_modes(0, value)
        self.train(cell, evaluations, status, "" if status == "ok" else "boom", **more)

    def fill(self, method: str, values: list[float | str], **more: Any) -> None:
        """Seeds 0, 1, … with their last value, or with a status in its place."""
        for seed, value in enumerate(values):
            if isinstance(value, str):
                self.put(method, seed, 0.0, value, **more)
            else:
                self.put(method, seed, value, **more)

    def records(self) -> list[Record]:
        return self.store.all()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Folder, Folder]:
    text = """
methods: [non_saturating, wgan_gp]
seeds: 6
evaluations: 1
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 100
"""
    study = studies_in(tmp_path)(text)
    cells = {(c.method.name, c.seed): c for c in study.cells}
    return Folder(tmp_path / "a", cells), Folder(tmp_path / "b", cells)


def compared(folders: tuple[Folder, Folder]) -> Comparison:
    return compare_folders(folders[0].path, folders[1].path)


def told(comparison: Comparison) -> str:
    return render_markdown(compose(comparison), "today")


def state_of(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_the_same_results_are_identical_whatever_the_code(folders):
    a, b = folders
    a.fill("wgan_gp", FIVE, source="old")
    b.fill("wgan_gp", FIVE, source="new", commit="abc", training_seconds=6.0)
    assert not {r.key for r in a.records()} & {r.key for r in b.records()}
    found = compared(folders)
    (pair,) = found.pairs
    assert (pair.verdict, pair.identical, pair.contrast.p, found.tested) == (
        "identical",
        [*range(5)],
        None,
        0,
    )
    assert pair.seconds.value == 2.0
    assert pair.memory.value == 1.0
    (changed,) = found.ingredients
    assert dataclasses.astuple(changed) == ("source methods/it.py", "old", "new", "", 5, 5)
    assert not found.fails("changed")


def test_a_difference_at_equal_seeds_is_tested_and_adjusted(folders):
    a, b = folders
    a.fill("non_saturating", FIVE)
    b.fill("non_saturating", [v + d for v, d in zip(FIVE, (0.1, -0.2, 0.1, 0, 0.3), strict=True)])
    a.fill("wgan_gp", FIVE)
    b.fill("wgan_gp", [1.0, 2.1, 2.9, 4.0, 2.0])
    noise, worse = compared(folders).pairs
    assert (noise.verdict, worse.verdict) == ("noise", "worse")
    differences = [-3.0, -2.9, -3.1, -3.0, -3.0]
    assert worse.contrast.p == pytest.approx(paired_p(differences))
    expected = holm([noise.contrast.p, worse.contrast.p])
    assert [noise.contrast.adjusted, worse.contrast.adjusted] == pytest.approx(expected)
    after = [1.0, 2.1, 2.9, 4.0, 2.0]
    expected_difference = mean_interval([b - a for a, b in zip(FIVE, after, strict=True)])
    assert worse.contrast.difference == expected_difference
    assert [m.value for m in worse.means if m] == pytest.approx([5.4, 2.4])


def test_the_direction_turns_with_the_sides_and_so_does_what_fails(folders):
    a, b = folders
    a.fill("wgan_gp", FIVE)
    b.fill("wgan_gp", [1.0, 2.1, 2.9, 4.0, 2.0])
    down, up = compare(a.records(), b.records()), compare(b.records(), a.records())
    assert (down.pairs[0].verdict, up.pairs[0].verdict) == ("worse", "better")
    fails = [[c.fails(on) for on in ("worse", "changed", "never")] for c in (down, up)]
    assert fails == [[True, True, False], [False, True, False]]


def test_last_digits_are_noise_however_they_lean(folders):
    """Two machines: every seed a little better in the last digits, which a t test would find."""
    a, b = folders
    a.fill("wgan_gp", FIVE)
    shifts = [1.0e-9, 1.1e-9, 1.0e-9, 1.1e-9, 1.0e-9]
    b.fill("wgan_gp", [v + s for v, s in zip(FIVE, shifts, strict=True)], device_name="another")
    (pair,) = compared(folders).pairs
    assert pair.contrast.adjusted is not None
    assert pair.contrast.adjusted < 0.05
    assert pair.verdict == "noise"
    assert pair.seconds.value is None
    assert "differs, not beyond noise" in told(compared(folders))
    assert "another device" in told(compared(folders))


@pytest.mark.parametrize(
    ("before", "after", "verdict", "why"),
    [
        (FIVE, [*FIVE[:4], "diverged"], "noise", None),
        (FIVE[:3], ["diverged"] * 3, "worse", "all 3 seeds finished in A, none in B"),
        (["diverged"] * 3, FIVE[:3], "better", "all 3 seeds finished in B, none in A"),
        (FIVE[:2], ["diverged"] * 2, "noise", None),
        (FIVE, ["diverged"] * 5, "worse", "adjusted p 0.0079"),
        (FIVE, [*FIVE[:4], "crashed"], "worse", "1 of 5 seeds crashed only in B"),
        ([*FIVE[:4], "killed"], FIVE, "better", "1 of 5 seeds killed only in A"),
        (["diverged", 5.0], ["crashed", 5.0], "worse", "1 of 2 seeds crashed only in B"),
        (["crashed"] * 3, ["crashed"] * 3, "not compared", "every seed failed on both sides"),
        (["killed", 3.0], [3.0, "crashed"], "worse", "1 of 2 seeds crashed only in B"),
        ([5.0], [1.0], "noise", "one seed cannot be tested"),
        ([None, None], [None, 3.0], "not compared", "no modes (≥20) of 8"),
    ],
)
def test_failed_seeds_count_as_the_worst_and_are_told(folders, before, after, verdict, why):
    folders[0].fill("wgan_gp", before)
    folders[1].fill("wgan_gp", after)
    found = compared(folders)
    (pair,) = found.pairs
    assert pair.verdict == verdict
    if why:
        assert why in pair.reasons
    changed = [(seed, b) for seed, b in enumerate(after)
               if isinstance(b, str) or isinstance(before[seed], str)]  # fmt: skip
    assert len(pair.changes) == sum(
        (before[s] if isinstance(before[s], str) else "ok") != (b if isinstance(b, str) else "ok")
        for s, b in changed
    )
    text = told(found)
    for status in {b for b in after if isinstance(b, str)} & {s for _, s in pair.changes.values()}:
        assert f"| {status} | B: boom" in text.replace("A: boom; ", "")


def test_spikes_are_told_and_decide_nothing(folders):
    a, b = folders
    import numpy as np

    calm = np.ones(1000, np.float32)
    wild = calm.copy()
    wild[300:900:60] = 1e4
    a.fill("wgan_gp", FIVE, norms=calm)
    b.fill("wgan_gp", FIVE, norms=wild)
    (pair,) = compared(folders).pairs
    before, after = pair.spikes["generator"]
    assert before
    assert after
    assert (before.median, after.median) == (0.0, 100.0)
    assert pair.verdict == "noise"
    assert pair.parts == ["whole-run"]
    assert "0.0 → 100.0" in told(compared(folders))


def test_what_one_side_lacks_is_listed_with_its_nearest(folders):
    a, b = folders
    a.fill("non_saturating", FIVE)
    b.fill("non_saturating", FIVE[:3])
    a.fill("wgan_gp", [1.0, "diverged"])
    found = compared(folders)
    assert [(x.method, x.seeds, x.statuses) for x in found.only_a] == [
        ("non_saturating", [3, 4], {"ok": 2}),
        ("wgan_gp", [0, 1], {"ok": 1, "diverged": 1}),
    ]
    assert found.only_a[0].nearest == ("only the seeds",)
    assert not found.only_b
    text = told(found)
    assert "4 cells only in A: not compared" in text
    assert "1 ok, 1 diverged" in text


def test_of_several_records_of_a_cell_the_newest_answers(folders):
    a, b = folders
    a.fill("wgan_gp", [1.0] * 3, source="older", finished_at="2026-01-01T00:00:00Z")
    a.fill("wgan_gp", [5.0, 6.0, 7.0], source="newer", finished_at="2026-02-01T00:00:00Z")
    b.fill("wgan_gp", [5.0, 6.0, 7.0], source="b")
    found = compared(folders)
    assert found.pairs[0].verdict == "identical"
    assert (found.a.older, found.b.older) == (3, 0)
    assert "3 older records of the same cells passed over" in told(found)


def test_a_metric_that_one_side_was_measured_by_is_left_out_and_named(folders):
    a, b = folders
    a.fill("wgan_gp", FIVE)
    b.fill("wgan_gp", FIVE)
    less = [
        record.asked([m.key for m in record.measurements if m.metric != "data_fd"], {})
        for record in a.records()
    ]
    found = compare(less, b.records())
    assert [pair.verdict for pair in found.pairs] == ["identical"]
    assert "Only B was measured by data_fd: not compared." in told(found)


def test_a_setting_that_is_new_in_one_commit_had_its_default(folders):
    a, b = folders
    a.fill("wgan_gp", FIVE)
    b.fill("wgan_gp", FIVE)
    old = []
    for record in a.records():
        data = json.loads(json.dumps(record.data))
        del data["cell"]["dataset"]["hyperparameters"]["sigma"]
        del data["cell"]["training"]["ema"]
        old.append(Record(data, known=record.known))
    assert compare(old, b.records()).pairs[0].verdict == "identical"


def test_another_protocol_is_a_caution(folders):
    a, b = folders
    a.fill("wgan_gp", FIVE, protocol={"reference": "test"})
    b.fill("wgan_gp", FIVE, protocol={"reference": "train"})
    found = compared(folders)
    (changed,) = found.protocols
    assert (changed.name, changed.a, changed.b, changed.cells) == ("reference", "test", "train", 5)
    assert found.pairs[0].verdict == "noise"
    assert "The protocol is not the same on ring8" in told(found)


def test_a_study_narrows_by_what_cells_are(folders):
    a, b = folders
    for folder, source in ((a, "old"), (b, "new")):
        folder.fill("wgan_gp", FIVE, source=source)
        folder.fill("non_saturating", FIVE, source=source)
    cells = [cell for (method, _), cell in a.cells.items() if method == "wgan_gp"]
    found = compare_folders(a.path, b.path, cells)
    assert [pair.method for pair in found.pairs] == ["wgan_gp"]
    other = [dataclasses.replace(cell, updates=7) for cell in cells]
    with pytest.raises(BenchError, match="holds no record of this study; leave --study out"):
        compare_folders(a.path, b.path, other)


def test_what_is_written_agrees_and_the_folders_stay_as_they_are(folders, tmp_path):
    a, b = folders
    a.fill("wgan_gp", FIVE)
    b.fill("wgan_gp", [1.0, 2.1, 2.9, 4.0, 2.0])
    b.fill("non_saturating", FIVE)
    damaged = next(iter(sorted((b.path / "cells").iterdir())))
    (damaged / "series.npz").write_bytes(b"half")
    before = state_of(a.path), state_of(b.path)
    found = compared(folders)
    page = write_comparison(found, tmp_path / "out" / "here")
    assert (state_of(a.path), state_of(b.path)) == before
    assert sorted(f.name for f in page.parent.iterdir()) == [
        ".comparison.json", "comparison.csv", "comparison.html", "comparison.md", "tables",
    ]  # fmt: skip
    html = page.read_text()
    assert damaged.name in html
    assert "cannot be read and was left out" in html
    with open(page.with_suffix(".csv"), newline="") as file:
        (row,) = csv.DictReader(file)
    pair = found.pairs[0]
    assert row["verdict"] == pair.verdict
    assert float(row["p_adjusted"]) == pytest.approx(pair.contrast.adjusted)
    assert headline(found) in html
    assert "beyond noise" in page.with_suffix(".md").read_text()


def test_a_bad_pair_of_folders_is_one_clear_line(folders, tmp_path):
    a, b = folders
    a.fill("wgan_gp", FIVE)

    def refused(one: Path, other: Path) -> str:
        with pytest.raises(BenchError) as left:
            compare_folders(one, other)
        assert "\n" not in str(left.value)
        return str(left.value)

    assert "there is no results folder" in refused(a.path, tmp_path / "nowhere")
    assert "holds no records; `bench run --results` fills one" in refused(a.path, b.path)
    (b.path / "quick").mkdir()
    assert f"did you mean '{b.path}'?" in refused(a.path, b.path / "quick")
    assert "are the same folder" in refused(a.path, a.path / "." / "cells" / "..")
    for seed in range(2):
        cell = dataclasses.replace(a.cells["wgan_gp", seed], updates=70)
        b.train(cell, {0: RING, 70: RING})
    said = refused(a.path, b.path)
    assert "have no cell in common; the nearest differ in budget 100 → 70" in said
    for file in b.path.glob("cells/*/record.json"):
        file.write_text("{")
    assert "none of the 2 records" in refused(a.path, b.path)


def test_nothing_is_written_into_what_is_compared(folders, tmp_path):
    for folder in folders:
        folder.fill("wgan_gp", FIVE)
    found = compared(folders)
    with pytest.raises(BenchError, match="lies within"):
        write_comparison(found, folders[0].path / "comparison")
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot write the comparison"):
        write_comparison(found, tmp_path / "file")


def test_datasets_that_are_unknown_here_are_told(folders):
    a, b = folders
    for folder in folders:
        folder.fill("wgan_gp", FIVE)
        folder.fill("non_saturating", FIVE)

    def renamed(records: list[Record], all_of_them: bool) -> list[Record]:
        found = []
        for record in records:
            data = json.loads(json.dumps(record.data))
            if all_of_them or data["cell"]["method"]["name"] == "wgan_gp":
                data["cell"]["dataset"] |= {"name": "lost", "label": "lost"}
            found.append(Record(data, known=record.known))
        return found

    one, other = (renamed(folder.records(), False) for folder in folders)
    found = compare(one, other)
    assert [pair.method for pair in found.pairs] == ["non_saturating"]
    assert "5 cells on lost are left out: unknown dataset 'lost'" in found.notes[0]
    with pytest.raises(BenchError, match="can be compared here: unknown dataset"):
        compare(renamed(a.records(), True), renamed(b.records(), True))


def counted(modes: int) -> Measurement:
    """A measurement of the last checkpoint."""
    hyperparameters = make_metric("modes").hyperparameters()
    values = {20: {"modes_20": float(modes)}}
    return Measurement(
        "key", "modes", {"name": "modes", "hyperparameters": hyperparameters}, {}, values
    )


score = st.one_of(st.sampled_from(["ok", "diverged", "crashed"]), st.integers(0, 8))


@pytest.fixture(scope="module")
def make(make_cell: Callable[..., Cell]) -> Callable[[list[Any]], list[Record]]:
    cells = [make_cell(seed=seed) for seed in range(5)]

    def make(values: list[Any]) -> list[Record]:
        return [
            Record({
                "schema": SCHEMA, "key": cell.key, "cell": cell.to_json(),
                "ingredients": cell.ingredients(), "reason": "", "run": {}, "files": {},
                "status": value if isinstance(value, str) else "ok",
                "result": {"checkpoints": [{"update": 20, "generator_update": 20}]}
                if isinstance(value, int) else {},
            }, known={"key": counted(value)} if isinstance(value, int) else {})
            for cell, value in zip(cells, values, strict=False)
        ]  # fmt: skip

    compare(make([1]), make([1]))  # which finds all parts there are, once
    return make


@settings(deadline=None, max_examples=40)
@given(a=st.lists(score, min_size=1, max_size=5), b=st.lists(score, min_size=1, max_size=5))
def test_the_two_directions_mirror_each_other(make, a, b):
    there, back = compare(make(a), make(b)), compare(make(b), make(a))
    (one,), (other,) = there.pairs, back.pairs
    p, q = one.contrast.p, other.contrast.p
    assert p == q or math.isclose(p or 0, q or 0)
    if "worse" not in (one.verdict, other.verdict):
        assert one.verdict == other.verdict
    elif one.verdict != other.verdict:
        assert {one.verdict, other.verdict} == {"worse", "better"}
    assert len(there.only_a) == len(back.only_b)
    assert set(one.records) == set(range(min(len(a), len(b))))
    assert told(there)
