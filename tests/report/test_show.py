"""`bench show`: what became of a run first, everything else where it is asked for."""

import pytest
import yaml


@pytest.fixture
def shown(make_study, train, modes, store, call):
    """Calls `bench show` on a run of ring8 that lost modes, with these options."""
    planned = train(make_study().cells[0], modes(0, 8, 3))
    return lambda *options: call("show", planned.cell.key, "--results", store.results, *options)


def test_a_run_is_shown_with_its_diagnosis_and_a_row_for_each_checkpoint(shown):
    first, status, diagnosis, *rest = shown().splitlines()
    assert "on ring8" in first
    assert status == "ok"
    assert diagnosis.startswith("Diagnosis: ")
    assert "''" not in diagnosis
    heading, *rows = rest[1:5]
    assert heading.split()[:2] == ["update", "modes"]
    assert [row.split()[:2] for row in rows] == [["0", "0.00"], ["50", "8.00"], ["100", "3.00"]]
    assert rest[5:] == ["", "Everything else that is stored: add --all."]


def test_everything_else_follows_as_yaml(shown):
    brief, _, _ = shown().rpartition("\nEverything")
    whole = shown("--all")
    assert whole.startswith(brief)
    content = yaml.safe_load(whole.removeprefix(brief))
    assert content["ingredients"]["dataset"] == "ring8"
    assert [each["update"] for each in content["checkpoints"]] == [0, 50, 100]
    assert {"networks", "measurements", "run"} <= content.keys()
