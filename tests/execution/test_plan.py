"""What the store knows of a cell, and why it would train."""

import dataclasses
import sys
from collections import Counter

import pytest

from bench.execution.plan import Planned, missing_requirements, plan
from bench.extractors.inception import InceptionV3
from bench.measuring.keys import Keys
from bench.metric import Reason, Unavailable
from bench.records.cell import Cell, Component
from bench.records.measurements import Measurement
from bench.records.store import Store
from bench.registry import make_dataset, make_metric


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
    cell = make_cell("wgan_gp", method_hyperparameters={"penalty_weight": 1})
    assert judged(store, cell) == ("stale", "changed: method hyperparameter penalty_weight", True)
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
    cell = make_cell("wgan_gp", updates=25, dataset_hyperparameters={"sigma": 0.02})
    assert judged(store, cell)[:2] == ("stale", "changed: dataset hyperparameter sigma")


def test_a_cell_without_meaning_is_never_trained(store, make_cell):
    cell = dataclasses.replace(make_cell(), not_applicable="it has no meaning")
    assert judged(store, cell) == ("not applicable", "it has no meaning", False)


def test_a_damaged_record_counts_as_none(store, known, make_cell):
    known(make_cell())
    (store.cells / make_cell().key / "record.json").write_text("{")
    assert judged(store, make_cell())[0] == "missing"
    assert len(store.set_aside) == 1


# measurements

CHECKPOINTS = [{"update": update, "generator_update": update} for update in (0, 10, 20)]


def measured_by(cell: Cell, *metrics) -> Cell:
    made = [
        make_metric(*each) if isinstance(each, tuple) else make_metric(each) for each in metrics
    ]
    parts = tuple(Component(m.name, m.hyperparameters(), m.called) for m in made)
    return dataclasses.replace(cell, metrics=parts)


@pytest.fixture
def trained(store, make_record):
    """Puts a record with checkpoints, and what it was measured by."""

    def trained(cell, *metrics, reasons=None) -> None:
        store.put(make_record(cell, result={"checkpoints": CHECKPOINTS}), {})
        dataset = make_dataset(cell.dataset.name, cell.dataset.hyperparameters)
        found = [
            Measurement(
                wanted.key, wanted.metric.called, wanted.part, wanted.ingredients,
                reasons=reasons or {},
            )
            for wanted in Keys().wanted(measured_by(cell, *metrics), dataset)
        ]  # fmt: skip
        store.measured(cell.key, found)

    return trained


def states(planned: Planned) -> dict[str, str]:
    return {each.wanted.component.label: each.state for each in planned.measures}


PRDC = ("prdc", {"extractor": "points"})


def test_what_was_not_measured_is_missing_and_what_was_is_done(store, trained, make_cell):
    trained(make_cell(), "modes")
    (planned,) = plan([measured_by(make_cell(), "modes", "gradients")], store)
    assert (planned.state, planned.to_train) == ("done", False)
    assert states(planned) == {"modes": "done", "gradients": "missing"}
    (key,) = planned.to_measure()
    assert key == planned.measures[1].wanted.key
    assert planned.to_measure(["modes_20"]) == []
    assert planned.to_measure(["gradients"]) == [key]
    assert set(planned.record.absent.values()) == {Reason("unavailable", "not measured yet")}


def test_a_cell_that_is_not_trained_has_nothing_to_measure(store, make_cell):
    (planned,) = plan([measured_by(make_cell(), "modes")], store)
    assert states(planned) == {"modes": "missing"}
    assert planned.to_measure() == []


def test_other_hyperparameters_make_their_own_measurement_only_stale(store, trained, make_cell):
    trained(make_cell(), "modes", "gradients")
    cell = measured_by(make_cell(), "modes", ("gradients", {"window": 500}))
    (planned,) = plan([cell], store)
    assert (planned.state, planned.to_train) == ("done", False)
    assert states(planned) == {"modes": "done", "gradients": "missing"}


def test_an_edited_metric_is_stale_and_says_which_file(store, trained, make_cell, monkeypatch):
    trained(make_cell(), "modes", "gradients")
    from bench.measuring import keys

    plain = keys.sources_that_measure
    monkeypatch.setattr(
        keys,
        "sources_that_measure",
        lambda *parts: (
            plain(*parts) | ({"bench/metrics/modes.py": "0"} if parts[0].name == "modes" else {})
        ),
    )
    (planned,) = plan([measured_by(make_cell(), "modes", "gradients")], store)
    assert states(planned) == {"modes": "stale", "gradients": "done"}
    assert planned.measures[0].why == "changed: source bench/metrics/modes.py"
    assert not planned.to_train


def test_what_tells_the_best_checkpoint_is_measured_along(store, trained, make_cell):
    trained(make_cell())
    (planned,) = plan([measured_by(make_cell(), "modes", PRDC)], store)
    assert set(planned.to_measure(["prdc"])) == {each.wanted.key for each in planned.measures}
    assert len(planned.to_measure(["modes"])) == 1


@pytest.mark.parametrize(("kind", "again"), [("failed", True), ("not_kept", True),
                                             ("too_few", False), ("undefined", False)])  # fmt: skip
def test_measurements_that_failed_are_tried_again_on_request(
    store, trained, make_cell, kind, again
):
    trained(make_cell(), "modes", reasons={"jsd": Reason(kind, "a reason")})
    cell = measured_by(make_cell(), "modes")
    assert states(plan([cell], store)[0]) == {"modes": "done"}
    (planned,) = plan([cell], store, retry=True)
    assert states(planned) == {"modes": "failed" if again else "done"}
    assert (planned.state, bool(planned.to_measure())) == ("done", again)


def test_what_was_measured_without_being_asked_for_is_shown(store, trained, make_cell):
    trained(make_cell(), "modes", PRDC)
    (planned,) = plan([measured_by(make_cell(), "modes")], store)
    assert states(planned) == {"modes": "done", "prdc": "done"}
    assert [each.metric for each in planned.record.measurements] == ["modes", "prdc"]


def test_without_weights_a_metric_is_unavailable_and_a_requirement_missing(
    store, trained, make_cell, monkeypatch
):
    def gone(_):
        raise Unavailable("no weights here")

    monkeypatch.setattr(InceptionV3, "identity", gone)
    trained(make_cell(), "modes")
    planned = plan([measured_by(make_cell(), "modes", "fd")], store)
    assert states(planned[0]) == {"modes": "done", "fid": "unavailable"}
    assert planned[0].to_measure() == []
    assert planned[0].record.not_computed["fid"] == Reason("unavailable", "no weights here")
    assert missing_requirements(planned, ["fid"]) == ["fid: no weights here"]
    assert missing_requirements(planned, ["modes"]) == []


def test_what_was_measured_where_there_were_weights_stays_done(
    store, trained, make_cell, monkeypatch
):
    monkeypatch.setattr(InceptionV3, "identity", lambda _: "0" * 16)
    trained(make_cell(), "fd")
    cell = measured_by(make_cell(), "fd")
    assert states(plan([cell], store)[0]) == {"fid": "done"}

    def gone(_):
        raise Unavailable("no weights here")

    monkeypatch.setattr(InceptionV3, "identity", gone)
    assert states(plan([cell], store)[0]) == {"fid": "done"}
    monkeypatch.setattr(InceptionV3, "identity", lambda _: "1" * 16)
    (planned,) = plan([cell], store)
    assert (planned.measures[0].state, planned.measures[0].why) == (
        "stale",
        "changed: extractor weights",
    )


def test_every_seed_is_asked_for_its_own_measurements(store, trained, make_cell):
    first = measured_by(make_cell(), "modes", PRDC, "gradients")
    cells = [first.but(seed=seed) for seed in range(3)]
    trained(cells[1], "modes", PRDC, "gradients")
    dataset = make_dataset(first.dataset.name, first.dataset.hyperparameters)
    for planned, cell in zip(plan(cells, store), cells, strict=True):
        wanted = Keys().wanted(cell, dataset)
        assert [each.wanted for each in planned.measures] == wanted
        assert [each.key for each in planned.measures] == [each.key for each in wanted]
        assert [each.judge for each in planned.measures] == [w.judge and w.judge[0] for w in wanted]
        assert set(states(planned).values()) == {"done" if cell is cells[1] else "missing"}


def test_a_plan_of_many_cells_opens_each_file_once(store, trained, make_cell):
    first = measured_by(make_cell(), "modes", "gradients")
    cells = [first.but(seed=seed) for seed in range(20)]
    for cell in cells:
        trained(cell, "modes", "gradients")
    opened = Counter[str]()
    counting = True

    def note(event, arguments):
        if counting and event == "open":
            opened[str(arguments[0])] += 1

    sys.addaudithook(note)
    planned = plan(cells, Store(store.results))
    counting = False
    assert {each.state for each in planned} == {"done"}
    files = [store.cells / c.key / n for c in cells for n in ("record.json", "measurements.json")]
    assert {opened[str(file)] for file in files} == {1}
    # sources are hashed once for all seeds
    assert all(times <= 10 for times in opened.values()), opened.most_common(3)
