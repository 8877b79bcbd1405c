"""Methods of installed packages, which entry points name."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.records.sources import sources_of
from bench.registry import find, make_architecture, make_dataset, make_method

HEAD = "from dataclasses import dataclass\nfrom bench.method import Method\n"
GENTLE = """
from ._scale import scaled
from toy_gan import LIMIT

@dataclass(frozen=True)
class Gentle(Method):
    '''Softer losses.'''

    share: float = 0.5

    def generator_loss(self, fake_logits, real_logits):
        return scaled(super().generator_loss(fake_logits, real_logits), min(self.share, LIMIT))
"""
OTHER = "\n@dataclass(frozen=True)\nclass {0}(Method):\n    '''{0}.'''\n"
FILES = {
    "__init__": "LIMIT = 1.0\n",
    "gentle": HEAD + GENTLE,
    "_scale": "from ._factor import FACTOR\n\ndef scaled(x, share):\n  return FACTOR * share * x\n",
    "_factor": "FACTOR = 1.0\n",
    "plain": HEAD + OTHER.format("Plain"),
    "pair": HEAD + OTHER.format("First") + OTHER.format("Second"),
    "child": HEAD + "from toy_gan.gentle import Gentle\n" + OTHER.format("Child"),
    "fails": "import no_such\n",
    "loose": HEAD + "class Loose(Method):\n    rate: float = 1.0\n",
}
FILES["width"] = """
from dataclasses import dataclass
from typing import ClassVar

from bench.metric import Metric, Quantity

@dataclass(frozen=True)
class Width(Metric):
    "The range of all samples."

    needs: ClassVar = "samples"

    def not_applicable(self, dataset):
        return None

    def quantities(self, dataset):
        return (Quantity("toy_width", "width", "largest less smallest number", False, 3),)

    def measure(self, seen):
        return {"toy_width": float(seen.samples.max() - seen.samples.min())}
"""
FILES["child"] = FILES["child"].replace("Child(Method)", "Child(Gentle)")
ENTRIES = {
    "toy_gentle": "toy_gan.gentle:Gentle",
    "toy_plain": "toy_gan.plain",
    "toy_child": "toy_gan.child:Child",
    "toy_second": "toy_gan.pair:Second",
    "toy_again": "toy_gan.pair:Second",
    "toy_pair": "toy_gan.pair",
    "toy_fails": "toy_gan.fails:Fails",
    "toy_absent": "toy_gan.plain:Absent",
    "toy_loose": "toy_gan.loose",
    "toy_borrowed": "methods.hinge:Hinge",
    "hinge": "toy_gan.pair:First",
    "toy+odd": "toy_gan.plain:Plain",
}
REASONS = {
    "toy_second": r"class Second is called 'toy_again' already",
    "toy_pair": r"several methods \(First, Second\)",
    "toy_fails": r"ModuleNotFoundError: .+no_such.+\(line 1\)",
    "toy_absent": r"toy_gan\.plain has no class 'Absent'",
    "toy_loose": r"class Loose lacks the decorator @dataclass\(frozen=True\)",
    "toy_borrowed": r"a class of the benchmark itself",
    "hinge": r"its name 'hinge' is taken by hinge\.py",
    "toy+odd": r"letters, digits, underscores",
}


def install(site: Path, entries: dict[str, str]) -> None:
    """A package as an installer leaves it: its files, and beside them what it says of itself."""
    (site / "toy_gan").mkdir(parents=True)
    for name, text in FILES.items():
        (site / "toy_gan" / f"{name}.py").write_text(text)
    about = site / "toy_gan-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-gan\nVersion: 1.2\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    lines += ["[gan_stability_bench.metrics]", "toy_width = toy_gan.width:Width"]
    (about / "entry_points.txt").write_text(
        "\n".join(["[gan_stability_bench.methods]", *lines, ""])
    )


@pytest.fixture
def site(tmp_path, monkeypatch):
    shipped = find("method")
    monkeypatch.delenv("BENCH_METHODS_DIR", raising=False)
    install(tmp_path / "site", ENTRIES)
    monkeypatch.syspath_prepend(tmp_path / "site")
    importlib.invalidate_caches()
    find.cache_clear()
    yield tmp_path / "site", shipped
    find.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy_gan"]:
        del sys.modules[name]


def test_a_packages_methods_are_found_and_broken_ones_are_rows_that_stop_nothing(site):
    _, shipped = site
    found = find("method")
    new = {"toy_gentle", "toy_plain", "toy_child", "toy_again"}
    assert set(found.parts) == set(shipped.parts) | new
    assert found.packages == dict.fromkeys(new, "toy-gan 1.2")
    assert make_method("toy_gentle", {"share": 2}).hyperparameters() == {"share": 2.0}
    assert make_method("toy_child").name == "toy_child"
    assert found.parts["hinge"] is shipped.parts["hinge"]
    assert make_method("hinge").name == "hinge"
    assert set(found.broken) == set(REASONS)
    for name, reason in REASONS.items():
        assert found.broken[name].where == "package toy-gan 1.2"
        assert "\n" not in found.broken[name].reason
        with pytest.raises(AssertionError, match=reason):
            raise AssertionError(found.broken[name].reason)
    with pytest.raises(BenchError, match=r"'toy_absent' \(package toy-gan 1\.2\) cannot be used"):
        make_method("toy_absent")


def test_they_run_where_they_are_named_only(site):
    _, shipped = site
    assert find("method").unasked == shipped.unasked


def sources(name: str) -> dict[str, str]:
    return sources_of(make_method(name), make_dataset("ring8"), make_architecture("mlp"))


def test_their_own_module_and_what_it_imports_from_its_package_are_sources(site):
    folder, _ = site
    used = {f"toy_gan/{name}.py" for name in ("__init__", "gentle", "_scale", "_factor")}
    shared = set(sources("vanilla")) - {"methods/vanilla.py"}
    assert set(sources("toy_gentle")) == shared | used
    assert set(sources("toy_child")) == shared | used | {"toy_gan/child.py"}
    assert set(sources("toy_plain")) == shared | {"toy_gan/plain.py"}
    before = {name: sources(name) for name in ("toy_gentle", "toy_child", "toy_plain")}
    for name in ("__init__", "gentle", "_scale", "_factor"):
        file = folder / "toy_gan" / f"{name}.py"
        text = file.read_text()
        file.write_text(text + "MORE = 1\n")
        for method, had in before.items():
            changed = {part for part, value in sources(method).items() if had[part] != value}
            assert changed == ({f"toy_gan/{name}.py"} if method != "toy_plain" else set())
        file.write_text("# a remark\n" + text)
        assert all(sources(method) == had for method, had in before.items())
        file.write_text(text)


STUDY = """
description: One seed on points.
methods: [non_saturating, toy_gentle]
metrics: [toy_width]
seeds: 1
evaluations: 1
experiments:
  - dataset: dirac
    architecture: dirac
    training: {optimizer: sgd, learning_rate: 0.1, batch_size: 2}
    updates: 10
"""


@pytest.mark.slow
def test_they_are_listed_and_train_in_workers(tmp_path):
    install(tmp_path / "site", ENTRIES)
    (tmp_path / "toy.yaml").write_text(STUDY)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "COLUMNS": "250"}

    def bench(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bench", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    listed = bench("list")
    assert "named, from toy-gan 1.2" in listed
    assert "cannot be used: ModuleNotFoundError: No module named 'no_such' (line 1)" in listed
    results = str(tmp_path / "results")
    ran = bench(
        "run",
        str(tmp_path / "toy.yaml"),
        "--results",
        results,
        "--jobs",
        "1",
        "--device",
        "cpu",
        "--no-tracking",
    )
    assert "2 cells trained, 2 cells measured" in ran
    for file in (tmp_path / "results" / "cells").glob("*/measurements.json"):
        assert '"toy_width": ' in file.read_text()
    factor = tmp_path / "site" / "toy_gan" / "_factor.py"
    factor.write_text("FACTOR = 2.0\n")
    planned = bench("plan", str(tmp_path / "toy.yaml"), "--results", results)
    assert "changed: source toy_gan/_factor.py" in planned
    assert "1 of 2 cells would train" in planned
