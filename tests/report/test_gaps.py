"""Metrics in tables of their own, measured seldom, or not at all."""

import numpy as np
import pandas as pd
import pytest
from image_records import IMAGES, NO_WEIGHTS, WITH_INCEPTION, shades
from measured import in_words
from pages import Page, rows_of

from bench.execution.plan import plan
from bench.measuring.choice import offered, quantities_of
from bench.metrics.gradients import PLAYERS
from bench.registry import find
from bench.report import write_report
from bench.report.analysis.columns import RUN_COLUMNS
from bench.report.analysis.findings import find as of
from bench.report.analysis.problems import describe, problems
from bench.report.analysis.ranking import standings
from bench.report.analysis.tables import runs_table, summary_table
from bench.report.drawing import seeds
from bench.report.topics.study.provenance import mixed
from bench.report.topics.study.verdict import headline

DIGITS = {"classes_20": 10.0, "classes_1": 10.0, "reverse_kl": 0.25, "jsd": 0.125}
SLOW = {"lenet_precision": 0.5, "lenet_recall": 0.5, "lenet_density": 0.5, "lenet_coverage": 0.5}
FLOOR = {"lenet_fd": 3.5, "lenet_kid": -0.25, "pixel_fd": 0.01, **DIGITS, **SLOW}
INCEPTION = ("fid", "kid", "precision", "recall", "density", "coverage")
WITHOUT = dict.fromkeys(INCEPTION, NO_WEIGHTS)


def digits(*values: tuple[float, float | None]) -> dict:
    """Evaluations by their LeNet FD and, where it is measured, KID."""
    return {
        50 * place: {
            "lenet_fd": fd,
            **DIGITS,
            **({} if kid is None else {"lenet_kid": kid, **SLOW}),
        }
        for place, (fd, kid) in enumerate(values)
    }


@pytest.fixture
def of_digits(make_study, train):
    """mnist5k with LeNet KID; non_saturating's first seed was best halfway."""

    def make(dataset="mnist5k", metrics="", **more):
        study = make_study(IMAGES.format(dataset=dataset) + metrics)
        ends = {
            ("non_saturating", 0): digits((90, None), (10, 11.0), (20, 21.0)),
            ("non_saturating", 1): digits((90, None), (40, None), (30, 33.0)),
            ("wgan_gp", 0): digits((90, None), (60, None), (50, 51.0)),
            ("wgan_gp", 1): digits((90, None), (60, None), (50, 55.0)),
        }
        return study, [
            train(c, ends[c.method.name, c.seed], floor=FLOOR, samples=shades((28, 28)), **more)
            for c in study.cells
        ]

    return make


@pytest.fixture
def of_photographs(make_study, train):
    """cifar10, ranked by FID, which is measured at the end or, as ``fid`` says, not there."""

    def make(fid=None, diverged=(), methods=("non_saturating", "wgan_gp")):
        study = make_study(IMAGES.format(dataset="cifar10") + WITH_INCEPTION)
        planned = []
        for c in study.cells:
            ends = {at: {"pixel_fd": 2.0 + c.seed - at / 100} for at in (0, 50, 100)}
            measured = fid is not None and c.method.name in methods
            if measured:
                ends[100] |= {"fid": fid + c.seed, **dict.fromkeys(INCEPTION[1:], 0.5)}
            failed = c.method.name in diverged
            planned.append(
                train(
                    c, ends, status="diverged" if failed else "ok", floor=FLOOR,
                    samples=shades((32, 32, 3)), not_computed={} if measured else WITHOUT,
                )
            )  # fmt: skip
        return study, planned

    return make


def test_a_group_has_a_table_with_the_last_evaluation_and_the_best_checkpoint(of_digits):
    study, planned = of_digits()
    text = in_words(of(study, planned, []))
    headers = [line for line in text.splitlines() if line.startswith("| method | evaluation |")]
    assert ["reverse KL" in header for header in headers] == [True, False]
    assert ["KID" in header for header in headers] == [False, True]
    rows = rows_of(text, "LeNet KID ↓")
    assert [row[:2] for row in rows] == [
        ["non_saturating", "last"], ["non_saturating", "best"], ["wgan_gp", "last"],
        ["real data", ""],
    ]  # fmt: skip
    kids = [row[2].split(" ±")[0] for row in rows]
    # best: 11 at update 50 of the first seed, 33 at the end of the second
    assert kids == ["27.0", "22.0", "53.0", "−0.2"]
    assert "Best: at each seed's best checkpoint by LeNet FD" in text


def test_the_best_checkpoint_stands_in_both_tables_on_disk(of_digits):
    found = problems(of_digits()[1])
    runs = runs_table(found).set_index(["method", "seed"])
    assert runs["best_evaluation"].tolist() == [50, 100, 100, 100]
    summary = summary_table(found, [standings(p) for p in found]).set_index(["metric", "method"])
    assert summary.loc[("lenet_kid", "non_saturating"), "checkpoint_mean"] == 22
    assert summary.loc[("lenet_fd", "non_saturating"), "checkpoint_mean"] == 20
    assert summary.loc[("lenet_kid", "wgan_gp"), "checkpoint_mean"] == 53


def test_of_equal_evaluations_the_first_is_the_best_and_none_is_worst(make_study, train):
    study = make_study(IMAGES.format(dataset="mnist5k"))
    values = {0: None, 50: 7.0, 100: 7.0}
    ends = {at: {"lenet_fd": value, **DIGITS} for at, value in values.items()}
    (problem,) = problems([train(study.cells[0], ends)])
    assert problem.best_evaluation(problem.planned[0].record.evaluations) == 1


def test_metrics_that_were_not_computed_say_so_and_why_once(of_digits, store):
    study, planned = of_digits(metrics=WITH_INCEPTION, not_computed=WITHOUT)
    page = write_report(study, planned, store.results)
    text = in_words(of(study, planned, []))
    others = rows_of(text, "FID ↓ |")
    assert [row[-1] for row in others if row[1] != "best"] == ["not computed"] * 3
    assert text.count(NO_WEIGHTS) == 1
    assert (
        "Not computed**: FID, Inception KID, Inception precision, Inception recall, Inception "
        f"density and Inception coverage: {NO_WEIGHTS}" in text
    )
    # a table of nothing but gaps is not shown
    assert not [line for line in text.splitlines() if "| Inception KID" in line]
    runs = pd.read_csv(page.parent / "runs.csv")
    # beside them the gradients, whose series are too short here
    told = [reasons.split("; ")[0] for reasons in runs["not_computed"]]
    assert told == [f"{', '.join(INCEPTION)}: {NO_WEIGHTS}"] * 4
    assert runs["fid"].isna().all()


def test_a_reason_does_not_hold_against_a_value(of_digits):
    reasons = {"lenet_kid": "needs at least 1,000 samples, there are 500"}
    found = problems(of_digits(not_computed=reasons)[1])
    # only the gradients have reasons, as their series are too short here
    for told in runs_table(found)["not_computed"]:
        assert all(name.startswith(PLAYERS) for name in told.partition(": ")[0].split(", "))
        assert "; " not in told
    for standing in standings(found[0]):
        assert all(name.startswith(PLAYERS) for name in standing.reasons)


def test_a_metric_that_some_seeds_lack_keeps_the_mean_of_the_others(make_study, train):
    study = make_study(IMAGES.format(dataset="mnist5k"))
    planned = [
        train(c, digits((90, None), (10, 20.0)), floor=FLOOR, samples=shades((28, 28), 2))
        if c.seed
        else train(c, digits((90, None), (10, None)), floor=FLOOR, samples=shades((28, 28), 2),
                   not_computed={"lenet_kid": "SVD did not converge"})
        for c in study.cells
    ]  # fmt: skip
    text = in_words(of(study, planned, []))
    assert rows_of(text, "LeNet KID ↓")[0][2] == "20.0 (1 of 2 seeds)"
    assert "Not computed for 2 of 4 finished seeds**: LeNet KID: SVD did not converge" in text


@pytest.mark.parametrize("diverged", [(), ("wgan_gp",)])
def test_where_the_metric_that_ranks_was_not_computed_every_part_says_so(
    of_photographs, store, diverged
):
    study, planned = of_photographs(diverged=diverged)
    (problem,) = problems(planned)
    ranked = standings(problem)
    assert [standing.rank for standing in ranked] == [None, None]
    assert "Not judged: FID was not computed" in headline(problem, ranked)
    page = write_report(study, planned, store.results)
    text = in_words(of(study, planned, []))
    assert rows_of(text, "| rank | method |")[0][:3] == ["–", "non_saturating", "not computed"]
    assert rows_of(text, "| best FID")[0][2:4] == ["not computed"] * 2
    # the heat map's words, and the curves' and samples' choice of another metric
    assert "not computed" in Page(page).all("svg")[0]["aria-label"]
    words = Page(page).words
    assert "FID, which ranks the methods, was not computed: pixel FD is drawn." in words
    assert "median seed by pixel FD" in words
    # why: on top, and below the table
    assert f"cifar10: FID: {NO_WEIGHTS}" in text
    assert text.count(NO_WEIGHTS) == 2


def test_a_metric_of_the_last_evaluation_ranks_but_has_no_curve(of_photographs, store):
    study, planned = of_photographs(fid=20.0)
    found = problems(planned)
    assert [s.rank for s in standings(found[0])] == [1, 1]
    assert seeds.guide(found[0]).name == "fid"
    text = in_words(of(study, planned, []))
    page = Page(write_report(study, planned, store.results))
    assert "is measured only at the best and the last evaluation: pixel FD is drawn" in page.words
    assert any("curves on cifar10" in svg["aria-label"] for svg in page.all("svg"))
    assert "FID is measured only at the last evaluation and at the best by pixel FD" in text
    assert rows_of(text, "Inception KID ↓")[0][:3] == [
        "non_saturating", "last", "0.5000",
    ]  # fmt: skip
    assert "reference samples, at the last evaluation only; less is better" in text
    assert "Inception features, at the last evaluation only:" in text


def test_a_method_without_the_metric_that_ranks_is_named(of_photographs):
    (problem,) = problems(of_photographs(fid=20.0, methods=("wgan_gp",))[1])
    ranked = standings(problem)
    assert [(s.method, s.rank) for s in ranked] == [("wgan_gp", 1), ("non_saturating", None)]
    assert headline(problem, ranked) == (
        "Not judged: only wgan_gp has finished seeds with a value: 20.50; "
        "non_saturating (no value)."
    )


def test_the_protocol_is_a_list_and_hashes_are_short(of_digits, store):
    sha = "0123456789abcdef" * 4
    study, planned = of_digits(protocol={"weights_sha256": sha, "training": "4000 images"})
    words = Page(write_report(study, planned, store.results)).words
    assert "weights sha256: 0123456789abcdef…" in words
    assert sha not in words
    assert "training: 4000 images" in words


def test_reasons_and_protocols_are_only_text(of_digits, store):
    hostile = '<script>alert("x")</script>'
    study, planned = of_digits(
        metrics=WITH_INCEPTION, not_computed={"fid": hostile}, protocol={hostile: hostile}
    )
    parsed = Page(write_report(study, planned, store.results))
    # one script is the page's own
    assert parsed.all("script") == [{}]
    assert parsed.words.count(hostile) == 3


def test_two_problems_on_one_dataset_define_each_metric_once(of_digits, store):
    study, planned = of_digits()
    fewer = "{mnist5k: {evaluation_samples: 5000}}"
    _, others = of_digits(fewer, WITH_INCEPTION, not_computed=WITHOUT)
    page = write_report(study, [*planned, *others], store.results)
    words = Page(page).words
    assert words.count("(lenet_kid)") == words.count("(kid)") == 1


def test_no_metric_takes_the_name_of_another_column():
    datasets = [kind() for name, kind in find("dataset").parts.items() if name != "points"]
    names = {q.name for d in datasets for q in quantities_of(offered(d), d)}
    assert {"modes_20", "fid", "fid_infinity", "lenet_kid"} <= names
    assert not names & RUN_COLUMNS.keys()


def test_settings_tell_experiments_apart_and_stand_in_the_table(make_study, train):
    text = IMAGES.format(dataset="digits8")
    training = "training: {decay: linear, ema: 0.99, critic_steps: 2, precision: bfloat16}"
    study = make_study(text + text[text.index("  - dataset") :] + f"    {training}\n")
    planned = [train(cell, {100: {"pixel_fd": 1.0}}) for cell in study.cells]
    plain, other = found = problems(planned)
    assert other.label == ("digits8, critic steps 2, decay linear, ema 0.99, precision bfloat16")
    assert "ema 0.999" in plain.label
    assert describe(plain.cell)["critic steps"] == "each method's own"
    runs = runs_table(found)
    assert runs["training_decay"].tolist() == ["none"] * 4 + ["linear"] * 4
    assert runs["training_precision"].tolist() == ["float32"] * 4 + ["bfloat16"] * 4
    assert runs["training_critic_steps"].isna().tolist() == [True] * 4 + [False] * 4
    np.testing.assert_equal(runs["training_ema"].tolist(), [0.999] * 4 + [0.99] * 4)


def test_a_run_that_is_not_measured_yet_takes_no_curve_from_the_others(
    make_study, train, store, modes, monkeypatch
):
    study = make_study()
    first, *others = study.cells
    with monkeypatch.context() as patch:
        patch.setattr(store, "measured", lambda *_: None)
        train(first, modes(0, 4, 6))
    for cell in others:
        train(cell, modes(0, 4, 6))
    (problem,) = problems(plan(study.cells, store))
    assert problem.throughout[0] == problem.primary
    assert not mixed(problem)
