"""Each diagnosis on its planted case, trained by the harness; the rules on made-up runs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.diagnosis import KINDS, RULES, diagnose
from bench.diagnosis.run import Run, held
from bench.diagnosis.story import story
from bench.diagnosis.swings import swing
from bench.metric import Quantity
from bench.records.measurements import Measurement
from bench.records.record import Record
from tests.diagnosis.planted import CASES, with_parts

SEED = 1
QUICK = ("Dirac-GAN with R1", "Dirac-GAN without", "learning rate × 100, plain steps")


@pytest.fixture(autouse=True, scope="module")
def parts() -> Iterator[None]:
    with with_parts():
        yield


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in CASES]
)
def test_a_planted_case_gets_its_diagnosis(tmp_path, name):
    (record,) = CASES[name].records([SEED], tmp_path / "run")
    found = diagnose(record)
    assert found.kind == CASES[name].expected, found
    told = story(record)
    since = "" if found.since is None else f" since update {found.since:,}"
    extent = f", with {found.extent}" if name == "modes 40 σ apart" else ""
    assert told.startswith(f"{found.kind.capitalize()}{since}{extent}. ")
    assert found.evidence in told
    if name == "Dirac-GAN without":
        assert [each.kind for each in found.also] == ["forgetting"]
    if name == "Dirac-GAN with R1":
        assert (found.also, found.lacking) == ((), {})
    if name == "learning rate × 100, plain steps":
        # it says so before the run ends
        assert found.first.kind == "exploding"
        assert found.first.since < found.since


MODES = Quantity("modes_20", "modes", "…", True, ceiling=8)
GOOD = {"high_quality": 0.9, "d_separation": 0.6, "d_saturation": 0.0, "d_overfitting": 0.0}


class Made(Record):
    """A run of 1,000 updates whose numbers are given; its losses are noise, its norms are 1."""

    def series(self):
        noise = np.random.default_rng(0).standard_normal((2, 1000))
        ones = np.ones(1000)
        return {
            "discriminator_loss": 1 + 0.1 * noise[0], "generator_loss": 1 + 0.1 * noise[1],
            "discriminator_norm": ones, "generator_norm": ones,
        } | self.data.get("series", {})  # fmt: skip


def made(modes, status: str = "ok", series: dict | None = None, **numbers) -> Run:
    """A run with these modes at its checkpoints, and other numbers at all of them or at each."""
    updates = [100 * place for place in range(len(modes))]
    numbers = {"modes_20": modes, **{n: np.broadcast_to(v, len(modes)) for n, v in numbers.items()}}
    values = {u: {n: v[i] for n, v in numbers.items()} for i, u in enumerate(updates)}
    data = {
        "key": "made", "cell": {}, "status": status, "reason": "", "files": {},
        "result": {"checkpoints": [{"update": u, "generator_update": u} for u in updates]},
        "series": series or {},
    }  # fmt: skip
    measurement = Measurement("m", "modes", {}, {}, values=values, floor={"high_quality": 0.99})
    record = Made(data, None, {"m": measurement}, shown=("m",))
    return Run(
        record, MODES, 7.5, "the target", (replace(MODES, name="high_quality", percent=True),)
    )


def kinds(run: Run) -> list[str]:
    found = diagnose(run.record, run)
    return [found.kind, *(each.kind for each in found.also)]


RISES, STAYS = np.minimum(np.arange(11), 8), np.array([0, 3, 5, 6, 6, 6, 6, 6, 6, 6, 6])


@pytest.mark.parametrize(
    ("modes", "numbers", "expected"),
    [
        (RISES, GOOD, ["healthy"]),
        # late, but at its goal; at one checkpoint that may be chance, and so may two of a swing
        (RISES[:10], GOOD, ["healthy"]),
        (RISES[:9], GOOD, ["unclear"]),
        (np.array([0, 3, 8, 8, 4, 8, 8, 6, 5, 8, 8]), GOOD, ["unclear"]),
        (RISES[:8], GOOD, ["not yet trained"]),
        (STAYS, GOOD, ["collapsed"]),
        # blurred samples are no collapse, and a fall from what was held is one
        (STAYS, GOOD | {"high_quality": 0.1}, ["unclear"]),
        (STAYS[::-1] + 0, GOOD | {"high_quality": 0.6}, ["unclear"]),
        (np.array([0, 6, 7, 7, 6, 4, 3, 3, 3, 3, 3]), GOOD, ["collapsed"]),
        (STAYS, GOOD | {"d_separation": 0.99, "d_saturation": 0.5},
         ["saturated discriminator", "collapsed"]),
        (STAYS, GOOD | {"d_separation": 0.99, "d_saturation": 0.5, "d_overfitting": 0.6},
         ["saturated discriminator", "overfitted", "collapsed"]),
        # a ratio to a gap that is hardly there says nothing
        (STAYS, GOOD | {"d_overfitting": 0.6}, ["collapsed"]),
        (STAYS, GOOD | {"d_separation": np.array([0.5, *5 * (0.9, 0.2)])},
         ["circling", "collapsed"]),
        (STAYS, GOOD | {"d_forgotten": 0.5, "d_earlier_least": 0.2}, ["forgetting", "collapsed"]),
        (np.zeros(11), {}, ["stuck"]),
    ],
)  # fmt: skip
def test_rules_fire_where_they_should_and_in_their_order(modes, numbers, expected):
    assert kinds(made(modes, **numbers)) == expected


def test_when_and_how_far_is_stated_where_it_says_something():
    late, missed, few = (diagnose(r.record, r) for r in (
        made(RISES[:10], **GOOD), made(RISES[:8], **GOOD), made(STAYS, **GOOD)
    ))  # fmt: skip
    assert (late.since, "reached late" in late.evidence) == (800, True)
    assert "late" not in diagnose((run := made(STAYS + 2, **GOOD)).record, run).evidence
    assert (missed.kind, missed.since, missed.first) == ("not yet trained", None, None)
    assert (few.since, str(few.extent)) == (300, "6 of 8 modes")


def test_a_metric_that_swings_is_circling_only_where_the_game_rotates():
    swings = np.array([0, 4, 7, 2, 7, 3, 7, 2, 7, 3, 6])
    assert kinds(made(swings, **GOOD, game_rotation=0.99))[0] == "circling"
    assert "circling" not in kinds(made(swings, **GOOD, game_rotation=0.3))
    # without a rotation that has converged nothing is concluded from it
    assert "circling" not in kinds(made(swings, **GOOD))


def test_norms_that_grow_or_vanish_must_do_so_to_the_end():
    grown, gone = np.ones(1000), np.ones(1000)
    grown[600:], gone[600:] = 2000, 1e-4
    assert kinds(made(STAYS, **GOOD, series={"generator_norm": grown}))[0] == "exploding"
    found = diagnose((run := made(STAYS, **GOOD, series={"generator_norm": gone})).record, run)
    assert (found.kind, found.since) == ("vanishing", 600)
    for series in (grown, gone):
        series[990:] = 1
        assert kinds(made(STAYS, **GOOD, series={"generator_norm": series})) == ["collapsed"]
    # where the goal is reached, no gradient is left to be wanted
    gone[600:] = 1e-4
    assert kinds(made(RISES, **GOOD, series={"generator_norm": gone})) == ["healthy"]


def test_a_rule_without_its_measures_cannot_fire_and_is_named():
    run = made(STAYS, high_quality=0.9)
    found = diagnose(run.record, run)
    assert found.lacking == {
        "saturated discriminator": ("d_separation", "d_saturation"),
        "overfitted": ("d_overfitting", "d_separation"),
        "forgetting": ("d_forgotten", "d_earlier_least"),
    }
    unfinished = made(STAYS, status="crashed")
    assert diagnose(unfinished.record, unfinished).kind == "unclear"


@pytest.mark.parametrize("decay", [0.0, 0.002, 0.01])
def test_a_swing_is_found_with_its_period_unless_it_settles(decay):
    time, noise = np.arange(1500), np.random.default_rng(0).standard_normal(1500)
    found = swing(2 + np.exp(-decay * time) * np.sin(2 * np.pi * time / 70) + 0.3 * noise)
    if decay == 0.01:
        assert found is None
    elif decay == 0:
        assert found.period == pytest.approx(70, abs=4)
        assert found.since == 0


def test_noise_does_not_swing():
    rng, found = np.random.default_rng(1), 0
    for memory in (0.0, 0.9, 0.99, 1.0):
        for _ in range(25):
            steps = rng.standard_normal(1000)
            walk = np.zeros(1000)
            for place in range(1, 1000):
                walk[place] = memory * walk[place - 1] + steps[place]
            found += swing(walk) is not None
    assert found <= 2
    assert swing(np.array([1.0] * 1000)) is None
    assert swing(np.array([np.nan] * 200)) is None


def test_what_holds_to_the_end_begins_at_the_first_place_after_the_last_break():
    assert held(np.array([True, False, True, True, True])) == 2
    assert held(np.array([True, True, True, False, True])) is None
    assert held(np.array([True])) == 0
    assert held(np.array([], dtype=bool)) is None


def test_every_rule_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text()
    assert len(KINDS) == len({rule.kind for rule in RULES}) + 1
    for kind in KINDS:
        assert f"**{kind}**" in page, kind


@pytest.mark.parametrize("status", ["ok", "diverged"])
def test_a_run_without_a_course_is_not_judged(status):
    nothing = dict.fromkeys(["discriminator_loss", "generator_loss", "discriminator_norm",
                             "generator_norm"], np.empty(0))  # fmt: skip
    for run in (made([], status), made([3], status, **GOOD), made(STAYS, status, nothing, **GOOD)):
        assert kinds(run)[0] == ("diverged" if status == "diverged" else "unclear")
