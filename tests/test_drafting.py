"""`bench new` writes parts that run at once, and overwrites nothing."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.check import SUITES, Caution, preflight
from bench.cli import main
from bench.drafting import TEMPLATES, draft
from bench.errors import BenchError
from bench.kinds import KINDS, variable
from bench.registry import SHELVES, find, make_method

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
        assert bare(folder / f"my_{name}.py", own) == bare(ROOT / "methods" / f"{name}.py", parent)
    preflight(make_method("my_r3gan"))


def bare(file: Path, method) -> list[str]:
    """A file's statements but for titles, names, `published` and where the method runs unasked."""
    tree = ast.parse(file.read_text())
    (kind,) = (
        n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == type(method).__name__
    )
    kind.name = ""
    asked = ("name", "on_request", "published")
    kind.body = [
        n for n in kind.body[1:] if not (isinstance(n, ast.Assign) and n.targets[0].id in asked)
    ]
    return [ast.dump(node).replace(f"'{type(method).__name__}'", "''") for node in tree.body[1:]]


@pytest.mark.slow
def test_drafts_of_other_kinds_are_found_and_pass_their_own_tests(tmp_path, monkeypatch):
    names = {kind: f"my_{kind[:3]}" for kind in KINDS if kind != "method"}
    for kind, name in names.items():
        made = draft(kind, name, folder=tmp_path / kind)
        assert made.part == tmp_path / kind / f"{name}.py"
        assert made.test == tmp_path / kind / f"test_{name}.py"
        monkeypatch.setenv(variable(kind), str(tmp_path / kind))
    ruff(tmp_path)
    find.cache_clear()
    try:
        for kind, name in names.items():
            assert find(kind).broken == {}
            assert find(kind).parts[name].__name__ == f"My{kind[:3].capitalize()}"
        with pytest.raises(BenchError, match=r"--from copies methods only"):
            draft("dataset", "another", "wgan_gp", tmp_path)
        with pytest.raises(BenchError, match=r"taken by the metric in '.+my_met\.py'"):
            draft("method", "my_met", folder=tmp_path)
    finally:
        find.cache_clear()
        for kind, name in names.items():
            del sys.modules[f"bench.{kind}s.{name}"]
    environment = {k: v for k, v in os.environ.items() if k not in map(variable, KINDS)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kind_has_templates_and_a_suite():
    assert tuple(SHELVES) == KINDS == tuple(SUITES)
    for kind in KINDS:
        assert {f"{kind}.txt", f"test_{kind}.txt"} <= {file.name for file in TEMPLATES.iterdir()}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            ["new", "my_idea"],
            "state the kind of part of 'my_idea': bench new method my_idea or bench new dataset",
        ),
        (["new", "dataset"], "give its name: bench new dataset NAME"),
        (
            ["new", "dataset", "images"],
            "the name 'images' is taken by a module that datasets share",
        ),
        (["new", "architecture", "2d"], "'2d' cannot name an architecture"),
        (["plan", "smoke", "--methods-dir", "no"], "--methods-dir: 'no' is not a folder"),
    ],
)
def test_what_is_typed_wrongly_is_told(monkeypatch, capsys, typed, told):
    monkeypatch.setattr(sys, "argv", ["bench", *typed])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert told in capsys.readouterr().err


RATE = "    rate: float = 1.0\n"
ODD = '''"""An odd one,
told in two lines."""

from dataclasses import dataclass
from bench.method import Method
from methods.r1 import R1, squared_slope


@dataclass(frozen=True)
class Odd(Method):
    """Odd, with Odd in its docstring."""

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
    assert "Odd, with Odd in its docstring." in text
    assert "isinstance(self, Even)" in text
    assert "on_request" not in text


PUBLISHED = {
    "plain": '    # their script\n    published = {"points": {"rate": 0.1}}\n',
    "annotated": '    published: ClassVar[Any] = {"points": {"rate": 0.1}}\n\n',
    "lines": '\n    # theirs,\n    # twice\n    published = {\n        "points": {\n            '
    '"rate": 0.1,\n        },\n    }\n\n',
}


@pytest.mark.parametrize("spelling", PUBLISHED)
def test_what_was_published_of_a_parent_was_not_of_its_copy(folder, spelling):
    above = "from typing import Any, ClassVar\n"
    stated = above + ODD.replace(RATE, f"{RATE}{PUBLISHED[spelling]}")
    (folder / "odd.py").write_text(stated)
    find.cache_clear()
    text = draft("method", "even", "odd", folder).part.read_text()
    find.cache_clear()
    assert make_method("odd").published == {"points": {"rate": 0.1}}
    assert make_method("even").published == {}
    assert make_method("even").hyperparameters() == {"rate": 1.0}
    assert "theirs" not in text
    assert "their script" not in text


def remarks(method) -> list[str]:
    """The cautions of `bench check` that need no training."""
    told = []
    for check in SUITES["method"].remarks:
        try:
            check(method)
        except Caution as caution:
            told.append(str(caution))
    return told


def test_check_cautions_of_an_unwritten_line_and_of_defaults_that_studies_replace(folder):
    made = draft("method", "my_gp", "wgan_gp", folder)
    find.cache_clear()
    (told,) = remarks(make_method("my_gp"))
    assert told.startswith('its docstring still holds "say here in a line what is new"')
    text = made.part.read_text().replace("say here in a line what is new", "a weaker penalty")
    values = '    published = {"points": {"penalty_weight": 0.1, "critic_steps": 5}}\n    search'
    made.part.write_text(text.replace("= 10.0", "= 1.0").replace("    search", values))
    find.cache_clear()
    del sys.modules["methods.my_gp"]
    (told,) = remarks(make_method("my_gp"))
    assert "uses penalty_weight 0.1 on points, not 1.0 (`published`)" in told
    assert "critic_steps" not in told


@pytest.mark.parametrize(
    ("name", "parent", "told"),
    [
        ("My-Idea", "", r"'My-Idea' cannot name a method: .+; as 'my_idea'"),
        ("MyIdea", "", r"; as 'my_idea'"),
        ("2fast", "", r"; as 'fast'"),
        ("_hidden", "", r"; as 'hidden'"),
        ("test_it", "", r"does not begin with test_; as 'it'"),
        ("π", "", r"cannot name a method"),
        ("a+b", "", r"; as 'a_b'"),
        ("lambda", "", r"'lambda' is a word of Python's own"),
        ("match", "", r"'match' is a word of Python's own"),
        (
            "wgan_gp",
            "",
            r"taken by the method in '.+wgan_gp\.py'; .+: bench new method my_wgan_gp --from",
        ),
        ("mlp", "", r"taken by the architecture in '.+mlp\.py'"),
        ("ring8", "", r"taken by the dataset in '.+ring8\.py'"),
        ("tensor", "", r"would be called Tensor, as something else in its file"),
        ("fine", "wgan_gpp", r"--from wgan_gpp: unknown method; did you mean 'wgan_gp'"),
        ("fine", "broken", r"--from broken: it cannot be used: SyntaxError"),
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
    told = python("bench", "new", "method", "my_gp", "--from", "wgan_gp", "--folder", "own ideas")
    assert "bench check my_gp --methods-dir 'own ideas'" in told
    # make quotes its variables itself
    assert "make bench 'METHODS_DIR=own ideas'" in told
    quick = ("-q", "-p", "no:cacheprovider", "-k", "bit_for_bit or describes or square")
    both = ("tests/methods/test_my_idea.py", "own ideas/test_my_gp.py")
    assert "5 passed" in python("pytest", *quick, *both)
    assert "It passes, with 1 caution." in python(
        "bench", "check", "my_idea", "--methods-dir", "own ideas"
    )
    planned = python("bench", "plan", "smoke", "--methods-dir", "own ideas", "--methods", "my_gp")
    assert "my_gp on ring8" in planned


@pytest.mark.parametrize(
    ("kind", "name", "named"),
    [
        ("dataset", "my_data", "dataset: my_data"),
        ("metric", "my_score", "metrics: [my_score]"),
        ("extractor", "my_net", "metrics: [my_net_fd]"),
    ],
)
def test_new_says_how_a_study_names_the_part(tmp_path, monkeypatch, capsys, kind, name, named):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench", "new", kind, name, "--folder", f"own {kind}s"])
    with pytest.raises(SystemExit, match="0"):
        main()
    told = capsys.readouterr().out
    assert f"name it in a study file: `{named}`" in told
    assert (tmp_path / f"own {kind}s" / f"test_{name}.py").exists()
