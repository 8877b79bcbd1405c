"""All series and evaluations as one tidy Parquet, and the notebook that reads it."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from handmade import RING, by_hand, ring_modes

from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.metrics.gradients import detect
from bench.records.store import Store
from bench.report.analysis.problems import problems
from bench.report.analysis.ranking import Standing, standings
from bench.report.export import all_of, describe, export, of_study, writing
from bench.report.export.columns import COLUMNS, KINDS
from bench.report.export.rows import labelled
from bench.study import Study

NOTEBOOK = Path(__file__).parents[2] / "docs" / "exported-results.ipynb"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Planned], pd.DataFrame]:
    """non_saturating ends at 6, 7, 8 modes; wgan_gp at 2, 4, and diverges on seed 2."""
    folder = tmp_path_factory.mktemp("export")
    _, planned, store = by_hand(folder)
    found, notes = all_of(store.results)
    assert not notes
    file = folder / "out" / "all.parquet"
    assert export(found, file, "By hand").file == file
    return file, planned, pd.read_parquet(file)


def test_every_number_of_every_record_is_a_row(exported):
    _, planned, table = exported
    assert set(table["kind"]) == set(KINDS)
    for each in planned:
        record = each.record
        own = table[table["key"] == record.key]
        assert set(own["status"]) == {record.status}
        assert set(own["seed"]) == {record.cell.seed}
        evaluations = own[own["kind"] == "evaluation"]
        for evaluation in record.evaluations:
            rows = evaluations[evaluations["update"] == evaluation["update"]]
            values = dict(zip(rows["quantity"], rows["value"], strict=True))
            expected = {n: v for n, v in evaluation.items() if not n.endswith("update")}
            assert values == expected
            assert set(rows["generator_update"]) == {evaluation["generator_update"]}
        for player in ("discriminator", "generator"):
            for quantity in ("loss", "norm"):
                rows = own[(own["kind"] == quantity) & (own["player"] == player)]
                expected = record.series()[f"{player}_{quantity}"]
                assert rows["value"].tolist() == expected.astype(float).tolist()
                assert rows["update"].tolist() == [*range(1, len(expected) + 1)]
        floor = own[own["kind"] == "floor"]
        assert dict(zip(floor["quantity"], floor["value"], strict=True)) == {
            "modes_20": 8.0, **RING,
        }  # fmt: skip
        cost = own[own["kind"] == "cost"].set_index("quantity")["value"]
        assert cost["training_seconds"] == 3.0
        assert cost["discriminator_updates"] == len(record.series()["discriminator_norm"])
        protocol = json.loads(own["protocol"].iloc[0])
        assert protocol == record.protocol


def test_each_cell_has_one_row_that_says_whether_it_finished(exported):
    _, planned, table = exported
    cells = table[table["kind"] == "cell"]
    assert cells["key"].is_unique
    assert len(cells) == len(planned)
    finished = dict(zip(cells["key"], cells["value"], strict=True))
    assert finished == {p.cell.key: float(p.record.status == "ok") for p in planned}
    (reason,) = set(cells["reason"]) - {""}
    assert "a weight is not finite" in reason


def test_the_file_says_what_it_holds(exported):
    file, planned, table = exported
    form = pq.read_schema(file)
    assert form.names == [column.name for column in COLUMNS]
    for column in COLUMNS:
        told_there = form.field(column.name).metadata
        assert told_there[b"description"].decode() == column.meaning
        assert told_there.get(b"unit", b"").decode() == column.unit
    known = json.loads(form.metadata[b"data_dictionary"])
    named = {(q["kind"], q["name"]) for q in known["quantities"]}
    rows = {(k, q) for k, q in zip(table["kind"], table["quantity"], strict=True) if k != "floor"}
    assert rows <= named
    page = file.with_name("all.parquet.md").read_text()
    assert page == describe("By hand", labelled(planned))
    for name in (*form.names, *KINDS, *(q["name"] for q in known["quantities"])):
        assert f"| {name} |" in page


def test_the_same_records_give_the_same_file(exported, tmp_path):
    file, planned, _ = exported
    keys = sorted(planned, key=lambda each: each.cell.key)
    again = export(keys, tmp_path / "again.parquet", "By hand")
    assert [p.cell.key for p in keys] == [r.key for r in Store(planned[0].record.folder.parents[1])
                                         .all()]  # fmt: skip
    assert again.size == again.file.stat().st_size
    pd.testing.assert_frame_equal(
        pd.read_parquet(again.file).drop(columns=["state", "reason"]),
        pd.read_parquet(file).drop(columns=["state", "reason"]),
    )
    twice = export(keys, tmp_path / "twice.parquet", "By hand")
    assert twice.file.read_bytes() == again.file.read_bytes()


@pytest.mark.parametrize("group", [1, 37, 100_000])
def test_rows_do_not_depend_on_the_size_of_a_group(exported, tmp_path, monkeypatch, group):
    _, planned, _ = exported
    whole = pd.read_parquet(export(planned[:2], tmp_path / "whole.parquet", "").file)
    monkeypatch.setattr(writing, "GROUP", max(group, 37) if group != 1 else 50)
    parts = export(planned[:2], tmp_path / "parts.parquet", "")
    found = pd.read_parquet(parts.file)
    assert parts.rows == len(whole)
    pd.testing.assert_frame_equal(found, whole, check_categorical=False)
    groups = pq.ParquetFile(parts.file).metadata
    sizes = [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]
    assert max(sizes) < 2 * writing.GROUP or len(sizes) == 1


def test_flags_are_those_of_the_definition(store, train, make_study, tmp_path):
    cell = make_study().cells[0]
    norms = np.ones(2000, np.float32)
    norms[500:503] = 50
    norms[1500] = 1000
    norms[1600:1800] = 1e-6
    norms[-1] = np.inf
    train(cell, ring_modes(0, 5), status="diverged", reason="it is not finite", norms=norms)
    planned, _ = all_of(store.results)
    table = pd.read_parquet(export(planned, tmp_path / "f.parquet", "").file)
    for player in ("discriminator", "generator"):
        own = table[(table["kind"] == "norm") & (table["player"] == player)]
        flags = detect(norms, player == "generator")
        found = own["flag"].astype(object).where(own["flag"].notna(), "")
        assert (found == "spike").tolist() == flags.spike().tolist()
        assert (found == "vanishing").tolist() == flags.vanishing.tolist()
        assert (found == "non_finite").tolist() == flags.non_finite.tolist()
        counted = table[(table["kind"] == "gradient") & (table["player"] == player)]
        counted = counted.set_index("quantity")["value"]
        assert counted["spike_updates_10"] == flags.spike().sum()
        # the third is the return from nothing
        assert counted["spikes_10"] == 3
        assert ("vanishing" in counted) == (player == "generator")
    assert np.isinf(own["value"].iloc[-1])


def test_what_failed_or_is_absent_is_there_with_its_reason(store, train, make_study, tmp_path):
    study = make_study()
    cells = study.cells
    train(cells[0], ring_modes(0, 5))
    train(cells[1], status="crashed", reason="RuntimeError:\n boom")
    blank: dict[int, dict[str, Any]] = {0: dict(RING), 50: {**RING, "modes_20": None}}
    train(cells[2], blank, not_computed={"modes_20": "no weights"})
    planned, notes = of_study(study, store.results)
    assert not notes
    table = pd.read_parquet(export(planned, tmp_path / "f.parquet", "").file)
    seen = table[table["kind"] == "cell"].set_index("key")
    assert len(seen) == len(cells)
    assert seen.loc[cells[1].key, "reason"].endswith("RuntimeError: boom")
    assert seen.loc[cells[1].key, "value"] == 0
    assert set(seen["status"]) == {"ok", "crashed", "missing"}
    assert seen.loc[cells[3].key, "reason"] == "never trained"
    assert np.isnan(seen.loc[cells[3].key, "value"])
    own = table[(table["key"] == cells[2].key) & (table["quantity"] == "modes_20")]
    (row,) = own[own["kind"] == "evaluation"].itertuples()
    assert (row.update, row.note) == (50, "no weights")
    assert np.isnan(row.value)


def test_damaged_records_are_told_and_stay_where_they_are(store, train, make_study, tmp_path):
    study = make_study()
    for cell in study.cells[:3]:
        train(cell, ring_modes(0, 5))
    half, broken = (store.cells / cell.key for cell in study.cells[:2])
    content = (half / "series.npz").read_bytes()
    (half / "series.npz").write_bytes(content[:-1] + b"x")
    (broken / "record.json").write_text("{")
    before = _state(store.results)
    planned, notes = all_of(store.results)
    done = export(planned, tmp_path / "f.parquet", "")
    assert len(notes) == 1
    assert broken.name in notes[0]
    assert len(done.notes) == 1
    assert "series.npz is damaged" in done.notes[0]
    table = pd.read_parquet(done.file)
    cells = table[table["kind"] == "cell"].set_index("key")
    assert "is damaged" in cells.loc[half.name, "note"]
    assert len(table[(table["key"] == half.name) & (table["kind"] == "evaluation")])
    of_study(study, store.results)
    assert _state(store.results) == before


def _state(folder: Path) -> dict[str, str]:
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_file_is_there_whole_or_not_at_all(exported, tmp_path, monkeypatch):
    _, planned, _ = exported
    file = tmp_path / "f.parquet"
    export(planned[:1], file, "")
    before = file.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.pq.ParquetWriter, "write_table", full)
    with pytest.raises(BenchError, match="No space left on device"):
        export(planned, file, "")
    assert file.read_bytes() == before
    assert sorted(f.name for f in tmp_path.iterdir()) == ["f.parquet", "f.parquet.md"]


def test_bad_input_is_one_clear_line(store, train, make_study, tmp_path, exported):
    _, planned, _ = exported
    study = make_study()
    with pytest.raises(BenchError, match="there is no results folder"):
        all_of(tmp_path / "nowhere")
    with pytest.raises(BenchError, match="holds no records"):
        of_study(study, store.results)
    train(study.cells[0], ring_modes(0, 5))
    other = Study("other", "", 1.0, study.cells[1:])
    with pytest.raises(BenchError, match=r"none of the 1 records .*bench run other"):
        of_study(other, store.results)
    with pytest.raises(BenchError, match="is no name for the export"):
        export(planned, tmp_path / "f.csv", "")
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot write the export"):
        export(planned, tmp_path / "file" / "f.parquet", "")


def test_a_dataset_unknown_here_keeps_its_numbers(store, train, make_study, tmp_path):
    planned = train(make_study().cells[0], ring_modes(0, 5))
    file = store.cells / planned.cell.key / "record.json"
    data = json.loads(file.read_text())
    data["cell"]["dataset"] |= {"name": "lost", "label": "lost"}
    file.write_text(json.dumps(data))
    found, _ = all_of(store.results)
    table = pd.read_parquet(export(found, tmp_path / "f.parquet", "").file)
    assert set(table["problem"]) == {"lost"}
    assert set(table[table["kind"] == "evaluation"]["quantity"]) == {"modes_20", *RING}


FIVE = """
methods: [non_saturating, wgan_gp]
seeds: 5
evaluations: 2
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 100
"""


def cells_of_the_notebook() -> list[dict[str, Any]]:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_the_notebook_is_clean():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_notebook_runs_and_ranks_as_the_report_does(
    exported, run_notebook: Callable[[Path], dict[str, Any]]
):
    file, planned, _ = exported
    found = run_notebook(file)
    (problem,) = problems(planned)
    _agree(found["ranking"], standings(problem), problem.primary.name)
    assert found["panels"].shape == (2, 2)


def _agree(ranking: pd.DataFrame, expected: list[Standing], primary: str) -> None:
    assert ranking["method"].tolist() == [standing.method for standing in expected]
    for standing, row in zip(expected, ranking.to_dict("records"), strict=True):
        mean = standing.last[primary]
        assert row["mean"] == pytest.approx(mean.value)
        assert row["±"] == pytest.approx(mean.half_width or math.nan, nan_ok=True)
        assert (row["finished"], row["failed"]) == (standing.finished, standing.failed)
        assert row["interquartile mean"] == pytest.approx(standing.centre.value)


def test_the_notebook_counts_failed_seeds_as_the_report_does(
    make_study, train, modes, tmp_path, run_notebook
):
    """By the mean of the survivors wgan_gp would come first."""
    study = make_study(FIVE, "fails")
    ends = {"non_saturating": [7, 7, 7, 7, 6], "wgan_gp": [8, 8, 8, None, None]}
    planned = [
        train(cell, modes(0, 5), "diverged", "not finite")
        if (end := ends[cell.method.name][cell.seed]) is None
        else train(cell, modes(0, end))
        for cell in study.cells
    ]
    file = tmp_path / "fails.parquet"
    export(planned, file, "fails")
    (problem,) = problems(planned)
    ranked = standings(problem)
    assert [standing.method for standing in ranked] == ["non_saturating", "wgan_gp"]
    _agree(run_notebook(file)["ranking"], ranked, problem.primary.name)


def test_the_notebook_says_what_to_do_without_a_file(run_notebook, tmp_path):
    with pytest.raises(FileNotFoundError, match="bench export quick"):
        run_notebook(tmp_path / "none.parquet")


@pytest.fixture
def run_notebook(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, Any]]:
    """Run the code cells with an export in one namespace, as Jupyter would, and return it."""

    def run(file: Path) -> dict[str, Any]:
        matplotlib.use("Agg")
        monkeypatch.setitem(os.environ, "BENCH_EXPORT", str(file))
        names: dict[str, Any] = {}
        for cell in cells_of_the_notebook():
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
        names["plt"].close("all")
        return names

    return run
