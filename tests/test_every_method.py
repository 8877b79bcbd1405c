"""Every method found, the user's own included, is put through the suite of `bench check`."""

import pytest

from bench.check import SUITES
from bench.errors import BenchError
from bench.registry import find, make_method

FOUND = find("method")


@pytest.mark.parametrize("check", SUITES["method"].checks, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", FOUND.parts)
def test_method(name, check):
    check(make_method(name))


def test_every_file_gives_a_method():
    assert not {name: broken.reason for name, broken in FOUND.broken.items()}


def test_unknown_method_is_told_with_the_nearest_name():
    with pytest.raises(BenchError, match="did you mean 'spectral_norm'"):
        make_method("spectral_nrom")
