"""Exit codes of `bench compare` and `bench export`, without a process."""

from __future__ import annotations

import signal
import sys

import pytest
from handmade import recorder, ring_modes, store_in

from bench.cli import main


@pytest.fixture
def bench(monkeypatch, capsys):
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return call


@pytest.fixture
def folders(tmp_path, make_study):
    cells = make_study().cells
    found = []
    for name, status in (("a", "ok"), ("b", "crashed")):
        (tmp_path / name).mkdir()
        store = store_in(tmp_path / name)
        put = recorder(store)
        for cell in cells:
            ended = status if cell.seed == 0 else "ok"
            put(cell, ring_modes(0, 5), ended, "boom")
        found.append(store.results)
    return found


def test_compare_leaves_with_what_fail_on_asks_for(bench, folders, tmp_path):
    a, b = folders
    out = ("--out", tmp_path / "out")
    code, said, _ = bench("compare", a, b, *out)
    assert code == 1
    assert "1 of 3 seeds crashed only in B" in said
    assert (tmp_path / "out" / "comparison.html").is_file()
    assert bench("compare", b, a, *out)[0] == 0
    assert bench("compare", b, a, *out, "--fail-on", "changed")[0] == 1
    assert bench("compare", a, b, *out, "--fail-on", "never")[0] == 0
    code, _, said = bench("compare", a, a, *out)
    assert (code, said.count("\n")) == (2, 1)
    assert "are the same folder" in said
    assert bench("compare", a, b, *out, "--fail-on", "often")[0] == 2


def test_export_says_where_and_what(bench, folders, tmp_path):
    code, said, _ = bench("export", "all", "--results", folders[0], "--out", tmp_path / "x.parquet")
    assert code == 0
    assert "6 cells" in said
    assert (tmp_path / "x.parquet").is_file()
    code, said, _ = bench("export", "all", "--results", folders[0], "--describe")
    assert "| modes_20 |" in said
    code, _, said = bench("export", "smoke", "--results", folders[0])
    assert (code, said.count("\n")) == (2, 1)
    assert "bench export all" in said
    assert bench("export", "all", "--results", tmp_path / "none")[0] == 2
