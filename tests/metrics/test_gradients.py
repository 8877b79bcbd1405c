"""Planted spikes, growth and vanishing are found where they are, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.datasets.ring8 import Ring8
from bench.measuring.evaluation import Seen, Subject, take
from bench.metric import Reason
from bench.metrics.gradients import (
    BASELINES,
    THRESHOLDS,
    Gradients,
    _jumps,
    detect,
    episodes,
    growth,
    headline,
)
from tests.baselines.false_alarms import alarms, autoregressive, power, walk


def quiet(updates: int = 10_000, seed: int = 0, sigma: float = 0.3) -> np.ndarray:
    """Log-normal noise around a norm that triples slowly."""
    rng = np.random.default_rng(seed)
    trend = np.linspace(0, np.log(3), updates)
    return np.exp(trend + sigma * rng.standard_normal(updates))


def found(norms: np.ndarray, generator: bool = True) -> dict[str, list[int]]:
    flags = detect(norms, generator)
    kinds = {"non_finite": flags.non_finite, "spike": flags.spike(), "vanishing": flags.vanishing}
    return {kind: np.flatnonzero(mask).tolist() for kind, mask in kinds.items() if mask.any()}


def counted(critic: np.ndarray, generator: np.ndarray, **losses) -> dict:
    """What the metric finds in both players' norms."""
    series = {"discriminator_norm": critic, "generator_norm": generator, **losses}
    seen = Seen(Subject(Ring8(), "", Path(), torch.device("cpu")), torch.empty(0), series)
    return take(Gradients(), seen, Gradients().quantities(Ring8()))


@pytest.mark.parametrize("updates", [200, 1_000, 10_000])
@pytest.mark.parametrize("seed", range(3))
def test_a_quiet_series_has_no_flags(seed, updates):
    assert found(quiet(updates, seed)) == {}


@settings(max_examples=25, deadline=None)
@given(
    height=st.floats(20, 1e6),
    updates=st.integers(200, 4_000),
    place=st.floats(0.3, 1),
    seed=st.integers(0, 99),
)
def test_a_planted_spike_is_found_at_its_place_with_its_height(height, updates, place, seed):
    norms = quiet(updates, seed, sigma=0.1)
    at = min(int(place * updates), updates - 1)
    norms[at] *= height
    values = counted(norms, np.ones(0))
    assert values["discriminator_spikes"] == 1
    assert values["discriminator_largest_spike_at"] == at + 1
    assert values["discriminator_largest_spike"] == pytest.approx(height, rel=0.6)
    for threshold in THRESHOLDS:
        if not 0.6 < threshold / height < 1.7:
            assert values[f"discriminator_spikes_{threshold}"] == (threshold < height)


def test_a_spike_in_the_warm_up_is_not_judged():
    norms = quiet(sigma=0.1)
    norms[[10, 199]] *= 30
    assert found(norms) == {}
    norms[200] *= 30
    assert found(norms) == {"spike": [200]}


@pytest.mark.parametrize(("factor", "is_spike"), [(9.9, False), (10.1, True)])
def test_a_spike_is_ten_times_the_median_of_a_still_series(factor, is_spike):
    norms = np.ones(1000)
    norms[500] = factor
    assert found(norms) == ({"spike": [500]} if is_spike else {})


@pytest.mark.parametrize(("z", "is_spike"), [(6.5, False), (7.5, True)])
def test_a_spike_is_seven_deviations_above_a_noisy_series(z, is_spike):
    # logs at ±1 in turn: median 0, MAD 1
    norms = np.exp(np.resize([1.0, -1.0], 1000))
    norms[600] = np.exp(z * 1.4826)
    assert found(norms) == ({"spike": [600]} if is_spike else {})


def test_a_level_that_jumps_and_stays_is_one_spike_and_growth():
    norms = np.ones(10_000)
    norms[4000:] = 20
    assert found(norms) == {"spike": [4000, 4001, 4002, 4003, 4004]}
    values = counted(norms, np.ones(0))
    assert values["discriminator_spikes"] == 1
    assert values["discriminator_spikes_per_10k"] == 1
    assert [values[f"discriminator_growth_{name}"] for name in BASELINES] == [20, 1, 20]


@settings(max_examples=20, deadline=None)
@given(ratio=st.floats(2, 1e6), updates=st.integers(300, 12_000))
def test_a_steady_rise_is_growth_by_its_ratio_and_no_spike(ratio, updates):
    rise = np.exp(np.linspace(0, np.log(ratio), updates))
    assert found(rise) == {}
    at, whole = Gradients().scaled(updates), growth(rise)
    # from the middle of the baseline to half a smoothed stretch before the end
    log = np.log(ratio) / (updates - 1)
    last = updates - 1 - at.smoothing // 2
    early = np.exp(log * (last - at.warm_up - (at.baseline - 1) / 2))
    assert whole.largest("early") == (pytest.approx(early, rel=1e-3), last + 1)
    trough = np.exp(log * (last - at.warm_up - at.smoothing // 2))
    assert whole.largest("trough") == (pytest.approx(trough, rel=1e-3), last + 1)
    middle = np.exp(log * (last - (at.warm_up + updates - 1) / 2))
    assert whole.largest("whole") == (pytest.approx(middle, rel=1e-3), last + 1)


def test_a_baseline_in_a_trough_makes_growth_of_a_return():
    norms = np.ones(20_000)
    norms[200:1200] = 0.005
    values = counted(norms, np.ones(0))
    assert values["discriminator_growth_early"] == pytest.approx(200)
    assert values["discriminator_growth_whole"] == 1
    assert values["discriminator_spikes_3"] <= 1


def test_vanishing_needs_a_hundred_updates_in_a_row_and_a_generator():
    norms = quiet(sigma=0.1)
    norms[2000:2099] *= 1e-4
    norms[3000:3100] *= 1e-4
    norms[4000:4200] *= 1e-4
    norms[4100] = 1.0
    expected = [*range(3000, 3100), *range(4000, 4100)]
    assert np.flatnonzero(detect(norms, True).vanishing).tolist() == expected
    assert not detect(norms, False).vanishing.any()


def test_norms_of_zero_are_vanishing_and_no_baseline():
    norms = quiet(sigma=0.1)
    norms[2500:2700] = 0
    assert found(norms)["vanishing"] == list(range(2500, 2700))
    values = counted(np.zeros(1000), np.zeros(1000))
    none = Reason("undefined", "no update to compare with a baseline above 0")
    assert {values[f"generator_growth_{name}"] for name in BASELINES} == {none}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_non_finite_norm_is_that_and_nothing_else(value):
    norms = quiet()
    norms[[0, 300, 9_999]] = value
    assert found(norms) == {"non_finite": [0, 300, 9_999]}
    plain = growth(np.delete(norms, [0, 300, 9_999])).largest("trough")
    assert growth(norms).largest("trough")[0] == pytest.approx(plain[0], rel=0.02)


def test_an_update_whose_loss_is_not_finite_is_not_finite():
    losses = np.ones(500)
    losses[[3, 400]] = np.nan, np.inf
    values = counted(np.ones(500), np.ones(500), discriminator_loss=losses)
    assert (values["discriminator_non_finite"], values["generator_non_finite"]) == (2, 0)
    assert values["discriminator_spikes"] == 0


@pytest.mark.parametrize("updates", [1, 140, 199])
def test_a_short_series_is_not_judged(updates):
    norms = np.ones(updates)
    norms[-1] = np.nan if updates > 1 else 1
    values = counted(np.ones(1000), norms)
    there = "there is 1" if updates == 1 else f"there are {updates}"
    reason = Reason("too_few", f"not judged: needs at least 200 updates, {there}")
    assert values.pop("generator_median_norm") == 1
    assert values.pop("generator_non_finite") == (updates > 1)
    own = {v for name, v in values.items() if name.startswith("generator")}
    assert own == {reason}
    assert values["discriminator_spikes"] == 0
    assert not detect(np.geomspace(1, 1e9, updates), True).spike(3).any()


def test_a_run_without_updates_is_not_judged():
    values = counted(np.ones(0), np.ones(0))
    assert values["generator_median_norm"] == Reason("undefined", "no update")
    assert values["generator_spikes"].text.endswith("there are 0")
    assert growth(np.ones(0)).largest("trough") is None


def test_lengths_follow_the_series_and_stop_at_a_tenth_and_at_the_whole():
    def lengths(updates):
        at = Gradients().scaled(updates)
        return at.window, at.warm_up, at.baseline, at.smoothing, at.episode_gap, at.vanishing_run

    whole = (1000, 200, 1000, 100, 50, 100)
    assert lengths(10_000) == lengths(10**6) == whole
    assert lengths(5_000) == (500, 100, 500, 50, 25, 50)
    assert lengths(1_000) == lengths(200) == (100, 20, 100, 10, 5, 10)
    assert Gradients(warm_up=0, episode_gap=0).scaled(200).warm_up == 0
    assert Gradients(window=1).scaled(200).window == 1


@pytest.mark.parametrize(
    ("counts", "agreed"),
    [((0, 0, 0), 0), ((1, 0, 0), 0), ((1, 1, 0), 1), ((2, 0, 0), None), ((3, 2, 0), None),
     ((12, 8, 4), 8), ((13, 8, 4), None), ((12, 8, 3), None)],
)  # fmt: skip
def test_the_headline_count_is_one_that_thresholds_beside_it_confirm(counts, agreed):
    told = headline(dict(zip((5, 10, 30), counts, strict=True)))
    low, middle, high = counts
    assert told == agreed if agreed is not None else told == Reason(
        "undefined",
        f"depends on the threshold: {low} above 5, {middle} above 10, {high} above 30 times the "
        "trailing median",
    )  # fmt: skip


def test_counts_are_those_of_what_was_planted():
    critic, generator = np.ones(5000), np.ones(2000)
    critic[[1000, 1010, 3000]] = 20
    critic[4000] = 7
    generator[1300:1500] = 1e-5
    values = counted(critic, generator)
    profile = [values[f"discriminator_spikes_{t}"] for t in THRESHOLDS]
    assert profile == [3, 3, 2, 0, 0, 0, 0]
    assert [values[f"discriminator_spike_updates_{t}"] for t in THRESHOLDS[:4]] == [4, 4, 3, 0]
    assert values["discriminator_spikes"].text.startswith("depends on the threshold: 3 above 5")
    assert values["discriminator_spikes_per_10k"] == values["discriminator_spikes"]
    assert (values["discriminator_largest_spike"], values["discriminator_largest_spike_at"]) == (
        pytest.approx(20), 1001
    )  # fmt: skip
    assert values["generator_spikes"] == values["generator_spikes_3"]
    assert values["generator_vanishing"] == 200
    assert values["generator_vanishing_episodes"] == 1
    assert values["generator_vanishing_per_10k"] == 1000
    assert "discriminator_vanishing" not in values


def test_flags_closer_than_fifty_updates_are_one_episode():
    mask = np.zeros(1000, bool)
    assert episodes(mask, 50) == 0
    mask[[100, 149, 198, 248, 900]] = True
    assert episodes(mask, 50) == 3


def test_other_thresholds_are_another_metric_of_the_same_series():
    norms = np.exp(np.resize([1.0, -1.0], 1000))
    norms[600] = np.exp(6.5 * 1.4826)
    assert not detect(norms, False).spike().any()
    assert np.flatnonzero(detect(norms, False, Gradients(spike_z=6)).spike()).tolist() == [600]
    assert Gradients().hyperparameters()["spike_z"] == 7
    assert Gradients().times == "once"


def literal_jumps(norms: np.ndarray, at: Gradients) -> np.ndarray:
    """The definition, word for word."""
    jumps, seen = np.zeros(norms.size), []
    for t, norm in enumerate(norms):
        if not np.isfinite(norm):
            continue
        log = np.log(max(norm, np.finfo(np.float64).tiny))
        window = np.array(seen[-at.window :])
        if t >= at.warm_up and len(seen) >= min(50, at.window):
            median = np.median(window)
            near = np.sort(np.abs(window - median))[window.size // 2]
            if log - median > np.log(3) and near < (log - median) / (at.spike_z * 1.4826):
                sudden = log - np.median(seen[-at.sudden :])
                jumps[t] = np.exp(min(log - median, sudden, 709))
        seen.append(log)
    return jumps


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    tail=st.floats(0.7, 5),
    window=st.integers(1, 120),
    sudden=st.integers(1, 20),
    warm_up=st.integers(0, 40),
    broken=st.lists(st.integers(0, 299), max_size=4),
)
def test_the_running_detector_is_the_literal_definition(
    seed, tail, window, sudden, warm_up, broken
):
    rng = np.random.default_rng(seed)
    norms = np.exp(np.clip(rng.standard_t(tail, 300), -300, 300))
    # ties and zeros, where a sorted window can go wrong
    norms[::7] = np.round(norms[::7], 1)
    norms[broken] = np.nan
    at = Gradients(window=window, warm_up=warm_up, sudden=sudden, spike_z=2.0)
    assert _jumps(norms, np.isfinite(norms), at) == pytest.approx(literal_jumps(norms, at))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.integers(-20, 20))
def test_flags_do_not_depend_on_the_scale_of_the_norms(seed, exponent):
    norms = np.exp(np.clip(np.random.default_rng(seed).standard_t(1.5, 1500), -300, 300))
    norms[1300:1450] *= 1e-8
    assert found(norms * 2.0**exponent) == found(norms)


def test_single_precision_series_are_judged_like_double_ones():
    norms = np.exp(np.random.default_rng(2).standard_t(1.5, 1500)).astype(np.float32)
    assert found(norms) == found(norms.astype(np.float64))


@pytest.mark.parametrize("draw", [walk(0.1), walk(0.3), autoregressive(0.9, 0.7),
                                  autoregressive(0.99, 0.7)])  # fmt: skip
def test_wandering_series_hardly_ever_spike(draw):
    share, rate, _ = alarms(draw, 1_000, 60, seed=5)
    assert share <= 1 / 60
    assert rate <= 10 * share


def test_a_high_spike_is_found_and_a_low_one_drowns_in_noise():
    assert power(100, 0.4, 40) == 1
    assert power(10, 0.7, 40) == 0
