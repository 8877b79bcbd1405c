"""What is found in a folder of methods or architectures, and what is told of a file without one."""

import sys
from pathlib import Path

import pytest

import bench.architectures
from bench.architectures import base
from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.errors import BenchError
from bench.records.sources import sources_of
from bench.registry import (
    find,
    label_of,
    make_architecture,
    make_dataset,
    make_method,
)

IMPORTS = "from dataclasses import dataclass\nfrom bench.method import Method\n\n"


def source(name: str = "Mine", body: str = "rate: float = 1.0", base: str = "Method") -> str:
    return f"@dataclass(frozen=True)\nclass {name}({base}):\n    {body}\n\n"


@pytest.fixture
def folder(methods_folder):
    return methods_folder


BROKEN = {
    "syntax": ("def f(:\n", r"SyntaxError: .+ \(line 1\)"),
    "indentation": (IMPORTS + source() + "  x = 1\n", r"SyntaxError: .*indent.* \(line \d+\)"),
    "absent_import": ("import no_such\n", r"ModuleNotFoundError: .+no_such.+line 1"),
    "wrong_import": ("from bench.method import Nothing\n", r"ImportError: .+Nothing.+line 1"),
    "raises": ("\n\nraise RuntimeError('first\\nsecond')\n", r"RuntimeError: first \(line 3\)"),
    "divides": ("1 / 0\n", r"ZeroDivisionError: division by zero \(line 1\)"),
    "leaves": ("import sys\nsys.exit(3)\n", r"SystemExit: 3 \(line 2\)"),
    "empty": ("", r"defines no method"),
    "only_imports": ("from bench.method import Method\n", r"defines no method"),
    "imported_method": ("from methods.vanilla import Vanilla\n", r"defines no method"),
    "private": (IMPORTS + source("_Hidden"), r"defines no method"),
    "no_class": ("Method = 3\n", r"defines no method"),
    "two": (IMPORTS + source("First") + source("Second"), r"several methods \(First, Second\)"),
    "bare_class": (IMPORTS + "class Bare(Method):\n    rate: float = 1.0\n",
                   r"class Bare lacks the decorator @dataclass\(frozen=True\)"),
    "thawed": (IMPORTS + "@dataclass\nclass Thawed(Method):\n    pass\n", r"TypeError: .*frozen"),
    "needs_a_value": (IMPORTS + source(body="rate: float"), r"TypeError: .*rate"),
    "taken": (IMPORTS + source(body="name = 'wgan_gp'"), r"name 'wgan_gp' is taken by wgan_gp\.py"),
    "joined": (IMPORTS + source(body="name = 'r1+mine'"), r"must not hold '\+', as 'r1\+mine'"),
    "bytes": (b"\xff\xfe\x00", r"SyntaxError"),
}  # fmt: skip


def test_a_broken_file_is_a_row_with_its_reason_and_takes_nothing_down(folder):
    shipped = set(find("method").parts)
    for name, (content, _) in BROKEN.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}.py").write_bytes(data)
    (folder / "fine.py").write_text(IMPORTS + source())
    find.cache_clear()
    found = find("method")
    assert set(found.parts) == shipped | {"fine"}
    assert set(found.broken) == set(BROKEN)
    for name, (_, reason) in BROKEN.items():
        broken = found.broken[name]
        assert broken.file == folder / f"{name}.py"
        assert "\n" not in broken.reason
        with pytest.raises(BenchError, match=reason) as told:
            make_method(name)
        assert f"'{name}' ({name}.py) cannot be used: {broken.reason}" in str(told.value)


def test_a_file_gives_its_name_to_its_method(folder):
    (folder / "my_idea.py").write_text(IMPORTS + source())
    (folder / "renamed.py").write_text(IMPORTS + source(body="name = 'better'"))
    (folder / "_helper.py").write_text("1 / 0\n")
    find.cache_clear()
    found = find("method")
    assert {"my_idea", "better"} <= set(found.parts)
    assert "renamed" not in found.parts
    assert found.broken == {}
    assert make_method("my_idea", {"rate": 2}).rate == 2.0
    assert make_method("better").name == "better"


def test_a_shared_name_stays_with_the_file_that_bears_it(folder):
    (folder / "aaa.py").write_text(IMPORTS + source("Early", "name = 'shared'"))
    (folder / "shared.py").write_text(IMPORTS + source("Bearer"))
    find.cache_clear()
    assert find("method").parts["shared"].__name__ == "Bearer"
    assert "taken by shared.py" in find("method").broken["aaa"].reason


def test_a_method_may_inherit_from_a_shipped_one(folder):
    (folder / "child.py").write_text(
        "from dataclasses import dataclass\nfrom methods.wgan_gp import WGANGP\n\n"
        + source("Child", "penalty_weight: float = 1.0", "WGANGP")
    )
    find.cache_clear()
    child = make_method("child")
    assert child.name == "child"
    assert child.hyperparameters() == {"penalty_weight": 1.0, "critic_steps": 5}
    assert make_method("wgan_gp").name == "wgan_gp"


def test_what_one_inherits_from_may_wait_for_its_name_to_be_called(folder):
    head = IMPORTS + "from methods.r1 import R1\n"
    (folder / "child.py").write_text(head + source("Child", base="R1"))
    (folder / "shy.py").write_text(head + source("Shy", "on_request = True", base="R1"))
    unasked = find("method").unasked
    assert "child" in unasked
    assert not {"shy", "r1"} & set(unasked)


def test_a_file_of_a_shipped_methods_name_does_not_replace_it(folder):
    (folder / "vanilla.py").write_text(IMPORTS + source("Impostor"))
    find.cache_clear()
    found = find("method")
    assert found.parts["vanilla"].__name__ == "Vanilla"
    assert found.broken["vanilla"].file == folder / "vanilla.py"
    assert make_method("vanilla").name == "vanilla"


def test_a_file_of_a_shipped_methods_name_leaves_its_source_alone(folder):
    parts = make_dataset("ring8"), make_architecture("mlp")
    before = sources_of(make_method("vanilla"), *parts)
    (folder / "vanilla.py").write_text(IMPORTS + source("Impostor", "name = 'other'"))
    find.cache_clear()
    assert "there is a shipped vanilla.py" in find("method").broken["vanilla"].reason
    assert sources_of(make_method("vanilla"), *parts) == before


def test_a_methods_folder_that_is_absent_is_told(folder, monkeypatch):
    monkeypatch.setenv("BENCH_METHODS_DIR", str(folder / "absent"))
    find.cache_clear()
    with pytest.raises(BenchError, match=r"BENCH_METHODS_DIR is '.+absent', which is not a folder"):
        find("method")


def test_labels_name_the_settings_that_differ():
    assert label_of(make_method("wgan_gp")) == "wgan_gp"
    assert label_of(make_method("wgan_gp", {"penalty_weight": 10})) == "wgan_gp"
    assert label_of(make_method("wgan_gp", {"penalty_weight": 1})) == "wgan_gp(penalty_weight=1.0)"
    assert label_of(MLP(latent=2)) == "mlp(latent=2)"


PAIR = """
from dataclasses import dataclass
from torch import nn
from bench.architectures.base import Architecture

@dataclass(frozen=True)
class Pair(Architecture):
    width: int = 8

    def generator(self, sample_shape):
        return nn.Linear(self.latent, *sample_shape)

    def discriminator(self, sample_shape):
        return nn.Sequential(nn.Linear(*sample_shape, 1), nn.Flatten(0))

    def does_not_fit(self, dataset, sample_shape):
        return None if len(sample_shape) == 1 else "it makes points"
"""


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    """An architectures folder of the user's own, searched beside the shipped one."""
    monkeypatch.setenv("BENCH_ARCHITECTURES_DIR", str(tmp_path))
    before = set(sys.modules)
    find.cache_clear()
    yield tmp_path
    find.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("bench.architectures."):
            del sys.modules[name]


BROKEN_PAIRS = {
    "syntax": ("def f(:\n", r"SyntaxError: .+ \(line 1\)"),
    "absent_import": ("import no_such\n", r"ModuleNotFoundError: .+no_such.+line 1"),
    "empty": ("", r"no architecture: .+ derived from bench\.architectures\.base\.Architecture"),
    "imported": ("from bench.architectures.mlp import MLP\n", r"defines no architecture"),
    "two": (PAIR + "\nclass Other(Pair):\n    pass\n", r"several architectures \(Pair, Other\)"),
    "undecorated": (PAIR.replace("@dataclass(frozen=True)\n", ""),
                    r"class Pair lacks the decorator @dataclass\(frozen=True\)"),
    "half": (PAIR.replace("def discriminator", "def critic"), r"TypeError: .+discriminator"),
    "taken": (PAIR + "    name = 'dcgan'\n", r"name 'dcgan' is taken by dcgan\.py"),
}  # fmt: skip


def test_a_broken_architecture_is_a_row_with_its_reason_and_takes_nothing_down(pairs):
    shipped = set(find("architecture").parts)
    for name, (content, _) in BROKEN_PAIRS.items():
        (pairs / f"{name}.py").write_text(content)
    (pairs / "fine.py").write_text(PAIR)
    (pairs / "renamed.py").write_text(PAIR + "    name = 'better'\n")
    (pairs / "_helper.py").write_text("1 / 0\n")
    find.cache_clear()
    found = find("architecture")
    assert set(found.parts) == shipped | {"fine", "better"}
    assert set(found.broken) == set(BROKEN_PAIRS)
    assert make_architecture("fine", {"width": 4}).hyperparameters() == {"latent": 16, "width": 4}
    for name, (_, reason) in BROKEN_PAIRS.items():
        broken = found.broken[name]
        assert broken.file == pairs / f"{name}.py"
        assert "\n" not in broken.reason
        with pytest.raises(BenchError, match=reason) as told:
            make_architecture(name)
        assert f"'{name}' ({name}.py) cannot be used: {broken.reason}" in str(told.value)


def test_every_file_of_architectures_gives_one():
    folder = Path(next(iter(bench.architectures.__path__)))
    names = {file.stem for file in folder.glob("[a-z]*.py")} - {"base", "layers"}
    assert set(find("architecture").parts) == names
    assert find("architecture").broken == {}


def test_a_file_of_a_shipped_architectures_name_does_not_replace_it(pairs):
    parts = make_method("vanilla"), make_dataset("ring8")
    before = sources_of(*parts, make_architecture("dcgan"))
    for name in ("dcgan", "base"):
        (pairs / f"{name}.py").write_text(PAIR)
    find.cache_clear()
    found = find("architecture")
    assert found.parts["dcgan"] is DCGAN
    assert sys.modules["bench.architectures.base"] is base
    assert sources_of(*parts, make_architecture("dcgan")) == before
    for name in ("dcgan", "base"):
        assert f"there is a shipped {name}.py" in found.broken[name].reason


def test_an_architectures_own_file_and_its_parents_are_sources(pairs):
    (pairs / "child.py").write_text(
        "from dataclasses import dataclass\nfrom bench.architectures.mlp import MLP\n\n"
        "@dataclass(frozen=True)\nclass Child(MLP):\n    depth: int = 2\n"
    )
    find.cache_clear()
    parts = make_method("vanilla"), make_dataset("ring8")
    own = set(sources_of(*parts, make_architecture("child")))
    parents = set(sources_of(*parts, make_architecture("mlp")))
    assert own - parents == {"bench/architectures/child.py"}
    assert "bench/architectures/mlp.py" in own


def test_an_architectures_folder_that_is_absent_is_told(pairs, monkeypatch):
    monkeypatch.setenv("BENCH_ARCHITECTURES_DIR", str(pairs / "absent"))
    find.cache_clear()
    with pytest.raises(
        BenchError, match=r"BENCH_ARCHITECTURES_DIR is '.+absent', which is not a folder"
    ):
        find("architecture")


def test_an_unknown_architecture_is_told_with_the_nearest_name():
    with pytest.raises(BenchError, match=r"unknown architecture 'resnt'.+mean 'resnet'"):
        make_architecture("resnt")
