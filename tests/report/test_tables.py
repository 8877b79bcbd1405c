import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.execution.plan import Planned
from bench.report.analysis.findings import find
from bench.report.analysis.problems import problems
from bench.report.analysis.ranking import standings
from bench.report.analysis.tables import (
    FLOOR,
    RUN_COLUMNS,
    SUMMARY_COLUMNS,
    runs_table,
    summary_table,
)
from bench.report.topics.study.verdict import failed, finding, headline


def test_one_row_per_cell_whatever_became_of_it(make_study, train, modes):
    study = make_study()
    states = iter(("stale", "not applicable"))
    planned = [
        train(study.cells[0], modes(1, 2)),
        train(study.cells[1], status="crashed", reason="Error:\nbroken\n", output="…"),
        train(study.cells[2], modes(1), status="diverged", reason="a loss is not finite"),
        Planned(study.cells[3], "missing", "never trained"),
        *(Planned(cell, next(states), "a reason") for cell in study.cells[4:]),
    ]
    runs = runs_table(problems(planned))
    assert runs["key"].tolist() == [cell.key for cell in study.cells]
    assert runs["state"].tolist() == [
        "done", "failed", "done", "missing", "stale", "not applicable",
    ]  # fmt: skip
    assert runs["status"].tolist() == [
        "ok", "crashed", "diverged", "missing", "stale", "not applicable",
    ]  # fmt: skip
    assert runs["reason"].tolist() == [
        "", "Error: broken", "a loss is not finite", "never trained", "a reason", "a reason",
    ]  # fmt: skip


def test_a_run_shows_last_and_best_values_cost_and_first_update_with_all_modes(two_methods):
    runs = runs_table(problems(two_methods[1])).set_index(["method", "seed"])
    last = runs.loc[("non_saturating", 2)]
    assert last["modes_20"] == last["modes_20_best"] == 8
    assert last["first_update_all_modes"] == 50
    worse = runs.loc[("wgan_gp", 0)]
    assert (worse["modes_20"], worse["modes_20_best"], worse["last_evaluation"]) == (2, 3, 100)
    assert pd.isna(worse["first_update_all_modes"])
    assert (worse["reverse_kl"], worse["reverse_kl_best"]) == (0.25, 0.25)
    assert (worse["discriminator_updates"], worse["training_seconds"]) == (100, 3.0)
    # modes of both iterates, data FD and gradients, half a second each
    assert (worse["checkpoint_seconds"], worse["evaluation_seconds"]) == (0.25, 2.0)
    assert worse["torch"] == "2.11"


def test_gradient_counts_are_those_of_the_record(make_study, train, modes):
    norms = np.exp(np.random.default_rng(0).normal(0, 0.1, 2000)).astype(np.float32)
    norms[[700, 705, 1500]] = 500.0
    study = make_study()
    run = runs_table(problems([train(study.cells[0], modes(1, 2), norms=norms)])).iloc[0]
    assert run["discriminator_spikes"] == 2
    assert run["discriminator_spikes_per_10k"] == pytest.approx(10)
    assert run["discriminator_spike_updates_30"] == 3
    assert run["generator_vanishing"] == 0


def test_what_is_not_judged_is_blank_with_one_reason_for_all_of_it(make_study, train, modes):
    norms = np.ones(140, np.float32)
    runs = runs_table(problems([train(make_study().cells[0], modes(1, 2), norms=norms)]))
    assert runs["generator_spikes"].isna().all()
    assert runs["discriminator_non_finite"].tolist() == [0]
    told = runs["not_computed"].iloc[0]
    assert told.count("not judged: needs at least 200 updates, there are 140") == 1
    assert "generator_spikes, generator_spikes_per_10k, " in told


def test_every_column_is_documented(two_methods):
    found = problems(two_methods[1])
    ranked = [standings(problem) for problem in found]
    metrics = {quantity.name for quantity in found[0].quantities}
    for column in runs_table(found):
        assert column in RUN_COLUMNS or column.removesuffix("_best") in metrics, column
    assert list(summary_table(found, ranked)) == list(SUMMARY_COLUMNS)


def test_summary_against_hand_computed_values(two_methods):
    found = problems(two_methods[1])
    summary = summary_table(found, [standings(p) for p in found])
    modes_20 = summary[summary["metric"] == "modes_20"].set_index("method")
    first, second = modes_20.loc["non_saturating"], modes_20.loc["wgan_gp"]
    assert (first["rank"], first["mean"]) == (1, 7.0)
    low, high = stats.t.interval(0.95, 2, 7, stats.sem([6, 7, 8]))
    assert (first["low"], first["high"]) == pytest.approx((low, high))
    # the diverged seed, which held 8 modes on its way, enters neither the mean nor the difference
    assert (second["rank"], second["mean"]) == (2, 3.0)
    assert (second["seeds_finished"], second["seeds_failed"], second["seeds_planned"]) == (2, 1, 3)
    assert second["best_mean"] == 3.5
    assert second["difference_to_best"] == pytest.approx(-4.0)
    paired = summary_table(found, [standings(p, comparison="paired") for p in found])
    own = paired.query("metric == 'modes_20' and method == 'wgan_gp'").iloc[0]
    assert own["difference_to_best"] == pytest.approx(-3.5)
    assert modes_20.loc[FLOOR, "mean"] == 8
    # of three seeds none is trimmed, so that one failure leaves no interquartile mean
    assert first["interquartile_mean"] == 7.0
    assert pd.isna(first["best"])
    assert pd.isna(second["interquartile_mean"])
    assert (second["best"], second["p_best_test"]) == ("non_saturating", "rank")
    # every seed of the one beats every seed of the other: 2 of C(6, 3) = 20 ways
    assert second["p_best"] == pytest.approx(0.1) == second["p_best_smallest"]
    assert second["chance_to_beat_best"] == 0


def test_undefined_values_are_left_out_and_counted(make_study, train, modes):
    study = make_study()
    planned = [
        train(cell, {100: {**modes(1)[0], "reverse_kl": value}})
        for cell, value in zip(study.cells, (0.5, None, 0.7, 0.1, 0.1, 0.1), strict=True)
    ]
    found = problems(planned)
    summary = summary_table(found, [standings(p) for p in found])
    row = summary[(summary["metric"] == "reverse_kl") & (summary["method"] == "non_saturating")]
    assert row["mean"].item() == pytest.approx(0.6)
    assert row["seeds_with_value"].item() == 2
    assert row["seeds_finished"].item() == 3


def test_of_equal_means_fewer_failures_come_first(make_study, train, modes):
    study = make_study()
    planned = [
        train(cell, modes(4))
        if (cell.method.name, cell.seed) != ("non_saturating", 0)
        else train(cell, status="killed", reason="by SIGKILL")
        for cell in study.cells
    ]
    ranked = standings(problems(planned)[0])
    assert [(s.method, s.rank) for s in ranked] == [("wgan_gp", 1), ("non_saturating", 2)]


def test_lower_is_better_ranks_the_other_way(make_study, train):
    study = make_study(
        """
methods: [non_saturating, wgan_gp]
seeds: 2
experiments: [{dataset: dirac, architecture: dirac, updates: 100}]
"""
    )
    rest = {"distance": 0.0, "theta": 0.0, "psi": 0.0, "data_fd": 0.0}
    planned = [
        train(cell, {0: {"radius": 1.4, **rest}, 100: {"radius": radius, **rest}})
        for cell, radius in zip(study.cells, (0.9, 0.9, 0.1, 0.11), strict=True)
    ]
    ranked = standings(problems(planned)[0])
    assert [s.method for s in ranked] == ["wgan_gp", "non_saturating"]
    assert ranked[1].against_best == "behind"


def test_experiments_on_one_dataset_are_told_apart(make_study):
    study = make_study(
        """
methods: [vanilla]
seeds: 1
experiments:
  - {dataset: ring8, architecture: mlp, updates: 100}
  - {dataset: ring8, architecture: mlp, updates: 200, training: {learning_rate: 0.01}}
  - {dataset: grid25, architecture: mlp, updates: 100}
"""
    )
    found = problems([Planned(cell, "missing", "never trained") for cell in study.cells])
    assert [problem.label for problem in found] == [
        "ring8, learning rate 0.0002, discriminator updates 100",
        "ring8, learning rate 0.01, discriminator updates 200",
        "grid25",
    ]
    assert len({problem.anchor for problem in found}) == 3


def _verdict(planned, comparison="welch"):
    (problem,) = problems(planned)
    ranked = standings(problem, comparison=comparison)
    return f"{headline(problem, ranked)} {failed(ranked)}"


def test_verdict_follows_from_the_numbers(two_methods):
    told = _verdict(two_methods[1])
    # one of three seeds failed: the rank test cannot go below 0.1
    assert "No significant difference between non_saturating and wgan_gp" in told
    assert "best value: non_saturating, 7.00" in told
    assert "wgan_gp diverged on 1 of 3 seeds" in told


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((7.0, 2.0), "non_saturating is the best of 2 methods on ring8."),
        ((7.0, 6.9), "No clear winner among 2 methods on ring8."),
    ],
)
def test_the_finding_names_a_winner_only_where_a_test_does(make_study, train, modes, ends, told):
    study = make_study()
    by_method = dict(zip(("non_saturating", "wgan_gp"), ends, strict=True))
    planned = [train(c, modes(0, by_method[c.method.name] + 0.3 * c.seed)) for c in study.cells]
    assert finding(find(study, planned, [])) == told
    # with one seed each there is no test
    alone = [each for each in planned if each.cell.seed == 0]
    assert finding(find(study, alone, [])) == "No method can be compared with another yet."


def test_the_finding_names_the_datasets_that_are_judged(make_study, train, modes):
    ring = "architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}, updates: 100"
    study = make_study(
        "methods: [non_saturating, wgan_gp]\nseeds: 3\nevaluations: 2\nexperiments:\n"
        + "".join(
            f"  - {{dataset: {{ring8: {{sigma: {sigma}}}}}, {ring}}}\n"
            for sigma in (0.05, 0.06, 0.07)
        )
    )
    ends = {"non_saturating": 7.0, "wgan_gp": 2.0}
    planned = [
        train(c, modes(0, ends[c.method.name] + 0.3 * c.seed))
        for c in study.cells
        if c.seed == 0 or "0.07" not in c.dataset.label
    ]
    assert finding(find(study, planned, [])) == (
        "non_saturating is the best of 2 methods on ring8(sigma=0.05) and ring8(sigma=0.06)."
    )


def test_verdict_names_who_is_behind_and_by_how_much(make_study, train, modes):
    study = make_study()
    ends = {("non_saturating", s): v for s, v in enumerate((7.0, 7.5, 8.0))}
    ends |= {("wgan_gp", s): v for s, v in enumerate((2.0, 2.5, 3.2))}
    told = _verdict([train(c, modes(ends[c.method.name, c.seed])) for c in study.cells])
    test = stats.ttest_ind([7.0, 7.5, 8.0], [2.0, 2.5, 3.2], equal_var=False)
    low, high = test.confidence_interval()
    ahead = f"on average {14.8 / 3:.2f} ({low:.2f} to {high:.2f}) ahead of wgan_gp, the next best"
    assert told.startswith(f"non_saturating leads with 7.50, {ahead}")
    assert len(told.split()) <= 25


def test_verdict_with_one_seed_claims_nothing(make_study, train, modes):
    study = make_study()
    told = _verdict([train(c, modes(3 + c.seed)) for c in study.cells if c.seed == 0])
    assert "(one seed)" in told
    assert "leads" not in told


def test_verdict_does_not_crown_one_of_equals(make_study, train, modes):
    told = _verdict([train(cell, modes(cell.seed)) for cell in make_study().cells])
    assert "No difference: non_saturating and wgan_gp both reach" in told


def test_a_method_ahead_at_common_seeds_is_not_called_behind(make_study, train, modes):
    """The best interquartile mean may rest on seeds that the other method was not trained on."""
    study = make_study(
        """
methods: [non_saturating, wgan_gp]
seeds: 4
experiments: [{dataset: ring8, architecture: mlp, updates: 100}]
"""
    )
    ends = dict(zip(range(4), (1.0, 1.1, 6.2, 8.0), strict=True))
    planned = [
        train(c, modes(ends[c.seed]))
        if c.method.name == "non_saturating"
        else train(c, modes(ends[c.seed] + 0.5 + 0.01 * c.seed))
        for c in study.cells
        if c.method.name == "non_saturating" or c.seed < 3
    ]
    told = _verdict(planned, "paired")
    assert told.startswith("No winner: non_saturating has the best value")
    assert "wgan_gp: ahead by the mean of finished seeds" in told


def test_all_failed_has_no_best(make_study, train):
    planned = [train(c, status="crashed", reason="broke") for c in make_study().cells]
    told = _verdict(planned)
    assert "no method has a finished seed" in told
    assert "non_saturating crashed on 3 of 3 seeds" in told
    assert all(s.rank is None for s in standings(problems(planned)[0]))


def test_settings_of_a_method_make_it_another_method(make_study, train, modes):
    cells = make_study().cells
    other = [
        dataclasses.replace(
            cell,
            method=dataclasses.replace(
                cell.method,
                hyperparameters={"penalty_weight": 1.0},
                label="wgan_gp(penalty_weight=1.0)",
            ),
        )
        for cell in cells
        if cell.method.name == "wgan_gp"
    ]
    planned = [train(cell, modes(cell.seed)) for cell in [*cells, *other]]
    (problem,) = problems(planned)
    assert list(problem.by_method) == ["non_saturating", "wgan_gp", "wgan_gp(penalty_weight=1.0)"]
