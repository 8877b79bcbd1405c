"""Hyperparameters state the values they may have, and others are refused with the range."""

from typing import Annotated, Literal

import pytest
from annotated_types import Interval
from typer.testing import CliRunner

from bench.check.suite import Caution, numbers_state_their_range
from bench.cli import app
from bench.errors import BenchError
from bench.kinds import KINDS
from bench.method import Count, Positive, Share, Unbounded
from bench.registry import find, make, make_method
from bench.registry.ranges import ends_of, has_range, schema_of, types_of, values_told


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_every_shipped_part_states_its_range(kind):
    for name in find(kind).parts:
        types = types_of(make(kind, name))
        open_ended = [each for each, hint in types.items() if not has_range(hint)]
        assert not open_ended, f"{kind} {name}: {open_ended}"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("label_smoothing.real_target=1.2", "is 1.2; give a number from 0 to 1"),
        ("gradient_clipping.max_norm=0", "is 0; give a number above 0"),
        ("wgan_clip.clip=-0.01", "is -0.01; give a number above 0"),
        ("ttur.ratio=0", "is 0; give a number above 0"),
        ("diffaugment.cutout=2", "is 2; give a number from 0 to 1"),
        ("spectral_norm.power_iterations=0", "is 0; give a whole number from 1"),
        ("unrolled.steps=-3", "is -3; give a whole number from 0"),
        ("wgan_gp.penalty_weight=.nan", "is nan; give a number from 0"),
        ("gradient_clipping.max_norm=.inf", "is inf; give a number above 0"),
        ("ring8.sigma=0", "is 0; give a number above 0"),
        ("mlp.generator_widths=[8, 0]", "is [8, 0]; give a list of: whole number from 1"),
        ("mlp.init=xavier", "is 'xavier'; give one of 'torch', 'dcgan'"),
    ],
)
def test_plan_refuses_with_the_range(typed, message, tmp_path):
    part = typed.partition(".")[0]
    methods = part if part in find("method").parts else "vanilla"
    asked = ["plan", "smoke", "--methods", methods, "--results", str(tmp_path), "--set", typed]
    refused = CliRunner().invoke(app, asked).exception
    assert isinstance(refused, BenchError)
    assert str(refused) == f"hyperparameter {typed.partition('=')[0]} {message}"


def test_the_range_of_a_part_holds_in_a_combination():
    with pytest.raises(BenchError, match=r"ttur\.ratio is -1; give a number above 0"):
        make_method("r1+ttur", {"ttur.ratio": -1})
    assert (
        values_told(schema_of(types_of(make_method("r1+ttur"))["ttur.ratio"])) == "number above 0"
    )


@pytest.mark.parametrize(
    ("hint", "words", "stated"),
    [
        (float, "number", False),
        (Unbounded, "number", True),
        (Positive, "number above 0", True),
        (Count | None, "whole number from 1 or `null`", True),
        (tuple[int, ...], "list of: whole number", False),
        (Annotated[float, Interval(gt=1, le=1e6)], "number above 1, up to 1,000,000", True),
        (Literal["a", "b"], "`a`, `b`", True),
        (bool, "`true` or `false`", True),
        (object, "", True),
    ],
)
def test_a_range_in_words(hint, words, stated):
    assert (values_told(schema_of(hint)), has_range(hint)) == (words, stated)


def test_an_end_that_is_left_out_has_a_number_near_it():
    assert ends_of(Share, 4) == (0, 1)
    assert ends_of(Annotated[float, Interval(gt=0.5, lt=2)], 4) == pytest.approx((0.5005, 1.998))


def test_list_tells_ranges_and_the_suite_asks_for_them(methods_folder):
    head = "from dataclasses import dataclass\nfrom bench.method import Method, Share\n\n\n"
    for name, kind in (("plain", "float"), ("ranged", "Share")):
        (methods_folder / f"{name}.py").write_text(
            f'{head}@dataclass(frozen=True)\nclass One(Method):\n    """One."""\n\n'
            f"    strength: {kind} = 0.5\n"
        )
    find.cache_clear()
    assert make_method("plain", {"strength": -3}).strength == -3
    listed = CliRunner().invoke(app, ["list"]).output
    assert "strength=0.5 (from 0 to 1)" in listed
    with pytest.raises(Caution, match="strength: any number is accepted; state a range"):
        numbers_state_their_range(make_method("plain"))
    numbers_state_their_range(make_method("ranged"))
