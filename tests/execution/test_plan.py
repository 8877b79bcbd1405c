"""What the store knows of a cell, and why it would train."""

import dataclasses

import pytest

from bench.execution.plan import plan
from bench.records.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path)
    with store.writing():
        pass
    return store


@pytest.fixture
def known(store, make_record):
    def known(cell, status: str = "ok") -> None:
        store.put(make_record(cell, status), {})

    return known


def judged(store, cell, retry=False) -> tuple[str, str, bool]:
    (planned,) = plan([cell], store, retry)
    return planned.state, planned.why, planned.to_train


def test_a_cell_without_a_record_is_missing(store, known, make_cell):
    assert judged(store, make_cell()) == ("missing", "never trained", True)
    known(make_cell(seed=1))
    known(make_cell("ttur"))
    assert judged(store, make_cell()) == ("missing", "never trained", True)


def test_a_recorded_cell_is_done(store, known, make_cell):
    known(make_cell())
    assert judged(store, make_cell()) == ("done", "ok", False)
    (planned,) = plan([make_cell()], store)
    assert planned.record.key == make_cell().key


def test_divergence_is_a_finding_and_is_tried_again_on_request_only(store, known, make_cell):
    known(make_cell(), "diverged")
    assert judged(store, make_cell()) == ("done", "diverged", False)
    assert judged(store, make_cell(), retry=True) == ("failed", "diverged: it diverged", True)


@pytest.mark.parametrize("status", ["crashed", "killed", "timed_out", "out_of_memory"])
def test_what_says_nothing_of_the_method_is_tried_again(store, known, make_cell, status):
    known(make_cell(), status)
    assert judged(store, make_cell()) == ("failed", f"{status}: it {status}", True)


def test_a_good_record_is_kept_when_others_are_tried_again(store, known, make_cell):
    known(make_cell())
    assert judged(store, make_cell(), retry=True)[0] == "done"


def test_a_changed_ingredient_is_named(store, known, make_cell):
    known(make_cell("wgan_gp"))
    cell = make_cell("wgan_gp", method_settings={"penalty_weight": 1})
    assert judged(store, cell) == ("stale", "changed: method setting penalty_weight", True)
    assert judged(store, make_cell("wgan_gp", updates=25))[:2] == ("stale", "changed: budget")
    edited = dataclasses.replace(
        make_cell("wgan_gp"),
        sources={**make_cell("wgan_gp").sources, "methods/wgan_gp.py": "0", "bench/new.py": "1"},
    )
    assert judged(store, edited)[:2] == (
        "stale",
        "changed: source bench/new.py, source methods/wgan_gp.py",
    )


def test_the_closest_of_several_stale_records_is_compared(store, known, make_cell):
    for updates in (25, 30):
        known(make_cell("wgan_gp", updates=updates))
    cell = make_cell("wgan_gp", updates=25, dataset_settings={"sigma": 0.02})
    assert judged(store, cell)[:2] == ("stale", "changed: dataset setting sigma")


def test_a_cell_without_meaning_is_never_trained(store, make_cell):
    cell = dataclasses.replace(make_cell(), not_applicable="it has no meaning")
    assert judged(store, cell) == ("not applicable", "it has no meaning", False)


def test_a_damaged_record_counts_as_none(store, known, make_cell):
    known(make_cell())
    (store.cells / make_cell().key / "record.json").write_text("{")
    assert judged(store, make_cell())[0] == "missing"
    assert len(store.set_aside) == 1
