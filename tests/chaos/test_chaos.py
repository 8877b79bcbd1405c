"""The short form of ``make chaos``: every sort of fault, few times each."""

import pytest

from tests.chaos import damage, faults
from tests.chaos.campaign import campaign


@pytest.mark.slow
def test_kills_lose_nothing_and_damaged_files_are_noticed(tmp_path):
    found = campaign(tmp_path / "campaign", kills=5, seed=2)
    assert found.wrong == []
    assert found.kills.total() >= 5
    for met in damage.of_files(tmp_path / "campaign" / "undisturbed"):
        assert met.lost == []
        assert met.seen


@pytest.mark.slow
def test_faulty_methods_cost_themselves_only(tmp_path):
    met = faults.of_methods(tmp_path / "methods", ["raises", "exits", "allocates", "forks"])
    assert [line for each in met for line in each.lost] == []
    assert met[0].seen == "crashed: ValueError: the idea"
    assert met[2].seen == "out_of_memory: MemoryError"
