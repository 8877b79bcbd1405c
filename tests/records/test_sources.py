"""Code that a method imports from beside it is part of what its results depend on."""

import sys
from types import ModuleType

from bench.records.fingerprint import imported_modules
from bench.records.sources import _helpers


def test_imports_below_a_package_are_found_in_every_form():
    source = "import os\nimport methods.one\nfrom methods.two import f\nfrom methods import three\n"
    assert imported_modules(source, "methods") == [
        "methods.one",
        "methods.three",
        "methods.two",
        "methods.two.f",
    ]


def test_a_helper_and_the_helper_of_a_helper_are_sources(tmp_path, monkeypatch):
    for name, text in {
        "idea": "from methods._first import f\n",
        "_first": "from methods import _second\n",
        "_second": "f = 1\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
        module = ModuleType(f"methods.{name}")
        module.__file__ = str(tmp_path / f"{name}.py")
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert set(_helpers(tmp_path / "idea.py", "methods")) == {
        "methods/_first.py",
        "methods/_second.py",
    }
