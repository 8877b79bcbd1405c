"""docs/methods.md is what the methods' files, their tests and the measured costs say."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.registry import find
from tests.baselines.costs import COLUMNS, FILE, measure
from tests.baselines.methods import KINDS

ROOT = Path(bench.__file__).parent.parent
ON_PAGE = [name for names in KINDS.values() for name in names]


def test_the_page_is_what_the_command_prints():
    environment = {k: v for k, v in os.environ.items() if k != "BENCH_METHODS_DIR"}
    printed = subprocess.run(
        [sys.executable, "-m", "tests.baselines.methods"],
        cwd=ROOT,
        env=environment | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        timeout=240,
    )
    assert printed.returncode == 0, printed.stderr.decode()
    assert printed.stdout.decode() == (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


def test_every_method_that_waits_for_its_name_is_on_the_page():
    # a file of a user's own, which does not, may lie in methods/ without standing there
    found = find("method")
    assert len(set(ON_PAGE)) == len(ON_PAGE)
    assert set(ON_PAGE) <= set(found.parts)
    waiting = set(found.parts) - set(found.unasked) - set(found.packages)
    assert waiting <= set(ON_PAGE), "give it a kind in tests/baselines/methods.py"


@pytest.mark.parametrize("name", ON_PAGE)
def test_every_method_on_the_page_has_its_mathematics_stated(name):
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    _, row = re.findall(rf"^\| (?:\*\*)?`{name}`.*$", page, re.MULTILINE)
    stated = re.findall(r"\[([^]]+)\]\(\.\./tests/", row)
    # the table of losses alone says nothing of an idea that is no loss
    assert [truth for truth in stated if not truth.startswith("losses are the paper's")]


def test_every_method_on_the_page_has_a_measured_cost():
    with open(FILE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["method"] for row in rows) == sorted(ON_PAGE)
    for row in rows:
        assert 0 < float(row["low"]) <= float(row["time"]) <= float(row["high"])


@pytest.mark.slow
def test_what_an_update_costs_in_gradients_is_counted():
    names = ("non_saturating", "wgan_gp", "unrolled", "extragradient", "diffaugment")
    kinds = find("method").parts
    rows = {row["method"]: row for row in measure([kinds[n]() for n in names], repetitions=2)}
    assert all(tuple(row) == COLUMNS for row in rows.values())
    # plain: one of each player. wgan_gp: five with a slope each share one; unrolled: five on top
    expected = {
        "non_saturating": 1,
        "wgan_gp": (5 + 5 + 1) / 5 / 2,
        "unrolled": 7 / 2,
        "extragradient": 1,
        "diffaugment": 1,
    }
    assert {name: float(row["gradients"]) for name, row in rows.items()} == expected
    assert rows["diffaugment"]["on"].startswith("mnist5k, dcgan")
    assert rows["wgan_gp"]["on"] == "ring8, mlp, batch 64, population of 5"
    assert float(rows["unrolled"]["time"]) > float(rows["wgan_gp"]["time"])
