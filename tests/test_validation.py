"""Known results: theory in closed form, the rule that judges orders, and the page they make."""

import math

import numpy as np
import pytest

from bench.errors import BenchError
from bench.registry import make_method
from bench.study import load_study
from tests.baselines.validation import dirac, runs
from tests.baselines.validation.__main__ import MIXTURES, PATHS, ROOT, STACKED, TABLES, from_tables
from tests.baselines.validation.dirac import ALTERNATING, FIVE, MODES, ROWS, SIMULTANEOUS, H
from tests.baselines.validation.orders import Claim, Published, judge
from tests.methods.on_dirac import EvenNoise, path, velocity

ROW = {row.method: row for row in ROWS}
CELLS = load_study("validation_dirac").cells
MADE = {c.method.label: make_method(c.method.name, c.method.hyperparameters) for c in CELLS}
POINTS = [(0.6, 0.7), (-0.4, 1.2), (0.9, -0.5), (0.1, 0.2)]


def test_the_table_and_the_study_are_about_the_same_runs():
    trained = {(c.method.label, c.training.simultaneous, c.training.critic_steps) for c in CELLS}
    assert trained == {(row.method, *mode) for row in ROWS for mode in MODES.values()}
    assert {(c.training.learning_rate, c.evaluations) for c in CELLS} == {(H, dirac.ROUNDS)}
    assert {c.updates // (c.training.critic_steps or 1) for c in CELLS} == {dirac.ROUNDS}


@pytest.mark.parametrize("row", [row for row in ROWS if row.clip > 9], ids=lambda row: row.method)
def test_velocities_by_hand_are_those_of_the_methods(row):
    batch = 1000 if row.noisy else 2
    noise = EvenNoise(len(POINTS), batch) if row.noisy else None
    method = make_method(MADE[row.method].name, MADE[row.method].hyperparameters() | one_step(row))
    found = velocity(method, POINTS, noise, batch)
    expected = np.array([row.velocity(*point) for point in POINTS])
    # the noise's quantiles have a variance of 1, but not a normal's higher moments
    assert found == pytest.approx(expected, abs=0.005 if row.noisy else 1e-5)


def one_step(row):
    return {"critic_steps": 1} if row.method.startswith("wgan") else {}


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_eigenvalues_under_a_slope_penalty(gamma):
    root = np.emath.sqrt(gamma**2 / 4 - 1 / 4)
    found = np.sort_complex(dirac.eigenvalues(ROW[f"r1(gamma={gamma})"]))
    expected = np.sort_complex(np.array([-gamma / 2 - root, -gamma / 2 + root], dtype=complex))
    assert found == pytest.approx(expected, abs=1e-4)


def test_factors_of_the_game_without_constraint():
    free = ROW["wgan_clip(clip=1000000000.0)"]
    assert dirac.factor(free, SIMULTANEOUS) == pytest.approx(math.sqrt(1 + H**2))
    # both players' steps keep areas
    assert dirac.factor(free, ALTERNATING) == pytest.approx(1)
    assert dirac.factor(free, FIVE) == pytest.approx(1)
    assert dirac.measured_factor(free, dirac.recursion(free, SIMULTANEOUS)) == pytest.approx(
        math.sqrt(1 + H**2)
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "method", ["r1(gamma=0.5)", "r1(gamma=2.0)", "consensus_optimization(gamma=1.0)"]
)
def test_paths_shrink_by_the_factor_of_the_linear_map(method, mode):
    row = ROW[method]
    measured = dirac.measured_factor(row, dirac.recursion(row, mode))
    assert measured == pytest.approx(dirac.factor(row, mode), abs=5e-4)


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.8, 1.2, 2.0])
def test_the_two_sided_penalty_cycles_below_one_and_rests_off_the_data_above(weight):
    row = dirac.Row("", "", dirac.gradient_penalty(weight, one_sided=False), {}, "")
    points = dirac.recursion(row, SIMULTANEOUS)
    if weight < 1:
        assert dirac.behaviour(points) == dirac.CYCLES
    else:
        assert dirac.behaviour(points) == dirac.RESTS
        assert points[-1] == pytest.approx([2 * weight, 0], abs=1e-3)


def test_the_usual_penalty_weight_diverges_at_this_step():
    row = dirac.Row("", "", dirac.gradient_penalty(10.0, one_sided=False), {}, "")
    assert dirac.radius(dirac.recursion(row, SIMULTANEOUS, 60))[-1] > 1e6


ANGLE = 0.2 * np.arange(501)


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (np.ones(501), dirac.CYCLES),
        (1.01 ** np.arange(501), dirac.GROWS),
        (0.98 ** np.arange(501), dirac.CONVERGES),
        (1 / np.sqrt(1 + np.arange(501) / 10), dirac.FALLS),
    ],
)
def test_behaviour_of_spirals(distance, expected):
    spiral = distance[:, None] * np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1)
    assert dirac.behaviour(spiral) == expected


def test_behaviour_of_paths_that_do_not_turn():
    assert dirac.behaviour(np.tile([3.0, 0.0], (501, 1))) == dirac.RESTS
    swing = np.stack([2 + np.cos(ANGLE), np.sin(ANGLE)], axis=1)
    assert dirac.behaviour(swing) == "unclear"
    assert dirac.behaviour(np.full((501, 2), np.inf)) == "not finite"


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        ("vanilla", SIMULTANEOUS),
        ("wgan_clip(clip=1.0)", FIVE),
        ("wgan_lp(penalty_weight=2.0)", ALTERNATING),
        ("consensus_optimization(gamma=1.0)", ALTERNATING),
    ],
)
def test_trained_paths_are_the_closed_forms(label, mode):
    simultaneous, steps = MODES[mode]
    hyperparameters = MADE[label].hyperparameters() | (
        {"critic_steps": steps} if steps > 1 else one_step(ROW[label])
    )
    trained = path(
        make_method(MADE[label].name, hyperparameters),
        simultaneous,
        updates=60 * steps,
        every=steps,
    )
    off = dirac.off_recursion(ROW[label], mode, trained)
    assert len(off) == 61
    assert off.max() < 1e-4
    assert dirac.parting(off) is None


# -- the rule --

SEEDS = range(5)


APART = (Published(8, 0.1), Published(6, 0.1))
ALIKE = (Published(8, 0.5), Published(7.9, 0.5))


def by_seed(values):
    return dict(zip(SEEDS, values, strict=True))


def verdict(better, worse, published=APART, higher=True):
    (found,) = judge(
        [Claim("d", "m", "a", "b", higher, published)],
        {("d", "m", "a"): by_seed(better), ("d", "m", "b"): by_seed(worse)},
    )
    return found.verdict


LOW, HIGH, MIXED = [1, 2, 1, 2, 1.5], [7, 8, 7.5, 8, 7], [0, 8, 3, 1, 2]


@pytest.mark.parametrize(
    ("better", "worse", "more", "expected"),
    [
        (HIGH, LOW, {}, "same order"),
        (HIGH, LOW, {"published": None}, "same order"),
        (LOW, HIGH, {}, "opposite order"),
        (LOW, HIGH, {"higher": False}, "same order"),
        (MIXED, LOW, {}, "not significant"),
        (MIXED, LOW, {"published": ALIKE}, "difference in neither"),
        (HIGH, LOW, {"published": ALIKE}, "difference only here"),
        # failed seeds are the worst, whatever the others reached
        (LOW, [-math.inf] * 4 + [9], {}, "not significant"),
        (LOW, [-math.inf] * 5, {}, "same order"),
        ([math.inf] * 5, LOW, {"higher": False}, "opposite order"),
    ],
)
def test_verdicts(better, worse, more, expected):
    assert verdict(better, worse, **more) == expected


def test_verdicts_are_corrected_for_the_number_of_claims():
    near = [value + gain for value, gain in zip(LOW, [1.0, 0.2, 0.9, 1.5, 0.4], strict=True)]
    scores = {("d", "m", "a"): by_seed(near), ("d", "m", "b"): by_seed(LOW)}
    scores |= {("d", "m", "c"): by_seed(MIXED)}
    claim, other = Claim("d", "m", "a", "b", True), Claim("d", "m", "c", "b", True)
    assert judge([claim], scores)[0].verdict == "same order"
    assert judge([claim, other, other, other], scores)[0].verdict == "not significant"


def test_scattered_points_are_no_order():
    even = [math.pi * 0.15**2 * 25 / 8.3**2] * 5
    assert runs.chance("grid25") == pytest.approx(even[0])
    rows = [
        {"problem": "grid25, some", "method": method, "seed": str(seed), "status": "ok",
         "high_quality": str(share)}
        for method, shares in (("a", np.multiply(even, 9)), ("b", np.multiply(even, 11)))
        for seed, share in enumerate(shares)
    ]  # fmt: skip
    assert runs.untrained(rows) == {("grid25, some", "a")}
    scores = {("grid25", "m", "a"): by_seed(HIGH), ("grid25", "m", "b"): by_seed(LOW)}
    claim = Claim("grid25", "m", "a", "b", True)
    assert judge([claim], scores)[0].verdict == "same order"
    assert judge([claim], scores, {("grid25", "b")})[0].verdict == "not trained far enough"


def test_scores_of_failed_runs_are_infinitely_bad():
    row = {"problem": "d", "method": "a", "seed": "3", "status": "diverged", "modes_1": "7"}
    assert runs.scores([row], "modes_1", True) == {("d", "modes_1", "a"): {3: -math.inf}}
    assert runs.scores([row], "modes_1", False) == {("d", "modes_1", "a"): {3: math.inf}}


# -- the page --


def test_the_page_is_what_the_command_writes():
    assert (ROOT / "docs" / "validation.md").read_text(encoding="utf-8") == from_tables()


@pytest.mark.parametrize(
    ("study", "table"), [("validation_mixtures", MIXTURES), ("validation_stacked", STACKED)]
)
def test_the_tables_hold_every_run(study, table):
    told = {(r["problem"], r["method"], int(r["seed"])) for r in runs.read(TABLES / table)}
    assert told == {(runs.problem(c), c.method.label, c.seed) for c in load_study(study).cells}


def test_every_path_does_what_its_closed_form_does():
    for row in runs.read(TABLES / PATHS):
        known = ROW[row["method"]]
        expected = dirac.behaviour(dirac.recursion(known, row["mode"]))
        assert row["behaviour"] == expected, row
        if row["factor"] and row["method"] not in ("r1(gamma=1.0)", "r2(gamma=1.0)"):
            assert float(row["factor"]) == pytest.approx(dirac.factor(known, row["mode"]), abs=5e-4)


def test_missing_records_name_the_command_that_trains_them(tmp_path):
    with pytest.raises(BenchError, match="bench run validation_stacked --results"):
        runs.records("validation_stacked", tmp_path)


def test_orders_without_standard_errors_are_taken_at_their_word():
    assert Claim("d", "m", "a", "b", True, (Published(2), Published(1, 9))).apart
    assert not Claim("d", "m", "a", "b", True, ALIKE).apart
