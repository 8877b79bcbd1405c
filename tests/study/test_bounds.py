"""No place of a study file, and no number of runs, ends a command in a traceback or in silence."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.study import load_study
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
