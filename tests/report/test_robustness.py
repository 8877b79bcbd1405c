"""Variants of one dataset: at how many of them methods work, and what the report makes of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from handmade import recorder, ring_modes, store_in, studies_in
from hypothesis import given
from hypothesis import strategies as some
from matplotlib.text import Text
from measured import in_words
from pages import rows_of

from bench.cli.options import chosen_study
from bench.execution.plan import Planned, plan
from bench.report import write_report
from bench.report.analysis.findings import Findings, find
from bench.report.analysis.variants import Varied
from bench.report.content import drawings
from bench.report.drawing.style import Style
from bench.report.statistics import performance_profile, share_of_variants
from bench.report.topics.study import robustness as charts
from bench.report.topics.study.provenance import reproducer
from bench.study import Study

STUDY = """
methods: [non_saturating, vanilla, wgan_gp]
seeds: 5
evaluations: 2
experiments:
  - dataset: ring8
    architecture: &small {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 100
    vary: [own: {}, F, small batches: {batch_size: 16}, noisy data: {dataset: {noise: 0.02}}]
    target: 6
"""
FIXED = """
  - dataset: grid25
    architecture: *small
    updates: 100
"""
VARIANTS = ["own", "F", "small batches", "noisy data"]
X = math.inf
"""A seed that failed."""
# interquartile means of five: 8, 6, none (two of five failed), 2 · 6, 5.67, 7, 6.33 · 1, 1, 1, 1
LAST = {
    "non_saturating": [(8, 8, 8, 8, 8), (6, 6, 6, 6, 6), (8, 8, 8, X, X), (2, 2, 2, 2, 2)],
    "vanilla": [(6, 6, 6, 6, 6), (5, 6, 6, 5, 7), (7, 7, 7, 7, X), (7, 6, 6, 7, 6)],
    "wgan_gp": [(1, 1, 1, 1, 1)] * 4,
}


def trained(folder: Path, text: str, last=LAST) -> tuple[Study, list[Planned]]:
    """A study and its records, which end at these values by method, variant and seed."""
    study, store = studies_in(folder)(text, "stressed"), store_in(folder)
    put = recorder(store)
    for cell in study.cells:
        place = VARIANTS.index(cell.variation.name) if cell.variation else 0
        value = last[cell.method.name][place][cell.seed]
        failed = math.isinf(value)
        norms = np.ones(60 if failed else 100, np.float32)
        status, reason = ("diverged", "a weight is not finite") if failed else ("ok", "")
        ended = ring_modes(0, 1, 3 if failed else value)
        put(cell, ended, status, reason, norms=norms)
    return study, plan(study.cells, store)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, list[Planned]]:
    return trained(tmp_path_factory.mktemp("both"), STUDY + FIXED)


@pytest.fixture
def stressed(both):
    """The findings of a study on four variants, and on grid25 in one if asked for."""
    study, planned = both

    def make(fixed: bool = False) -> Findings:
        kept = [each for each in planned if fixed or each.cell.variation is not None]
        return find(replace(study, cells=[each.cell for each in kept]), kept, [])

    return make


@pytest.fixture
def varied(stressed) -> Varied:
    (found,) = stressed().varied
    return found


def test_a_method_works_where_its_interquartile_mean_reaches_the_target(varied):
    by_name = {m.method: m for m in varied.methods}
    assert by_name["non_saturating"].works == ("own", "F")
    assert by_name["vanilla"].works == ("own", "small batches", "noisy data")
    assert by_name["wgan_gp"].works == ()
    assert [m.share.value for m in varied.methods] == [0.75, 0.5, 0.0]
    assert [m.method for m in varied.methods] == ["vanilla", "non_saturating", "wgan_gp"]
    assert by_name["non_saturating"].scores["small batches"] == -math.inf


def test_the_worst_variant_is_where_most_failed_and_all_are_named_that_are_alike(varied):
    by_name = {m.method: m for m in varied.methods}
    assert by_name["non_saturating"].worst == ("small batches",)
    assert by_name["vanilla"].worst == ("F",)
    assert by_name["wgan_gp"].worst == tuple(VARIANTS)
    assert by_name["vanilla"].median == pytest.approx((6 + 19 / 3) / 2)
    assert by_name["non_saturating"].median == 4
    assert (by_name["non_saturating"].failed, by_name["non_saturating"].trained) == (2, 20)


def test_of_failures_the_one_with_more_failed_seeds_is_worse(tmp_path):
    rows = [(8, 8, X, X, 8), (X, X, X, 8, 8), (8,) * 5, (8,) * 5]
    text = STUDY.replace("[non_saturating, vanilla, wgan_gp]", "[vanilla]")
    (found,) = find(*trained(tmp_path, text, {"vanilla": rows}), []).varied
    assert [m.worst for m in found.methods] == [("F",)]


def test_who_breaks_where(varied):
    assert varied.breaks() == {
        "own": (["vanilla", "non_saturating"], ["wgan_gp"]),
        "F": (["non_saturating"], ["vanilla", "wgan_gp"]),
        "small batches": (["vanilla"], ["non_saturating", "wgan_gp"]),
        "noisy data": (["vanilla"], ["non_saturating", "wgan_gp"]),
    }


def test_the_interval_is_of_other_seeds_and_there_is_none_where_they_change_nothing(varied):
    by_name = {m.method: m for m in varied.methods}
    vanilla, gp = by_name["vanilla"].share, by_name["wgan_gp"].share
    # other seeds may lift its mean at F to the target, and sink none of those above it
    assert vanilla.low is not None
    assert vanilla.high is not None
    assert 0.25 <= vanilla.low <= 0.75 <= vanilla.high == 1
    assert (gp.low, gp.high, gp.n) == (None, None, 4)


Scores = some.lists(
    some.lists(some.one_of(some.integers(0, 8), some.just(-math.inf)), min_size=3, max_size=3),
    min_size=1, max_size=6,
)  # fmt: skip


@given(Scores, some.floats(0, 8), some.floats(0, 8))
def test_a_share_lies_in_its_interval_and_falls_as_more_is_asked(scores, one, other):
    milder, harder = sorted((one, other))
    found = [share_of_variants(scores, t, True, 2, resamples=50) for t in (milder, harder)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].value >= found[1].value
    for share in found:
        if share.low is not None and share.high is not None:
            assert 0 <= share.low <= share.value <= share.high <= 1


def test_seeds_are_drawn_for_all_variants_at_once():
    """Where seeds fail together, shares of 0 and 1 lie in the interval; apart, they hardly do."""
    together = [[8.0] * 20, [8.0] * 20, [0.0] * 20]
    rolled = [[8.0 if (seed + k) % 3 else 0.0 for k in range(20)] for seed in range(3)]
    one = share_of_variants(together, 5, True, 2)
    other = share_of_variants(rolled, 5, True, 2)
    assert one is not None
    assert other is not None
    assert (one.low, one.high) == (0, 1)
    assert other.low is not None
    assert other.low > 0


def test_a_seed_that_a_variant_lacks_counts_for_the_share_and_not_for_the_interval():
    found = share_of_variants([[8, math.nan], [8, 0]], 5, True, 2)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert share_of_variants([], 5, True, 2) is None


def test_less_is_better_where_it_is_and_values_are_held_as_they_are_shown():
    found = share_of_variants([[1.004, 2.0, math.inf]], 1.0, False, 2)
    assert found is not None
    assert found.value == pytest.approx(1 / 3)


def test_the_profile_falls_and_is_the_share_at_the_target(varied):
    at = [-1e9, 0, 1, 2, 5.66, 5.67, 6, 6.33, 7, 8, 9]
    for m in varied.methods:
        shares = performance_profile(varied.shown(m), at, True)
        assert (np.diff(shares) <= 0).all()
        assert performance_profile(varied.shown(m), [varied.target], True)[0] == m.share.value
        # what failed is reached by no requirement
        finite = sum(map(math.isfinite, m.scores.values()))
        assert shares[0] == finite / 4


def test_variants_are_one_dataset_and_enter_no_rank(stressed):
    found = stressed(fixed=True)
    assert [p.label for p, _ in found.fixed] == ["grid25"]
    names = [d.name for d in drawings(found)]
    assert {"overview", "ring8/variants", "ring8/robustness"} <= set(names)
    assert not {"ranks", "critical-difference"} & set(names)
    alone = stressed()
    names = [d.name for d in drawings(alone)]
    assert not {"overview", "ranks", "costs"} & set(names)
    assert {f"ring8-{s}/profiles" for s in ("own", "F", "small-batches")} <= set(names)


@pytest.fixture
def markdown(stressed):
    def made(fixed: bool) -> str:
        found = stressed(fixed)
        return in_words(found)

    return made


def test_the_first_screen_says_who_breaks_where(markdown):
    text = markdown(fixed=False)
    lead = text.partition("\n## ")[0]
    assert (
        "3 methods × 1 dataset in 4 variants × 5 seeds; 57 of 60 runs finished, 3 diverged." in lead
    )
    assert (
        "**ring8, 4 variants**: A method works where modes (≥20) of 8 is 6.00 or more: vanilla "
        "works at 3 of 4 variants; non_saturating works at 2 of 4; wgan_gp works at no" in lead
    )
    assert (
        "Breaks most: F (but for non_saturating), small batches (but for vanilla) and noisy "
        "data (but for vanilla)" in lead
    )
    assert "non_saturating failed on 2 of 20 seeds" in lead
    assert lead.count("\n- **ring8") == 1


def test_fixed_datasets_keep_their_cards(markdown):
    text = markdown(fixed=True)
    lead = text.partition("\n## ")[0]
    assert "3 methods × 2 datasets in 5 variants" in lead
    assert "- **grid25**: " in lead
    assert "- **ring8, 4 variants**: " in lead
    assert text.index("\n## Robustness") < text.index("\n## Datasets")


def test_tables_hold_shares_and_every_variant(markdown):
    text = markdown(fixed=False)
    rows = rows_of(text, "works at")
    assert [row[:2] for row in rows] == [
        ["vanilla", "3 of 4"], ["non_saturating", "2 of 4"], ["wgan_gp", "0 of 4"],
    ]  # fmt: skip
    assert rows[0][3:6] == ["6.17", "5.67", "F"]
    assert rows[1][3:7] == ["4.00", "2 of 5 seeds failed", "small batches", "2 of 20"]
    assert rows[2][5] == "own, F, small batches and 1 more, alike"
    variants = rows_of(text, "what it changes")
    failed = "2 of 5 seeds failed"
    assert variants == [
        ["own", "2 of 3", "6.00 ✓", "8.00 ✓", "1.00", "8.00", "nothing"],
        ["F", "1 of 3", "5.67", "6.00 ✓", "1.00", "8.00",
         "optimizer adam, learning_rate 0.001, betas 0.9/0.999, critic_steps 5"],
        ["small batches", "1 of 3", "7.00 ✓", failed, "1.00", "8.00", "batch_size 16"],
        ["noisy data", "1 of 3", "6.33 ✓", "2.00", "1.00", "8.00", "noise 0.02"],
    ]  # fmt: skip


def test_the_heat_map_ticks_what_works(varied, tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(charts, "save", lambda canvas, *_: kept.append(canvas) or "figures/x")
    style = Style([m.method for m in varied.methods])
    with style.drawing():
        figure = charts.draw_variants(varied, style, tmp_path)
        profile = charts.draw_robustness(varied, style, tmp_path)
    words = [text.get_text() for text in kept[0].findobj(Text)]
    assert sorted(word for word in words if "✓" in word) == [
        "6.00 ✓", "6.00 ✓", "6.33 ✓", "7.00 ✓", "8.00 ✓",
        "✓ works: 6.00 or more · ✗ failed seeds",
    ]  # fmt: skip
    assert {"3/4", "2/4", "0/4", "✗ 2 of 5 failed", *VARIANTS} <= set(words)
    assert figure is not None
    assert "vanilla works at 3/4: own 6.00, works; F 5.67; small batches 7.00, works" in figure.alt
    upright = [line for line in kept[1].axes[0].lines if list(line.get_xdata()) == [6, 6]]
    assert len(upright) == 1
    assert profile is not None
    assert "non_saturating 2/4" in profile.alt
    plt.close("all")


SMALL = """
methods: [vanilla, wgan_gp]
seeds: 2
evaluations: 2
experiments:
  - dataset: ring8
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    updates: 100
    vary: [own: {}, F]
"""


def test_the_page_holds_tables_and_figures_and_a_new_target_makes_it_anew(tmp_path):
    study, planned = trained(tmp_path, SMALL)
    page = write_report(study, planned, tmp_path / "results")
    tables = {file.name.partition("-varied")[0] for file in (page.parent / "tables").iterdir()}
    assert {"robustness-ring8", "variants-ring8", "cost-ring8"} <= tables
    drawn = {file.stem.rpartition("-")[2] for file in (page.parent / "figures").iterdir()}
    assert drawn == {"variants", "robustness", "curves", "samples", "norms"}
    assert page.read_text(encoding="utf-8").count("<figure") == 2 + 2 * 3
    before = page.stat().st_mtime_ns
    assert write_report(study, planned, tmp_path / "results").stat().st_mtime_ns == before
    again = [
        replace(each, cell=replace(each.cell, variation=replace(each.cell.variation, target=1.0)))
        for each in planned
    ]
    write_report(study, again, tmp_path / "results")
    assert page.stat().st_mtime_ns != before


def test_a_cell_that_options_brought_in_is_reproduced_in_its_own_variant(make_study):
    study = make_study(STUDY, "stressed")
    command = reproducer(study)
    changed = chosen_study(study.source, "wgan_gp", "", "", ["wgan_gp.penalty_weight=1"],
                           vary="noisy data")  # fmt: skip
    told = command(changed.cells[0])
    assert "wgan_gp.penalty_weight=1" in told
    assert "noise" not in told


def test_partly_trained_variants_are_told_and_judged_by_what_there_is(stressed):
    found = stressed()
    left = [
        each
        for problem in found.problems
        for each in problem.planned
        if (each.cell.variation.name, each.cell.method.name) != ("own", "wgan_gp")
    ]
    (varied,) = find(found.study, left, []).varied
    gp = next(m for m in varied.methods if m.method == "wgan_gp")
    assert (len(gp.scores), gp.share.n) == (3, 3)
    assert "own" not in gp.scores


def test_where_every_seed_failed_no_method_comes_closest(tmp_path):
    failed = dict.fromkeys(LAST, [(X,) * 5] * 4)
    (found,) = find(*trained(tmp_path, STUDY, failed), []).varied
    assert charts.sentence(found) == (
        "A method works where modes (≥20) of 8 is 6.00 or more: none does at any variant, and too "
        "many seeds failed for a median."
    )
