"""What is found in a methods folder, and what is told of a file that gives no method."""

import sys

import pytest

from bench.architectures.mlp import MLP
from bench.errors import BenchError
from bench.registry import find_methods, label_of, make_method

IMPORTS = "from dataclasses import dataclass\nfrom bench.method import Method\n\n"


def source(name: str = "Mine", body: str = "rate: float = 1.0", base: str = "Method") -> str:
    return f"@dataclass(frozen=True)\nclass {name}({base}):\n    {body}\n\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A methods folder of the user's own, searched beside the shipped one."""
    monkeypatch.setenv("BENCH_METHODS_DIR", str(tmp_path))
    before = set(sys.modules)
    find_methods.cache_clear()
    yield tmp_path
    find_methods.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("methods."):
            del sys.modules[name]


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
    "bytes": (b"\xff\xfe\x00", r"SyntaxError"),
}  # fmt: skip


def test_a_broken_file_is_a_row_with_its_reason_and_takes_nothing_down(folder):
    shipped = set(find_methods().methods)
    for name, (content, _) in BROKEN.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}.py").write_bytes(data)
    (folder / "fine.py").write_text(IMPORTS + source())
    find_methods.cache_clear()
    found = find_methods()
    assert set(found.methods) == shipped | {"fine"}
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
    find_methods.cache_clear()
    found = find_methods()
    assert {"my_idea", "better"} <= set(found.methods)
    assert "renamed" not in found.methods
    assert found.broken == {}
    assert make_method("my_idea", {"rate": 2}).rate == 2.0
    assert make_method("better").name == "better"


def test_a_shared_name_stays_with_the_file_that_bears_it(folder):
    (folder / "aaa.py").write_text(IMPORTS + source("Early", "name = 'shared'"))
    (folder / "shared.py").write_text(IMPORTS + source("Bearer"))
    find_methods.cache_clear()
    assert find_methods().methods["shared"].__name__ == "Bearer"
    assert "taken by shared.py" in find_methods().broken["aaa"].reason


def test_a_method_may_inherit_from_a_shipped_one(folder):
    (folder / "child.py").write_text(
        "from dataclasses import dataclass\nfrom methods.wgan_gp import WGANGP\n\n"
        + source("Child", "penalty_weight: float = 1.0", "WGANGP")
    )
    find_methods.cache_clear()
    child = make_method("child")
    assert child.name == "child"
    assert child.settings() == {"penalty_weight": 1.0, "critic_steps": 5}
    assert make_method("wgan_gp").name == "wgan_gp"


def test_a_file_of_a_shipped_methods_name_does_not_replace_it(folder):
    (folder / "vanilla.py").write_text(IMPORTS + source("Impostor"))
    find_methods.cache_clear()
    found = find_methods()
    assert found.methods["vanilla"].__name__ == "Vanilla"
    assert found.broken["vanilla"].file == folder / "vanilla.py"
    assert make_method("vanilla").name == "vanilla"


def test_a_methods_folder_that_is_absent_is_told(folder, monkeypatch):
    monkeypatch.setenv("BENCH_METHODS_DIR", str(folder / "absent"))
    find_methods.cache_clear()
    with pytest.raises(BenchError, match=r"BENCH_METHODS_DIR is '.+absent', which is no folder"):
        find_methods()


def test_labels_name_the_settings_that_differ():
    assert label_of(make_method("wgan_gp")) == "wgan_gp"
    assert label_of(make_method("wgan_gp", {"penalty_weight": 10})) == "wgan_gp"
    assert label_of(make_method("wgan_gp", {"penalty_weight": 1})) == "wgan_gp(penalty_weight=1.0)"
    assert label_of(MLP(latent=2)) == "mlp(latent=2)"
