"""A result that cannot be stored costs its own cell, and no other one of the run."""

import pytest

from bench.records.store import Store
from tests.measuring.conftest import Bench


@pytest.mark.slow
def test_what_cannot_be_stored_is_told_and_tried_again(tmp_path, monkeypatch):
    bench = Bench(tmp_path)
    study = bench.study()
    put, measured = Store.put, Store.measured
    seed_of = {cell.key: cell.seed for cell in study.cells}

    def picky_put(store, data, files):
        if data["cell"]["seed"] == 1 and data["status"] == "ok":
            raise ValueError("Out of range float values are not JSON compliant")
        return put(store, data, files)

    def picky_measured(store, key, found):
        if seed_of[key] == 0:
            raise KeyError("modes")
        return measured(store, key, found)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", picky_put)
        patch.setattr(Store, "measured", picky_measured)
        finished = bench.run(study)
    (failed,) = finished.failed
    assert failed.cell.seed == 1
    assert failed.record.reason == (
        "what came back cannot be stored: ValueError: Out of range float values are not JSON "
        "compliant"
    )
    assert [each.cell.seed for each in finished.unmeasured] == [0]
    again = bench.run(study)
    assert (again.trained, again.failed, again.unmeasured) == (1, [], [])
