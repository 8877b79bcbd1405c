"""Sequential studies: what their files say, which cells they run, and what the report shows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from bench.deciding import run, state
from bench.errors import BenchError
from bench.execution import coordinator
from bench.execution.plan import plan
from bench.report import write_report
from bench.report.analysis.deciding import decisions
from bench.report.analysis.problems import problems
from bench.report.topics.dataset.pairs import answer, progress
from bench.study import load_study
from bench.study.selection import parse
from tests.report.handmade import ring_modes, store_in, studies_in, trainer

STUDY = """
methods: [vanilla, ttur, wgan_gp]
seeds: {SEEDS}
evaluations: 1
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 50
"""
ALL = "{start: 3, step: 2, most: 9, decide: 1.0}"
LEVELS = {"vanilla": 6.0, "ttur": 6.1, "wgan_gp": 1.0}
NOISE = {"vanilla": [0, 3, 1, 4, 2], "ttur": [2, 0, 3, 1, 4], "wgan_gp": [1, 4, 2, 0, 3]}


def value(cell) -> float:
    """Return scores in which vanilla and ttur are close, and wgan_gp far behind."""
    return LEVELS[cell.method.name] + 0.1 * NOISE[cell.method.name][cell.seed % 5]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A sequential study whose cells are trained by hand, in batches that are kept."""
    store = store_in(tmp_path)
    train = trainer(store)
    own = SimpleNamespace(store=store, batches=[], status={}, stop_after=None, trained=0)

    def run_by_hand(study, store, *_, **__):
        planned = plan(study.cells, store)
        own.batches.append(sorted((c.method.name, c.seed) for c in study.cells))
        work = [each.cell for each in planned if each.to_train]
        for cell in work:
            if own.trained == own.stop_after:
                raise KeyboardInterrupt
            status = own.status.get((cell.method.name, cell.seed), "ok")
            train(cell, None if status == "crashed" else ring_modes(0, value(cell)), status)
            own.trained += 1
        return coordinator.Finished(len(work), len(work), plan(study.cells, store))

    monkeypatch.setattr(coordinator, "run", run_by_hand)
    own.study = lambda seeds=ALL: studies_in(tmp_path)(STUDY.replace("{SEEDS}", seeds))
    own.go = lambda study: run(study, store, None, Console(quiet=True))
    return own


def results(bench, study):
    every = frozenset(cell.key for cell in study.reserve)
    (decided,) = state(study, bench.store, tried=every).decisions
    return decided.replayed.results


def test_a_decided_pair_stops_and_an_open_one_goes_on(bench):
    study = bench.study()
    done = bench.go(study)
    found = results(bench, study)
    assert {pair: each.outcome for pair, each in found.items()} == {
        ("ttur", "vanilla"): "open",
        ("ttur", "wgan_gp"): "ahead",
        ("vanilla", "wgan_gp"): "ahead",
    }
    counts = {m: sum(c.method.name == m for c in state(study, bench.store).cells) for m in LEVELS}
    last = found["vanilla", "wgan_gp"].seeds
    assert counts == {"vanilla": 9, "ttur": 9, "wgan_gp": last}
    assert last < 9
    assert done.trained == bench.trained == sum(counts.values()) == len(done.planned)
    # a batch runs what it adds, and nothing twice
    assert len({cell for batch in bench.batches for cell in batch}) == sum(map(len, bench.batches))


def test_nothing_is_added_once_the_best_is_known(bench):
    study = bench.study("{start: 3, step: 2, most: 9}\nmargin: 2")
    bench.go(study)
    (decided,) = state(study, bench.store).decisions
    assert decided.results
    assert not decided.replayed.needed
    assert "ttur and vanilla are the best, and equal within ±2.00" in answer(decided)
    assert bench.trained < 27


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What the same study decides, and which cells it has, when it runs in one go."""
    folder = tmp_path_factory.mktemp("whole")
    study, store = studies_in(folder)(STUDY.replace("{SEEDS}", ALL)), store_in(folder)
    train = trainer(store)
    while missing := [c for c in state(study, store).cells if c.key not in store.records]:
        for cell in missing:
            train(cell, ring_modes(0, value(cell)))
    (decided,) = state(study, store).decisions
    return decided.replayed.results, set(store.records)


@pytest.mark.parametrize("after", [4, 12])
def test_an_interrupted_run_continues_to_the_same_decision(bench, after, uninterrupted):
    study = bench.study()
    bench.stop_after = after
    with pytest.raises(KeyboardInterrupt):
        bench.go(study)
    bench.stop_after = None
    bench.go(study)
    assert (results(bench, study), set(bench.store.records)) == uninterrupted
    trained = bench.trained
    bench.go(study)
    assert bench.trained == trained


def test_a_cell_that_crashes_is_tried_once_a_run_and_the_others_go_on(bench):
    study = bench.study()
    bench.status["ttur", 1] = "crashed"
    done = bench.go(study)
    tried = [cell for batch in bench.batches for cell in batch]
    assert tried.count(("ttur", 1)) == 1
    assert [each.cell.seed for each in done.failed] == [1]
    found = results(bench, study)
    assert found["vanilla", "wgan_gp"].outcome == "ahead"
    assert found["ttur", "vanilla"].seeds == 0
    # the next run tries it again, and what waited is compared from the first look on
    bench.status.clear()
    assert not bench.go(study).failed
    assert results(bench, study)["ttur", "wgan_gp"].outcome == "ahead"
    assert results(bench, study)["ttur", "vanilla"].seeds == 9


def test_a_seed_that_diverged_is_a_finding_and_ranks_last(bench):
    bench.status |= {("ttur", seed): "diverged" for seed in range(9)}
    study = bench.study("{start: 5, step: 2, most: 9, decide: baseline, baseline: vanilla}")
    bench.go(study)
    assert results(bench, study)["ttur", "vanilla"].outcome == "behind"


def test_a_method_that_does_not_apply_is_in_no_pair(bench):
    study = bench.study()
    reserve = [
        replace(c, not_applicable="no reason") if c.method.name == "ttur" else c
        for c in study.reserve
    ]
    study = replace(study, reserve=reserve, expansion=None, cells=reserve)
    bench.go(study)
    assert list(results(bench, study)) == [("vanilla", "wgan_gp")]


def test_a_narrowed_run_shares_the_error_with_all_methods_of_the_study(bench):
    study = bench.study()
    narrowed = load_study(study.source, parse("vanilla,wgan_gp", "", "", []))
    bench.go(narrowed)
    found = results(bench, narrowed)
    # the pairs of the method that is left out keep their share, and nothing waits for them
    (pair,) = found.values()
    (decided,) = state(narrowed, bench.store).decisions
    assert (pair.outcome, decided.asked.besides) == ("ahead", 2)
    assert pair.level == pytest.approx(decided.asked.level(pair.look - 1, 3))
    assert decided.results
    assert not decided.replayed.needed
    assert {record.cell.method.name for record in bench.store.records.values()} == {
        "vanilla", "wgan_gp"
    }  # fmt: skip


def test_fixed_seeds_are_decided_by_defaults_where_that_is_asked(bench):
    file = bench.study("4").source
    assert load_study(file).deciding is None
    study = load_study(file, decide=True)
    assert study.deciding.looks == (5, 10, 15, 20, 25, 30)
    assert (len(study.cells), len(study.reserve)) == (15, 90)
    # seeds that are typed are fixed
    assert load_study(bench.study().source, parse("", "", "4", [])).deciding is None


@pytest.mark.slow
def test_the_report_says_how_every_pair_was_decided(bench):
    study = bench.study()
    bench.go(study)
    shown = study.grown(bench.store.records)
    planned = plan(shown.cells, bench.store)
    page = write_report(shown, planned, bench.store.results)
    told = page.with_suffix(".md").read_text()
    assert "Not decided: 1 pair still needed and open after 9 seeds" in told
    assert "| vanilla | wgan_gp | better |" in told
    assert "| ttur | vanilla | open | 4 | 9 |" in told
    (decided,) = decisions(shown, problems(planned))
    assert decided.replayed.results == results(bench, study)
    assert progress(decided).startswith("ring8: 2 of 3 pairs decided.")


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ("{strt: 5}", "unknown key 'seeds.strt'; did you mean 'start'?"),
        ("{start: 1}", "'seeds.start' is 1: input should be greater than 1"),
        ("{start: 5, most: 3}", "most (3) is less than start (5)"),
        ("{decide: worst}", "'seeds.decide' is 'worst': give best, baseline, or a share"),
        ("{decide: 1.5}", "'seeds.decide' is 1.5: give best, baseline, or a share"),
        ("{decide: baseline}", "need each other"),
        ("{decide: baseline, baseline: vanila}", "no method 'vanila'; did you mean 'vanilla'?"),
        ("{start: 3}\nmargin: 0", "'margin' is 0: input should be greater than 0"),
        ("{start: 3}\nmargin: {grid25: 1}", "the study has no dataset 'grid25'"),
        ("{error: 0.9}", "'seeds.error' is 0.9"),
        ("3\nseeds_: 1", "unknown key 'seeds_'"),
    ],
)
def test_one_clear_line_says_what_is_wrong(bench, seeds, told):
    with pytest.raises(BenchError) as raised:
        bench.study(seeds)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_experiment_of_a_sequential_study_has_no_seeds_of_its_own(tmp_path):
    own = STUDY.replace("{SEEDS}", ALL).replace("updates: 50", "updates: 50\n    seeds: 2")
    with pytest.raises(BenchError, match="an experiment has seeds of its own; remove them"):
        studies_in(tmp_path)(own)
