"""What is trained and what is measured anew, ingredient by ingredient."""

import sys

import pytest

from bench.registry import find

OF_SAMPLES = {"modes", "modes_averaged", "data_fd"}

METRIC = '''
"""A metric of one's own."""
from dataclasses import dataclass
from bench.metric import Metric, Quantity

@dataclass(frozen=True)
class Spread(Metric):
    """Mean square of the samples."""
    def quantities(self, dataset):
        return (Quantity("spread", "spread", "mean square", False),)
    def not_applicable(self, dataset):
        return None
    def measure(self, seen):
        return {"spread": float((seen.samples**2).mean())}
'''


@pytest.fixture
def own_metric(tmp_path, monkeypatch):
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("BENCH_METRICS_DIR", str(folder))

    def write(text):
        (folder / "spread.py").write_text(text, encoding="utf-8")
        _look_again()

    yield write
    monkeypatch.delenv("BENCH_METRICS_DIR")
    _look_again()


def _look_again():
    sys.modules.pop("bench.metrics.spread", None)
    find.cache_clear()


def test_nothing_changed_is_nothing_to_do(bench):
    assert bench.work(bench.study()) == (0, set())


@pytest.mark.parametrize(
    ("override", "trained", "measured"),
    [
        # what training depends on: everything is missing, and measured once it is trained
        ("ring8.sigma=0.02", 2, set()),
        ("ring8.noise=0.1", 2, set()),
        ("mlp.latent=3", 2, set()),
        # what only measuring depends on
        ("ring8.evaluation_samples=100", 0, OF_SAMPLES),
    ],
)
def test_a_hyperparameter_trains_or_measures(bench, override, trained, measured):
    assert bench.work(bench.study(overrides=(override,))) == (trained, measured)


@pytest.mark.parametrize(
    ("key", "value", "trained"),
    [
        ("learning_rate", "0.01", 2),
        ("updates", "30", 2),
        ("evaluations", "3", 2),
        ("seeds", "3", 1),
    ],
)
def test_a_key_of_the_study_trains(bench, key, value, trained):
    assert bench.work(bench.study(**{key: value})) == (trained, set())


@pytest.mark.parametrize(
    ("asked", "measured"),
    [
        ("metrics: [{gradients: {spike_z: 5.0}}]", {"gradients"}),
        ("metrics: [{data_fd: {when: ends}}]", {"data_fd"}),
        ("metrics: [kid]", {"kid"}),
        ("keep: last", set()),
    ],
)
def test_asking_for_another_metric_or_another_threshold_trains_nothing(bench, asked, measured):
    assert bench.work(bench.study(extra=asked)) == (0, measured)


def test_an_edited_metric_is_measured_again_alone_and_a_comment_is_not(bench, own_metric):
    own_metric(METRIC)
    assert bench.work(bench.study()) == (0, {"spread"})
    done = bench.run(bench.study(), train=False)
    assert (done.trained, done.measured) == (0, 2)
    assert all("spread" in r.evaluations[-1] for r in bench.store().records.values())

    own_metric(METRIC.replace("    def measure", "    # in plain words\n    def measure"))
    assert bench.work(bench.study()) == (0, set())

    own_metric(METRIC.replace("**2", "**4"))
    assert bench.work(bench.study()) == (0, {"spread"})
    (why,) = {m.why for p in bench.plan(bench.study()) for m in p.measures if m.state == "stale"}
    assert why == "changed: source bench/metrics/spread.py"


def test_a_metric_that_is_measured_stays_in_sight_without_being_asked_for(bench):
    bench.run(bench.study(extra="metrics: [kid]"), train=False)
    planned = bench.plan(bench.study())
    assert all("kid" in [c.label for c in each.cell.also] for each in planned)
    # 200 samples are too few for it: the reason is kept, and nobody tries again
    assert {each.record.not_computed["kid"].kind for each in planned} == {"too_few"}
    assert bench.work(bench.study()) == (0, set())


def test_the_best_checkpoint_is_part_of_what_is_measured_there(bench):
    study = bench.study(extra="metrics: [{prdc: {extractor: points}}]")
    (planned, _) = bench.plan(study)
    judge, *_ = (m.wanted for m in planned.measures if m.wanted.component.label == "modes")
    ends = next(m.wanted for m in planned.measures if m.wanted.component.label == "prdc")
    assert ends.ingredients["best checkpoint by"] == judge.key
