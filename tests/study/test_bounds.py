"""No place of a study file, and no number of runs, ends a command in a traceback or in silence."""

import copy
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.study import load_study
from bench.study.selection import parse
from bench.yaml12 import write_value

WHOLE = {
    "description": "one of everything",
    "hyperparameters": "published",
    "methods": ["hinge", {"r1+ttur": {"ttur.ratio": 2}}, {"wgan_gp": {"penalty_weight": 1.0}}],
    "seeds": [1, 2],
    "most_runs": 100,
    "evaluations": 2,
    "time_limit": 60,
    "save_every": 5,
    "require": ["modes"],
    "metrics": [{"kid": {"when": "every", "redraws": 2}}],
    "iterate": "averaged",
    "redraws": 2,
    "margin": {"ring8": 0.5},
    "comparison": "paired",
    "keep": "ends",
    "experiments": [
        {
            "dataset": {"ring8": {"sigma": 0.03}},
            "architecture": {"mlp": {"generator_widths": [8], "latent": 2}},
            "training": {
                "optimizer": "adam", "learning_rate": 0.001, "betas": [0.5, 0.9], "batch_size": 8,
                "simultaneous": False, "critic_steps": 1, "decay": "linear", "ema": 0.9,
                "precision": "float32",
            },
            "updates": 20,
            "evaluations": 2,
            "seeds": 1,
            "metrics": ["data_fd"],
            "target": 6,
            "vary": [
                {"own": {}},
                "F",
                {"small": {"architecture": {"latent": 3}, "dataset": {"noise": 0.1}}},
                {"grid": {"learning_rate": [0.1, 0.2], "betas": [[0, 0.9]]}},
            ],
        },
        {"dataset": "grid25", "architecture": "mlp", "budget": {"generator_updates": 4}},
        {"dataset": "digits8", "architecture": "mlp", "epochs": 1},
    ],
}  # fmt: skip
SEQUENTIAL = {
    "methods": ["hinge", "vanilla"],
    "seeds": {"start": 2, "step": 1, "most": 4, "error": 0.1, "decide": "baseline",
              "baseline": "hinge"},
    "margin": 0.5,
    "experiments": [{"dataset": "ring8", "architecture": "mlp", "updates": 20}],
}  # fmt: skip
ODD = [
    None, True, False, 0, -1, 1, 2**63 - 1, -(2**63), 0.5, 1e300, -1e-300,
    float("nan"), float("inf"), float("-inf"), "", " ", "yes", "010", "6:00", "1e-3", "all", "..",
    "/", "../../x", "folder:\0", "folder:~nobody-has-this-name/x", "folder:" + "x" * 999,
    "points:.", "a+b", "+", "🦊", "<script>", "%s{}", "x" * 900, "a\nb", "a,b",
    [], [[]], [None], [1, 1], ["x"] * 50, [0.5, float("nan")], {}, {"": {}}, {"a": None},
    {"🦊": {"b": [1]}}, {"ring8": {"sigma": float("inf")}}, {"x" * 900: {}}, {"a": {}, "b": {}},
    {"grid": {}}, {"grid": {"learning_rate": []}}, {"grid": {"learning_rate": ["yes"] * 9}},
]  # fmt: skip


def places(content, at=()):
    yield at
    inner = content if isinstance(content, list | dict) else ()
    for key, value in inner.items() if isinstance(inner, dict) else enumerate(inner):
        yield from places(value, (*at, key))


PLACES = [(whole, at) for whole in (WHOLE, SEQUENTIAL) for at in places(whole) if at]


def with_odd(whole, at, value, as_key: bool):
    """The study with an odd value at a place, or with an odd key in place of the last one."""
    changed = copy.deepcopy(whole)
    around = changed
    for key in at[:-1]:
        around = around[key]
    if as_key and isinstance(around, dict):
        around[value] = around.pop(at[-1])
    else:
        around[at[-1]] = value
    return changed


def told_by(tmp_path, content) -> str:
    """What is wrong with a study; nothing where it is one."""
    file = tmp_path / "odd.yaml"
    file.write_text(write_value(content), encoding="utf-8")
    try:
        load_study(str(file))
    except BenchError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("whole", [WHOLE, SEQUENTIAL], ids=["whole", "sequential"])
def test_the_studies_that_are_changed_are_valid(tmp_path, whole):
    assert told_by(tmp_path, whole) == ""


KEYS = ["", " ", "Seeds", "batch-size", "x-mine", "🦊", "<<", "on", "a" * 900, "grid", "own", "F"]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(PLACES), st.sampled_from(ODD) | st.text() | st.integers(), st.booleans())
def test_odd_values_and_keys_give_a_study_or_one_line(tmp_path, place, value, as_key):
    whole, at = place
    if as_key:
        value = KEYS[hash(repr(value)) % len(KEYS)]
    if isinstance(value, int) and abs(value) >= 2**63:
        value %= 2**63
    told = told_by(tmp_path, with_odd(whole, at, value, as_key))
    assert len(told) < 500
    assert "\n" not in told


def refused_soon(call) -> str:
    begun = time.process_time()
    with pytest.raises(BenchError) as told:
        call()
    assert time.process_time() - begun < 2
    assert len(str(told.value)) < 500
    return str(told.value)


MANY_VARIANTS = {
    "vary": [{"grid": {key: [0.1] * 1000 for key in ("learning_rate", "ema", "batch_size")}}]
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 10_000_000}, "on ring8 2 methods × 10,000,000 seeds (for one seed write seeds: "
                                "[10000000]); more than 200,000 are refused"),
        ({"seeds": 2**63 - 1}, "up to most_runs: 10000000"),
        ({"seeds": {"most": 10**9}}, "2,000,000,000 runs"),
        ({"seeds": 150_000}, "if all are meant, state most_runs: 300000 in the study file"),
        ({"seeds": 3, "most_runs": 5}, "6 runs, on ring8 2 methods × 3 seeds; more than 5"),
        ({"seeds": 1, "experiments": [{**SEQUENTIAL["experiments"][0], **MANY_VARIANTS}]},
         "2,000,000,000 runs, on ring8 2 methods × 1 seeds × 1,000,000,000 variants"),
        ({"seeds": [*range(1000)], "methods": [{"hinge": {}}] * 900}, "900,000 runs"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
@pytest.mark.parametrize("vary", ["", "one,two"])
def test_too_many_runs_are_counted_and_refused_before_any_is_made(tmp_path, changes, message, vary):
    whole = {key: value for key, value in SEQUENTIAL.items() if key != "margin"}
    file = tmp_path / "many.yaml"
    file.write_text(write_value({**whole, **changes}), encoding="utf-8")
    told = refused_soon(lambda: load_study(str(file), parse("", "", "", [], vary)))
    assert message in told


def test_a_study_may_state_that_it_has_many_runs_and_may_be_narrowed_to_few(tmp_path):
    file = tmp_path / "many.yaml"
    many = {**SEQUENTIAL, "seeds": 10_000_000}
    file.write_text(write_value(many), encoding="utf-8")
    few = load_study(str(file), parse("", "", "3", []))
    assert len(few.cells) == len(few.whole) == 6
    file.write_text(write_value({**many, "seeds": 10, "most_runs": 20}), encoding="utf-8")
    assert len(load_study(str(file)).cells) == 20


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("12345678", "--seeds 12345678 asks for 12,345,678 seeds; for one seed write "
                     "--seeds 12345678,"),
        ("2026", "--seeds 2026 asks for 2,026 seeds"),
        ("9" * 5000, "give a count such as 5"),
        ("99999999999,", "seeds go up to 4,294,967,295"),
        ("-1", "give a count such as 5"),
        ("1,2,1", "seed 1 is given twice"),
        ("0", "at least one seed is needed"),
    ],
)  # fmt: skip
def test_seeds_that_are_typed_are_bounded(typed, message):
    assert message in refused_soon(lambda: parse("", "", typed, []))


def test_a_seed_and_a_count_are_told_apart_by_a_comma():
    assert tuple(parse("", "", "12345,", []).seeds) == (12345,)
    assert tuple(parse("", "", "3", []).seeds) == (0, 1, 2)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("wgan_gp.penalty_weight=yes", "wgan_gp.penalty_weight is 'yes'"),
        ("wgan_gp.penalty_weight=true", "wgan_gp.penalty_weight is True"),
        ("wgan_gp.penalty_weight=.nan", "wgan_gp.penalty_weight is nan"),
        ("wgan_gp.penalty_weight=inf", "wgan_gp.penalty_weight is 'inf'"),
        ("wgan_gp.penalty_weight=" + "[" * 9000, "more than 20 lists"),
        ("wgan_gp.penalty_weight=" + "1" * 9000, "is beyond the whole numbers"),
        ("wgan_gp.penalty-weight=1", "did you mean 'penalty_weight'?"),
        ("wgan_gp.Penalty Weight=1", "did you mean 'penalty_weight'?"),
        ("x" * 9000, "write it as PART.HYPERPARAMETER=VALUE"),
        ("wgan_gp.penalty_weight={a: 1, a: 2}", "'a' is given twice"),
    ],
    ids=lambda value: value[:40],
)
def test_values_that_are_typed_are_read_like_those_of_a_file(typed, message):
    told = refused_soon(lambda: load_study("quick", parse("wgan_gp", "ring8", "1", [typed])))
    assert message in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time-limit": 5}, "unknown key 'time-limit'; did you mean 'time_limit'?"),
        ({"Time Limit": 5}, "unknown key 'Time Limit'; did you mean 'time_limit'?"),
        ({"SEEDS": 5}, "unknown key 'SEEDS'; did you mean 'seeds'?"),
        ({"training": {}}, "unknown key 'training'; "),
        ({"seeds": {"begin": 1, "most ": 3}}, "unknown key 'seeds."),
        ({"time_limit": "6:00"}, "line 1: 'time_limit' is '6:00'"),
        ({"time_limit": 1e300}, "'time_limit' is 1e+300"),
        ({"seeds": "010"}, "'seeds' is '010'"),
        ({"updates": 10**18}, "unknown key 'updates'"),
    ],
    ids=str,
)
def test_keys_and_values_that_are_nearly_right_are_told(tmp_path, changes, message):
    assert message in told_by(tmp_path, {**SEQUENTIAL, **changes})


def test_keys_for_anchors_are_no_part_of_a_study_and_lines_are_told(tmp_path):
    file = tmp_path / "anchors.yaml"
    text = """\
x-training: &base {batch_size: 32, learning_rate: 1e-3}
methods: [hinge]
seeds: 1
experiments:
  - &ring
    dataset: ring8
    architecture: mlp
    training: &slow {<<: *base, learning_rate: 0.0001}
    updates: 9
  - <<: *ring
    dataset: grid25
    training: {<<: *slow, decay: linear}
"""
    file.write_text(text, encoding="utf-8")
    first, second = load_study(str(file)).cells
    assert (first.training.batch_size, first.training.learning_rate) == (32, 0.0001)
    assert (second.training.decay, second.training.learning_rate) == ("linear", 0.0001)
    assert (second.updates, second.dataset.name) == (9, "grid25")
    file.write_text(text.replace("updates: 9", "updates: -9"), encoding="utf-8")
    assert "line 9: 'experiments.0.updates' is -9" in refused_soon(lambda: load_study(str(file)))


@pytest.mark.parametrize(
    "name",
    ["...yaml", "..yaml", ". .yaml", ".hidden.yaml", "cells.yaml", "Cache.yaml", "mlflow.db.yaml",
     "tracked.json.yaml", "x" * 200 + ".yaml", "a\nb.yaml", "a\x1b[31m.yaml", "a\\b.yaml"],
)  # fmt: skip
def test_a_study_whose_name_is_no_safe_folder_is_refused(tmp_path, name):
    file = tmp_path / name
    file.write_text(write_value(SEQUENTIAL), encoding="utf-8")
    assert "a study cannot be called" in refused_soon(lambda: load_study(str(file)))


def test_a_study_keeps_an_unusual_name_that_is_safe(tmp_path):
    file = tmp_path / "my study, ü 漢 (50%) {x}.v2.yaml"
    file.write_text(write_value(SEQUENTIAL), encoding="utf-8")
    assert load_study(str(file)).name == "my study, ü 漢 (50%) {x}.v2"
