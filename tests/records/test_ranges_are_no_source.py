"""A range of a hyperparameter is stated, changed and taken away without training anything anew."""

import pytest

from bench.records.fingerprint import text_hash

PLAIN = """from dataclasses import dataclass
from bench.method import Method

@dataclass(frozen=True)
class Mine(Method):
    rate: float = 1.0
    widths: tuple[int, ...] = (8, 8)
    size: int | None = None
"""
STATED = {
    "names of the contract": PLAIN.replace("import Method", "import Count, Method, Positive")
    .replace("float", "Positive").replace("int", "Count"),
    "an import of their own": "from bench.values import Positive as Above\n"
    + PLAIN.replace("float", "Above"),
    "another range": "from typing import Annotated\nfrom annotated_types import Ge, Interval\n"
    + PLAIN.replace("float", "Annotated[float, Interval(ge=0.5, lt=2)]")
    .replace("int", "Annotated[int, Ge(3)]"),
}  # fmt: skip
OTHERWISE = {
    "another type": PLAIN.replace("float", "str"),
    "a class of the same name": "class Positive: pass\n" + PLAIN.replace("float", "Positive"),
    "what is no range": "from typing import Annotated\n"
    + PLAIN.replace("float", "Annotated[float, print('hello')]"),
    "another default": PLAIN.replace("1.0", "2.0"),
}


@pytest.mark.parametrize("written", STATED)
def test_a_range_leaves_the_hash_alone(written):
    assert text_hash(STATED[written]) == text_hash(PLAIN)


@pytest.mark.parametrize("written", OTHERWISE)
def test_whatever_else_changes_it(written):
    assert text_hash(OTHERWISE[written]) != text_hash(PLAIN)
