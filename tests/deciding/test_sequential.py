"""The sequential test: which pairs it settles, in which order, and how often it errs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.statistics import comparison_p, mean_difference
from bench.report.statistics.sequential import (
    Asked,
    Compared,
    compare_scores,
    family,
    replay,
    still_needed,
)
from bench.study.deciding import Deciding
from tests.baselines.sequential import SCENARIOS, Scenario, alike, fixed, modes, sequential

LOOKS = (5, 10, 15, 20, 25, 30)
NAMES = ["a", "b", "c", "d"]


def decide(scores, asked, ready=None, growing=(), higher=True):
    """Replay (methods, seeds) scores, all of them known where nothing else is given."""
    own = dict(zip(NAMES, scores, strict=False))
    ready = ready or {name: len(values) for name, values in own.items()}

    def compare(first, second, n):
        return compare_scores(
            *(dict(enumerate(own[name][:n].tolist())) for name in (first, second)), higher
        )

    return replay(list(own), asked, ready, growing, compare)


def draws(means, spread=1.0, seed=0, n=30):
    random = np.random.default_rng(seed)
    return np.array(means)[:, None] + spread * random.normal(size=(len(means), n))


def test_a_settled_pair_stops_and_an_open_one_goes_on():
    found = decide(draws([0, 0, 20]), Asked(LOOKS, decide=1.0))
    outcomes = {pair: (each.outcome, each.seeds) for pair, each in found.results.items()}
    assert outcomes["a", "c"] == outcomes["b", "c"] == ("behind", 10)
    assert outcomes["a", "b"] == ("open", 30)
    assert found.seeds == {"a": 30, "b": 30, "c": 10}
    assert found.needed == [("a", "b")]


def test_where_the_best_is_asked_the_beaten_get_no_more_seeds():
    found = decide(draws([0, 0, 20]), Asked(LOOKS))
    assert found.seeds == {"a": 10, "b": 10, "c": 10}
    assert found.needed == []
    assert found.results["a", "b"].outcome == "open"


def test_the_baseline_is_compared_with_every_method_and_nothing_else():
    found = decide(draws([0, 20, 40]), Asked(LOOKS, decide="baseline", baseline="b"))
    assert {p: r.outcome for p, r in found.results.items()} == {
        ("a", "b"): "behind",
        ("c", "b"): "ahead",
    }
    assert family(NAMES, Asked(LOOKS, decide="baseline", baseline="gone")) == []


def test_a_share_of_the_pairs_ends_when_it_is_reached():
    scores = draws([0, 0, 20])
    assert decide(scores, Asked(LOOKS, decide=2 / 3)).needed == []
    assert decide(scores, Asked(LOOKS, decide=0.7)).needed == [("a", "b")]


def test_less_is_better_turns_the_outcome_around():
    found = decide(draws([0, 20]), Asked(LOOKS), higher=False)
    assert found.results["a", "b"].outcome == "ahead"


def test_the_interval_of_a_settled_pair_leaves_zero_out_and_an_open_one_holds_it():
    found = decide(draws([0, 0.1, 3, 20]), Asked(LOOKS, decide=1.0)).results
    for each in found.values():
        assert each.difference is not None
        holds = each.difference.low <= 0 <= each.difference.high
        assert holds == (each.outcome == "open")
        assert (each.p <= each.level) == (each.outcome != "open")


def test_equal_within_the_margin_is_an_outcome_and_ends_the_search_for_the_best():
    found = decide(draws([0, 0, -20]), Asked(LOOKS, margin=3.0))
    result = found.results["a", "b"]
    assert result.outcome == "equal"
    assert -3 < result.difference.low < result.difference.high < 3
    assert found.needed == []
    assert decide(draws([0, 2.9]), Asked(LOOKS, margin=3.0)).results["a", "b"].outcome != "equal"


def test_methods_without_any_spread_are_equal_once_enough_seeds_agree():
    found = decide(np.full((2, 30), 8.0), Asked(LOOKS, margin=0.5)).results["a", "b"]
    assert (found.outcome, found.seeds) == ("equal", 15)
    # an estimate without a margin is never called equal
    assert decide(np.full((2, 30), 8.0), Asked(LOOKS)).results["a", "b"].outcome == "open"


def test_failed_seeds_rank_last_and_never_prove_methods_equal():
    scores = draws([5, 5], 0.1)
    scores[0, ::2] = -math.inf
    found = decide(scores, Asked(LOOKS, margin=3.0)).results["a", "b"]
    assert found.outcome == "behind"
    scores[0, 1:] = scores[1, 1:]
    scores[0, 0] = -math.inf
    assert decide(scores, Asked(LOOKS, margin=3.0)).results["a", "b"].outcome == "open"


@pytest.mark.parametrize("comparison", ["welch", "paired"])
def test_the_test_and_the_interval_are_the_studys(comparison):
    one, other = {0: 1.0, 1: 2.0, 2: 4.0}, {0: 3.0, 1: 4.5, 2: 5.5}
    found = compare_scores(one, other, True, comparison)
    assert found.p == comparison_p(one, other, comparison)[0]
    wanted = mean_difference(one, other, comparison, 0.9)
    assert found.bounds(0.9) == (wanted.low, wanted.high)
    assert found.ahead is False


def test_a_look_waits_for_methods_that_grow_and_passes_over_those_that_cannot():
    scores = draws([0, 0, 20])
    ready = {"a": 30, "b": 7, "c": 30}
    waits = decide(scores, Asked(LOOKS, decide=1.0), ready, growing=NAMES)
    assert waits.seeds == {"a": 10, "b": 10, "c": 10}
    assert max(each.seeds for each in waits.results.values()) == 5
    goes_on = decide(scores, Asked(LOOKS, decide=1.0), ready, growing=["a", "c"])
    assert goes_on.results["a", "c"].outcome == "behind"
    assert goes_on.results["b", "c"].seeds == goes_on.seeds["b"] == 5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.sampled_from([0.0, 0.5, 1.0, 5.0]), min_size=2,
       max_size=4), st.sampled_from(["best", 1.0, 0.5]), st.sampled_from([None, 0.8]))  # fmt: skip
def test_batch_by_batch_is_what_all_at_once_is(seed, means, goal, margin):
    """Seeds that are added as they are asked for decide as if all had been there."""
    scores, asked = draws(means, seed=seed), Asked(LOOKS, decide=goal, margin=margin)
    whole = decide(scores, asked)
    names = NAMES[: len(means)]
    ready = dict.fromkeys(names, 0)
    while True:
        found = decide(scores, asked, ready, growing=names)
        if found.seeds == ready:
            break
        assert all(found.seeds[name] >= ready[name] for name in names)
        ready = found.seeds
    assert (found.results, found.seeds, found.needed) == (whole.results, whole.seeds, whole.needed)
    assert found.needed == still_needed(found.results, asked)


def test_a_share_is_passed_on_by_pairs_that_differ_and_not_by_equal_ones():
    asked = Asked((10, 20), decide=1.0, margin=1.0)
    alone, shared = asked.level(1, 1), asked.level(1, 3)
    between = (alone + shared) / 2

    def found(p, bounds=None):
        return Compared(p, True, lambda _: None, lambda _: bounds)

    def outcome(others):
        def compare(first, second, _):
            return found(between) if (first, second) == ("a", "b") else others

        results = replay(["a", "b", "c"], asked, dict.fromkeys("abc", 20), (), compare).results
        return results["a", "b"].outcome

    assert outcome(found(0.0)) == "ahead"
    assert outcome(found(1.0, (-0.5, 0.5))) == "open"


# -- errors and power; python -m tests.baselines.sequential prints them with more simulations --


def rates(scenario: Scenario, simulations: int, deciding: Deciding, seed: int = 1):
    scores = scenario.draw(np.random.default_rng(seed), simulations)
    _, error, seeds, _, best = sequential(scores, scenario, deciding)
    return float(error), float(seeds), float(best)


@pytest.mark.parametrize(
    "scenario", [alike("normal"), alike("heavy tails (t, 3 df)"), alike("normal", margin=1.0)]
)
def test_methods_that_do_the_same_are_told_apart_in_at_most_five_per_cent(scenario):
    error, _, _ = rates(scenario, 400, Deciding(decide=1.0))
    # three standard errors beyond 0.05
    assert error <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_the_best_of_the_measured_methods_is_found_with_half_of_the_seeds_or_fewer():
    for dataset in ("grid25", "ring8"):
        error, seeds, best = rates(modes(dataset), 60, Deciding())
        assert error <= 0.05
        assert seeds < 20
        assert best >= 0.95


def test_no_more_is_decided_than_with_the_most_seeds_for_all():
    scenario = SCENARIOS["grid25"]
    scores = scenario.draw(np.random.default_rng(2), 60)
    _, _, seeds, decided, _ = sequential(scores, scenario, Deciding(decide=1.0))
    _, _, _, most, _ = fixed(scores, scenario, 30)
    assert float(seeds) < 27
    assert abs(float(decided.split()[0]) - float(most.split()[0])) < 0.5
