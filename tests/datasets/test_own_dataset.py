"""A user's own dataset, as docs/adding-a-dataset.md shows it, from file to record."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.check import SUITES
from bench.cli import main
from bench.errors import BenchError
from bench.execution.prepared import PreparedDatasets
from bench.records.sources import sources_of
from bench.records.store import Store
from bench.registry import SHELVES, find, make_architecture, make_dataset, make_method

DOCS = Path(__file__).parent.parent.parent / "docs"


def example_of(page: str) -> str:
    (found,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return found


EXAMPLE = example_of("adding-a-dataset.md")
PAIR = example_of("adding-an-architecture.md")
BROKEN = {
    "syntax": ("def f(:\n", r"SyntaxError: .+ \(line 1\)"),
    "absent": ("import no_such\n", r"ModuleNotFoundError: .+no_such.+line 1"),
    "empty": ("", r"defines no dataset: .+ derived from bench\.datasets\.base\.Dataset"),
    "imported": ("from bench.datasets.ring8 import Ring8\n", r"defines no dataset"),
    "two": (EXAMPLE + "\n\nclass Other(MyData): ...\n", r"several datasets \(MyData, Other\)"),
    "bare": (EXAMPLE.replace("@dataclass(frozen=True)\n", ""), r"lacks the decorator @dataclass"),
    "half": (EXAMPLE.replace("def source", "def draw"), r"TypeError: .+source"),
    "needs": (EXAMPLE.replace("turns: Positive = 2.0", "turns: Positive"), r"TypeError: .+turns"),
    "taken": (EXAMPLE + "\n    name = 'ring8'\n", r"name 'ring8' is taken by ring8\.py"),
    "colon": (EXAMPLE + "\n    name = 'my:data'\n", r"must not hold ':'"),
    "images": (EXAMPLE, r"there is a shipped images\.py"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A datasets folder of the user's own, with the page's example in it."""
    (tmp_path / "my_data.py").write_text(EXAMPLE)
    monkeypatch.setenv("BENCH_DATASETS_DIR", str(tmp_path))
    before = set(sys.modules)
    find.cache_clear()
    yield tmp_path
    find.cache_clear()
    for name in set(sys.modules) - before:
        if SHELVES["dataset"].holds(name):
            del sys.modules[name]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("check", SUITES["dataset"].checks, ids=lambda check: check.__name__)
def test_the_example_passes_the_suite(check):
    check(make_dataset("my_data", {"turns": 3}))


def test_a_broken_file_is_a_row_with_its_reason_and_takes_nothing_down(folder):
    shipped = {file.stem for file in SHELVES["dataset"].files() if file.parent != folder}
    for name, (content, _) in BROKEN.items():
        (folder / f"{name}.py").write_text(content)
    find.cache_clear()
    found = find("dataset")
    assert set(found.parts) == shipped | {"my_data"}
    assert set(found.broken) == set(BROKEN)
    for name, (_, reason) in BROKEN.items():
        with pytest.raises(BenchError, match=reason) as told:
            make_dataset(name)
        assert f"dataset '{name}' ({name}.py) cannot be used: " in str(told.value)
        assert "\n" not in str(told.value)


def test_every_shipped_file_gives_a_dataset_of_its_name():
    found = find("dataset")
    assert found.broken == {}
    for name, kind in found.parts.items():
        assert kind.name == name
        assert kind.__module__ == f"bench.datasets.{name}"


def sources() -> dict[str, str]:
    parts = make_method("vanilla"), make_dataset("my_data"), make_architecture("mlp")
    return sources_of(*parts)


def test_its_file_and_the_helpers_beside_it_are_sources(folder):
    own = "from bench.datasets._spiral import TURNS\n"
    (folder / "my_data.py").write_text(EXAMPLE.replace("import math\n", f"import math\n{own}"))
    (folder / "_spiral.py").write_text("from bench.datasets._more import TURNS\n")
    (folder / "_more.py").write_text("TURNS = 2\n")
    find.cache_clear()
    before = sources()
    for name in ("my_data", "_spiral", "_more"):
        file = folder / f"{name}.py"
        text = file.read_text()
        file.write_text(text + "ADDED = 1\n")
        changed = {part for part, value in sources().items() if before.get(part) != value}
        assert changed == {f"bench/datasets/{name}.py"}
        file.write_text("# a remark\n" + text)
        assert sources() == before


def test_a_worker_prepares_a_dataset_anew_whose_file_was_changed(folder, tmp_path):
    kept, cpu = PreparedDatasets(), torch.device("cpu")

    def prepared():
        return type(kept.prepare(make_dataset("my_data"), tmp_path, cpu))

    first = prepared()
    # as between two jobs: modules of parts are imported anew
    del sys.modules["bench.datasets.my_data"]
    find.cache_clear()
    assert prepared() is first
    (folder / "my_data.py").write_text(EXAMPLE.replace(".sqrt()", ""))
    del sys.modules["bench.datasets.my_data"]
    find.cache_clear()
    assert prepared() is not first


def test_the_list_shows_it_and_the_files_that_fail(folder, monkeypatch, capsys):
    (folder / "unfinished.py").write_text("import no_such\n")
    find.cache_clear()
    monkeypatch.setattr(sys, "argv", ["bench", "list"])
    with pytest.raises(SystemExit, match="0"):
        main()
    shown = capsys.readouterr().out
    assert "Points on a spiral of the plane" in shown
    assert "cannot be used: ModuleNotFoundError: No module named 'no_such' (line 1)" in shown


STUDY = """
description: A user's own data, pair and table on points.
methods: [non_saturating]
seeds: 2
evaluations: 1
experiments:
  - dataset: {my_data: {turns: 1, evaluation_samples: 100}}
    architecture: {my_pair: {width: 16}}
    training: {batch_size: 16}
    updates: 6
  - dataset: ring8
    architecture: {my_pair: {width: 16}}
    training: {batch_size: 16}
    updates: 6
"""


def bench(*arguments: str, code: int = 0, **more: str) -> str:
    rest = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "BENCH_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        capture_output=True,
        text=True,
        env=rest | {"COLUMNS": "200"} | more,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_from_dropped_in_files_to_records(tmp_path, call):
    data, pairs, results = (tmp_path / name for name in ("data", "pairs", "results"))
    data.mkdir()
    pairs.mkdir()
    (data / "my_data.py").write_text(EXAMPLE)
    (data / "unfinished.py").write_text("import no_such\n")
    (pairs / "my_pair.py").write_text(PAIR)
    (tmp_path / "own.yaml").write_text(STUDY)
    # one folder is named by an option, one by a variable
    places, own = ("--datasets-dir", str(data)), {"BENCH_ARCHITECTURES_DIR": str(pairs)}
    command = (str(tmp_path / "own.yaml"), "--results", str(results))
    ran = bench("run", *command, *places, "--device", "cpu", "--jobs", "1", "--no-tracking", **own)
    assert "4 cells trained" in ran
    assert "dataset 'unfinished' (unfinished.py) cannot be used" in ran
    records = [r for r in Store(results).all() if r.cell.dataset.name == "my_data"]
    assert {record.cell.seed for record in records} == {0, 1}
    for record in records:
        assert record.status == "ok"
        assert record.cell.dataset.hyperparameters["turns"] == 1
        assert record.cell.architecture.name == "my_pair"
        assert record.cell.architecture.hyperparameters == {"latent": 8, "width": 16}
        assert "bench/datasets/my_data.py" in record.cell.sources
        assert "bench/architectures/my_pair.py" in record.cell.sources
        assert record.evaluations[-1]["data_fd"] > 0
        assert record.floor["data_fd"] > 0

    (data / "my_data.py").write_text("# a remark\n" + EXAMPLE.replace(".sqrt()", ""))
    planned = call("plan", *command, *places, **own)
    assert "2 of 4 cells would train" in planned
    assert "changed: source bench/datasets/my_data.py" in planned
    assert "It passes." in call("check", "my_data", *places)
    assert "unknown dataset 'my_data'" in call("plan", *command, code=2, **own)
    (pairs / "my_pair.py").write_text("# a remark\n" + PAIR.replace("nn.SiLU()", "nn.ReLU()"))
    planned = call("plan", *command, *places, **own)
    assert "4 of 4 cells would train" in planned
    assert "bench/architectures/my_pair.py" in planned


PACKAGED = EXAMPLE.replace("import torch\n", "import torch\n\nfrom toy_data._turns import TURNS\n")


def test_installed_packages_offer_datasets_and_architectures(tmp_path):
    site = tmp_path / "site"
    (site / "toy_data").mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "spiral": PACKAGED.replace("turns: Positive = 2.0", "turns: Positive = TURNS"),
        "_turns": "TURNS = 2.0\n",
        "fails": "import no_such\n",
        "other": EXAMPLE,
        "pair": PAIR,
    }.items():
        (site / "toy_data" / f"{name}.py").write_text(text)
    about = site / "toy_data-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-data\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(
        "[gan_stability_bench.datasets]\n"
        "my_data = toy_data.spiral:MyData\nbroken = toy_data.fails\nring8 = toy_data.other\n"
        "[gan_stability_bench.architectures]\nmy_pair = toy_data.pair\n"
    )
    (tmp_path / "own.yaml").write_text(STUDY)
    places = {"PYTHONPATH": str(site)}
    listed = bench("list", **places)
    assert "toy-data 1.2" in listed
    assert "cannot be used: ModuleNotFoundError: No module named 'no_such' (line 1)" in listed
    assert "its name 'ring8' is taken by ring8.py" in listed
    results = tmp_path / "results"
    command = (str(tmp_path / "own.yaml"), "--results", str(results), "--datasets", "my_data")
    ran = bench("run", *command, "--device", "cpu", "--jobs", "1", "--no-tracking", **places)
    assert "2 cells trained" in ran
    (site / "toy_data" / "_turns.py").write_text("TURNS = 3.0\n")
    planned = bench("plan", *command, **places)
    assert "changed: source toy_data/_turns.py" in planned
    assert "2 of 2 cells would train" in planned
