"""YAML as its version 1.2 means it, and the bounds within which it is read."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.yaml12 import read_file, read_value, write_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("OFF", "OFF"), ("y", "y"),
        ("true", True), ("False", False), ("tRUE", "tRUE"),
        ("", None), ("~", None), ("Null", None), ("none", "none"),
        ("10", 10), ("+3", 3), ("-0", 0), ("0o10", 8), ("0xff", 255),
        ("010", "010"), ("0b11", "0b11"), ("1_000", "1_000"), ("6:00", "6:00"), ("1:2:3", "1:2:3"),
        ("1e-3", 1e-3), ("1E5", 1e5), ("1.", 1.0), (".5", 0.5), ("-1.5e+2", -150.0),
        ("00.5", "00.5"), ("١", "١"), ("1,5", "1,5"),
        (".inf", math.inf), ("-.INF", -math.inf), ("inf", "inf"), ("nan", "nan"),
        ("2026-02-30", "2026-02-30"), ("2026-01-01", "2026-01-01"), ("=", "="),
        ("'1'", "1"), ('"true"', "true"), ("!!str 8", "8"), ("! 8", "8"),
        ("{on: 1, 8: 2, null: 3}", {"on": 1, "8": 2, "null": 3}),
        ("[&a {x: 1}, {<<: *a, y: 2}]", [{"x": 1}, {"x": 1, "y": 2}]),
        ("[&a {x: 1, y: 1}, {<<: *a, y: 2}]", [{"x": 1, "y": 1}, {"y": 2, "x": 1}]),
        ("[&a {x: 1}, &b {x: 2}, {<<: [*a, *b]}]", [{"x": 1}, {"x": 2}, {"x": 1}]),
        ("{'<<': 1}", {"<<": 1}),
    ],
)  # fmt: skip
def test_a_text_means_what_yaml_1_2_says(text, value):
    read = read_value(text)
    assert (read, type(read)) == (value, type(value))


def test_not_a_number_is_read():
    assert math.isnan(read_value(".nan"))


def deep(levels: int) -> str:
    return "a: " + "[" * levels + "]" * levels


def laughs(levels: int, text: str = "[lol]") -> str:
    """An anchor of ten aliases of an anchor of ten aliases …"""
    lines = [f"a0: &a0 {text}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: 'a' is given twice"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: {d: 1}", "line 4: '<<' is given twice"),
        ("a: 1\nb: {<<: 3}", "line 2: << merges mappings"),
        ("a:\n  - *gone", "line 2: *gone has no anchor &gone before it"),
        ("a: &a [*a]", "line 1: *a has no anchor"),
        ("a: 1\n? [b]\n: 1", "line 2: a key must be a plain name"),
        ("a: 1\n---\nb: 1", "another document begins"),
        ("a: !!python/object/apply:os.system ['true']", "line 1: the tag "),
        ("a: !!binary aGk=", "line 1: the tag "),
        ("a: 1\nb: 99999999999999999999", "line 2: 99999999999999999999… is beyond"),
        ("a: " + "9" * 5000, "is beyond the whole numbers of 64 bits"),
        ("a: 0x" + "f" * 100_000, "is beyond the whole numbers of 64 bits"),
        (r'a: "\UFFFFFFFF"', "not valid YAML"),
        (r'a: "\ud800"', "line 1: 'utf-8' codec can't encode"),
        (r'"a\n": 1', "line 1: a key has up to 1,000 letters, and no control characters"),
        ("a: [1\nb: 2", "line 2: not valid YAML"),
        ("a: \x01", "not valid YAML"),
        (deep(30), "line 1: more than 20 lists and mappings inside each other"),
        (deep(100_000), "line 1: more than 20 lists and mappings inside each other"),
        (laughs(12), "more than 20,000 values, aliases written out"),
        (laughs(5, f"[{'x' * 100_000}]"), "more than 20,000 values, aliases written out"),
        ("a: [" + "1," * 60_000 + "]", "line 1: more than 20,000 values"),
        ("".join(f"key{n}: 1\n" for n in range(20_000)), "more than 20,000 values"),
        ("".join(f"key{n}: 1\n" for n in range(300_000)), "is larger than 256 KiB"),
        ("a" * 5_000 + ": 1", "not valid YAML"),
        ("? " + "a" * 5_000 + "\n: 1", "a key has up to 1,000 letters"),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_what_is_no_yaml_or_too_much_is_refused_soon_in_one_line(tmp_path, text, message):
    file = tmp_path / "odd.yaml"
    file.write_text(text, encoding="utf-8")
    begun = time.process_time()
    with pytest.raises(BenchError) as told:
        read_file(file)
    assert time.process_time() - begun < 2
    assert message in str(told.value)
    assert len(str(told.value)) < 500
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_other_systems_are_read(tmp_path, encoding):
    file = tmp_path / "other.yaml"
    file.write_bytes("a: ü\r\nb: 1e-4\r\n".encode(encoding))
    written = read_file(file)
    assert written.value == {"a": "ü", "b": 1e-4}
    assert written.line(("b", "inside", 3)) == 2


plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=30)


def nested(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text("aé:< 1", max_size=8), inner)


values = st.recursive(plain | st.floats(allow_nan=False), nested, max_leaves=10)


@settings(max_examples=100, deadline=None)
@given(values)
def test_a_value_that_is_written_is_read_back(value):
    read = read_value(write_value(value))
    assert (read, repr(read)) == (value, repr(value))


@settings(max_examples=300, deadline=None)
@given(st.text("[]{}:,-?&*!<>|'\"%@`#\\ \n\tax01.~=", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_value_or_one_line(text):
    told = ""
    try:
        read_value(text)
    except BenchError as error:
        told = str(error)
    assert len(told) < 500
    assert "\n" not in told
