"""`bench new` writes parts that run at once, and overwrites nothing."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.check import SUITES, causes, check_part, preflight
from bench.cli import main
from bench.drafting import TEMPLATES, draft
from bench.errors import BenchError
from bench.kinds import KINDS, variable
from bench.registry import SHELVES, find, make, make_method

ROOT = Path(bench.__file__).parent.parent
SHIPPED = sorted(find("method").parts)


@pytest.fixture
def folder(methods_folder):
    return methods_folder


def ruff(folder: Path) -> None:
    """As in methods/, where `search` may be a bare dictionary."""
    for command in (["check", "--ignore", "RUF012"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", folder],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_draft_is_found_beside_its_test_and_fit_to_run(folder):
    made = draft("method", "my_idea", folder=folder)
    assert (made.part, made.test) == (folder / "my_idea.py", folder / "test_my_idea.py")
    find.cache_clear()
    found = find("method")
    assert found.broken == {}
    assert "my_idea" in found.unasked
    assert found.parts["my_idea"].__name__ == "MyIdea"
    preflight(make_method("my_idea", {"strength": 0.5}))
    ruff(folder)


def test_every_method_can_be_begun_from(folder):
    for name in SHIPPED:
        draft("method", f"my_{name}", name, folder)
    ruff(folder)
    find.cache_clear()
    found = find("method")
    assert found.broken == {}
    assert {f"my_{name}" for name in SHIPPED} <= set(found.unasked)
    for name in SHIPPED:
        own, parent = make_method(f"my_{name}"), make_method(name)
        assert own.hyperparameters() == parent.hyperparameters()
        assert type(own).__mro__[1:] == type(parent).__mro__[1:]
        assert type(own).__doc__.startswith(f"Derived from {name}: ")
        assert type(parent).__doc__.partition("\n")[0] in type(own).__doc__
        preflight(own)


def test_a_copy_is_its_parent_but_for_name_and_docstrings(folder):
    made = draft("method", "my_r2", "r2", folder)
    parent = ast.parse((ROOT / "methods" / "r2.py").read_text())
    own = ast.parse(made.part.read_text())
    for tree in (parent, own):
        (kind,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
        kind.name = ""
        kind.body = [n for n in kind.body[1:] if not isinstance(n, ast.Assign)]
    assert list(map(ast.dump, own.body[1:])) == list(map(ast.dump, parent.body[1:]))


@pytest.mark.parametrize(
    "kind",
    ["dataset", "architecture", *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS[3:])],
)
def test_a_draft_of_another_kind_is_found_and_passes_its_suite(tmp_path, monkeypatch, kind):
    monkeypatch.setenv(variable(kind), str(tmp_path))
    find.cache_clear()
    made = draft(kind, "my_own", folder=tmp_path)
    assert (made.part, made.test) == (tmp_path / "my_own.py", tmp_path / "test_my_own.py")
    ruff(tmp_path)
    find.cache_clear()
    try:
        assert find(kind).broken == {}
        assert find(kind).parts["my_own"].__name__ == "MyOwn"
        assert not causes(check_part(make(kind, "my_own")))
        with pytest.raises(BenchError, match=r"--like copies methods only"):
            draft(kind, "another", "wgan_gp", tmp_path)
        with pytest.raises(BenchError, match=rf"taken by the {kind} in '.+my_own\.py'"):
            draft("method", "my_own", folder=tmp_path)
    finally:
        find.cache_clear()
        del sys.modules[f"bench.{kind}s.my_own"]
    environment = {k: v for k, v in os.environ.items() if k != variable(kind)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", made.test]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kind_has_templates_and_a_suite():
    assert tuple(SHELVES) == KINDS == tuple(SUITES)
    for kind in KINDS:
        assert {f"{kind}.txt", f"test_{kind}.txt"} <= {file.name for file in TEMPLATES.iterdir()}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["my_idea"], "say what 'my_idea' is to be: bench new method my_idea or bench new dataset"),
        (["dataset"], "say its name: bench new dataset NAME"),
        (["dataset", "images"], "the name 'images' is taken by a module that datasets share"),
        (["architecture", "2d"], "'2d' cannot name an architecture"),
    ],
)
def test_what_is_typed_wrongly_is_told(monkeypatch, capsys, typed, told):
    monkeypatch.setattr(sys, "argv", ["bench", "new", *typed])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert told in capsys.readouterr().err


ODD = '''"""An odd one,
told in two lines."""

from dataclasses import dataclass
from bench.method import Method
from methods.r1 import R1, squared_slope


@dataclass(frozen=True)
class Odd(Method):
    "Odd, with Odd in its docstring."

    name = "odd"
    on_request = True
    rate: float = 1.0

    def penalty(self, discriminator, real, fake, noise):
        assert isinstance(self, Odd)
        return squared_slope(discriminator, real)
'''


def test_a_users_own_method_can_be_begun_from(folder):
    (folder / "odd.py").write_text(ODD)
    find.cache_clear()
    made = draft("method", "even", "odd", folder)
    find.cache_clear()
    assert find("method").broken == {}
    preflight(make_method("even"))
    text = made.part.read_text()
    assert "isinstance(self, Even)" in text
    assert "on_request" not in text
    assert "Odd, with Odd in its docstring." in text


@pytest.mark.parametrize(
    ("name", "parent", "told"),
    [
        ("My-Idea", "", r"'My-Idea' cannot name a method: .+; as 'my_idea'"),
        ("MyIdea", "", r"; as 'my_idea'"),
        ("2fast", "", r"; as 'fast'"),
        ("_hidden", "", r"; as 'hidden'"),
        ("test_it", "", r"not to begin with test_; as 'it'"),
        ("π", "", r"cannot name a method"),
        ("a+b", "", r"; as 'a_b'"),
        ("lambda", "", r"'lambda' is a word of Python's own"),
        ("match", "", r"'match' is a word of Python's own"),
        (
            "wgan_gp",
            "",
            r"taken by the method in '.+wgan_gp\.py'; .+: bench new method my_wgan_gp --like",
        ),
        ("mlp", "", r"taken by the architecture in '.+mlp\.py'"),
        ("ring8", "", r"taken by the dataset in '.+ring8\.py'"),
        ("tensor", "", r"would be called Tensor, as something else in its file"),
        ("fine", "wgan_gpp", r"--like wgan_gpp: unknown method; did you mean 'wgan_gp'"),
        ("fine", "broken", r"--like broken: it cannot be used: SyntaxError"),
        ("broken", "", r"taken by broken\.py, which cannot be used: SyntaxError"),
        ("there", "", r"there\.py' is there already; nothing was written"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_writes_nothing(folder, name, parent, told):
    (folder / "broken.py").write_text("def f(:\n")
    (folder / "test_there.py").write_text("# mine\n")
    find.cache_clear()
    with pytest.raises(BenchError, match=told) as refused:
        draft("method", name, parent, folder)
    assert "\n" not in str(refused.value)
    assert {file.name for file in folder.glob("*.py")} == {"broken.py", "test_there.py"}
    assert (folder / "test_there.py").read_text() == "# mine\n"


def test_a_name_that_a_test_of_the_checkout_has_is_refused():
    with pytest.raises(BenchError, match=r"'drafting' is taken by the test '.*test_drafting\.py'"):
        draft("method", "drafting")


@pytest.mark.slow
def test_a_newcomers_first_minutes(tmp_path):
    """In a checkout: new, its tests, check; the same with a folder of one's own."""
    for part in ("bench", "methods"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
    for kind in KINDS:
        (tmp_path / "tests" / f"{kind}s").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    environment.pop("BENCH_METHODS_DIR", None)

    def python(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    told = python("bench", "new", "method", "my_idea")
    assert "bench check my_idea" in told
    assert "-m pytest tests/methods/test_my_idea.py" in told
    assert "make bench" in told
    file = tmp_path / "methods" / "my_idea.py"
    text = file.read_text()
    assert "taken by the method in 'methods/my_idea.py'" in python(
        "bench", "new", "method", "my_idea", code=2
    )
    assert file.read_text() == text
    told = python("bench", "new", "method", "my_gp", "--like", "wgan_gp", "--folder", "own ideas")
    assert "bench check my_gp --methods-dir 'own ideas'" in told
    # make quotes its variables itself
    assert "make bench 'METHODS_DIR=own ideas'" in told
    python("pytest", "-q", "-p", "no:cacheprovider", "tests/methods/test_my_idea.py")
    quick = ("-q", "-p", "no:cacheprovider", "-k", "bit_for_bit or describes")
    assert "2 passed" in python("pytest", *quick, "own ideas/test_my_gp.py")
    assert "It passes." in python("bench", "check", "my_gp", "--methods-dir", "own ideas")
    told = python("bench", "new", "dataset", "my_data")
    assert "name it in a study file: `dataset: my_data`" in told
    for kind, asked in (("metric", "my_score"), ("extractor", "my_net_fd")):
        name = asked.removesuffix("_fd")
        told = python("bench", "new", kind, name, "--folder", f"own {kind}s")
        assert f"name it in a study file: `metrics: [{asked}]`" in told
    assert (tmp_path / "tests" / "datasets" / "test_my_data.py").exists()
    assert "It passes." in python("bench", "check", "my_data")
    planned = python("bench", "plan", "smoke", "--methods-dir", "own ideas", "--methods", "my_gp")
    assert "my_gp on ring8" in planned
    refused = python("bench", "plan", "smoke", "--methods-dir", "no", code=2)
    assert refused.splitlines()[-1] == "bench: --methods-dir: 'no' is no folder"
