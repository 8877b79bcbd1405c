"""What a source's hash notices, and what it does not."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.fingerprint import digest, source_hash, text_hash

SOURCE = '''"""A module."""
from dataclasses import dataclass

RATE = 1e-3


@dataclass
class Thing:
    """A thing."""

    size: int = 3
    """Its size."""

    def grow(self, by=1, *, name="x"):
        """Grow."""
        if by > 2 and name is not None:
            return self.size + by
        return [i for i in range(self.size) if i % 2]


def nothing():
    """Only a docstring."""
'''

COSMETIC = {
    "a comment": SOURCE.replace("RATE = 1e-3", "# the rate\nRATE = 1e-3  # per update"),
    "a module's docstring": SOURCE.replace('"""A module."""\n', '"""Another\nmodule."""\n'),
    "no module docstring": SOURCE.replace('"""A module."""\n', ""),
    "a method's docstring": SOURCE.replace('"""Grow."""', "'''Grow by ``by``.'''"),
    "a field's docstring": SOURCE.replace('    """Its size."""\n', ""),
    "blank lines": SOURCE.replace("\n\n", "\n\n\n"),
    "spaces": SOURCE.replace("RATE = 1e-3", "RATE=1e-3"),
    "line breaks": SOURCE.replace("by=1, *, name", "\n        by=1,\n        *,\n        name"),
    "quotes": SOURCE.replace('"x"', "'x'"),
    "another way to write a number": SOURCE.replace("1e-3", "0.001"),
    "brackets": SOURCE.replace("self.size + by", "(self.size + by)"),
    "what may be searched": SOURCE.replace(
        "    size: int", "    search = {'size': [1]}\n    size: int"
    ),
    "the same, typed": SOURCE.replace("    size: int", "    search: dict = {1: 2}\n    size: int"),
    "carriage returns": SOURCE.replace("\n", "\r\n"),
}

REAL = {
    "a constant": SOURCE.replace("1e-3", "2e-3"),
    "an integer for a float": SOURCE.replace("1e-3", "0").replace("= 3", "= 0.0"),
    "a default": SOURCE.replace("by=1", "by=2"),
    "a type": SOURCE.replace("size: int", "size: float"),
    "a name": SOURCE.replace("grow", "shrink"),
    "an operator": SOURCE.replace("self.size + by", "self.size - by"),
    "a comparison": SOURCE.replace("by > 2", "by >= 2"),
    "a string": SOURCE.replace('"x"', '"y"'),
    "a decorator": SOURCE.replace("@dataclass\n", "@dataclass(frozen=True)\n"),
    "an import": SOURCE.replace("import dataclass", "import field, dataclass"),
    "a keyword-only argument": SOURCE.replace("*, name", "name"),
    "None for a value": SOURCE.replace("is not None", "is not True"),
    "another order": SOURCE.replace("RATE = 1e-3\n", "") + "\nRATE = 1e-3\n",
    "search outside of a class": SOURCE + "\nsearch = {}\n",
    "a condition dropped": SOURCE.replace(" if i % 2", ""),
}


def test_the_hash_of_a_text_stays_what_it_was():
    # stored records are found by keys made of such hashes
    assert text_hash(SOURCE) == "a2f88a34f0bb35e8"


@pytest.mark.parametrize("change", COSMETIC)
def test_a_cosmetic_edit_leaves_the_hash_alone(change):
    assert COSMETIC[change] != SOURCE
    assert text_hash(COSMETIC[change]) == text_hash(SOURCE)


def test_real_edits_all_have_different_hashes():
    sources = [SOURCE, *REAL.values()]
    assert len(set(sources)) == len({text_hash(source) for source in sources}) == len(REAL) + 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = None", "x = ..."),
        ("return_ = f(a, b)", "return_ = f((a, b))"),
        ("f(*a)", "f(a)"),
        ("f(**a)", "f(*a)"),
        ("def f(a, /, b): x", "def f(a, b): x"),
        ("def f(*a, b=1): x", "def f(a, *, b=1): x"),
        ("from . import a", "from .. import a"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("x = a[1:]", "x = a[:1]"),
        ("if a:\n x\nelse:\n y", "if a:\n x\ny"),
        ("async def f(): x", "def f(): x"),
        ("x = {'a': 1}", "x = {**a}"),
        ("for i in a:\n x\n y", "for i in a:\n x\ny"),
    ],
)
def test_sources_that_differ_by_little_are_told_apart(first, second):
    assert text_hash(first) != text_hash(second)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_constants_are_told_apart_by_their_value(first, second):
    same = repr(first) == repr(second)
    assert (text_hash(f"x = {first!r}") == text_hash(f"x = {second!r}")) == same


def test_a_file_is_read_again_when_it_has_changed(tmp_path):
    file = tmp_path / "method.py"
    file.write_text("a = 1")
    first = source_hash(file)
    file.write_text("a = 2")
    os.utime(file, ns=(0, 0))
    assert source_hash(file) != first == text_hash("a = 1")


def test_a_digest_ignores_the_order_of_keys_and_the_kind_of_sequence():
    assert digest({"a": 1, "b": (1, 2)}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
