"""Planted gradient events are found where they are, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.datasets.ring8 import Ring8
from bench.measuring.evaluation import Seen, Subject, take
from bench.metric import Reason
from bench.metrics.gradients import KINDS, Gradients, _spikes, by_player, detect, episodes


def quiet(updates: int = 5000, seed: int = 0, sigma: float = 0.3) -> np.ndarray:
    """Log-normal noise around a norm that triples slowly."""
    rng = np.random.default_rng(seed)
    trend = np.linspace(0, np.log(3), updates)
    return np.exp(trend + sigma * rng.standard_normal(updates))


def flagged(norms: np.ndarray, kind: str, generator: bool = True) -> list[int]:
    return np.flatnonzero(getattr(detect(norms, generator), kind)).tolist()


def found(norms: np.ndarray, generator: bool = True) -> dict[str, list[int]]:
    flags = {kind: flagged(norms, kind, generator) for kind in KINDS}
    return {kind: steps for kind, steps in flags.items() if steps}


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_series_has_no_flags(seed):
    assert found(quiet(seed=seed)) == {}


def test_planted_spikes_are_found_at_their_updates():
    norms = quiet(sigma=0.1)
    at = [200, 1500, 1501, 1502, 4999]
    norms[at] *= 30
    assert found(norms) == {"spike": at}


def test_a_spike_in_the_warm_up_is_not_judged():
    norms = quiet(sigma=0.1)
    norms[[10, 199]] *= 30
    assert found(norms) == {}


@pytest.mark.parametrize(("factor", "is_spike"), [(9.9, False), (10.1, True)])
def test_a_spike_is_ten_times_the_median_of_a_still_series(factor, is_spike):
    norms = np.ones(1000)
    norms[500] = factor
    assert flagged(norms, "spike") == ([500] if is_spike else [])


@pytest.mark.parametrize(("z", "is_spike"), [(6.5, False), (7.5, True)])
def test_a_spike_is_seven_deviations_above_a_noisy_series(z, is_spike):
    # logs at ±1 in turn: median 0, MAD 1
    norms = np.exp(np.resize([1.0, -1.0], 1000))
    norms[600] = np.exp(z * 1.4826)
    assert flagged(norms, "spike") == ([600] if is_spike else [])


def test_spikes_do_not_enter_the_window_they_are_judged_by():
    norms = np.ones(3000)
    norms[1000:2400] = 20
    assert flagged(norms, "spike") == list(range(1000, 2400))


def test_a_slow_rise_is_a_drift_and_no_spike():
    norms = np.exp(np.linspace(0, np.log(1000), 6000))
    reference = np.median(norms[200:1200])
    expected = np.flatnonzero(norms > 100 * reference).tolist()
    assert expected
    assert found(norms) == {"drift": expected}


def test_vanishing_needs_a_hundred_updates_in_a_row_and_a_generator():
    norms = quiet(sigma=0.1)
    norms[2000:2099] *= 1e-4
    norms[3000:3100] *= 1e-4
    norms[4000:4200] *= 1e-4
    norms[4100] = 1.0
    expected = [*range(3000, 3100), *range(4000, 4100)]
    assert flagged(norms, "vanishing") == expected
    assert flagged(norms, "vanishing", generator=False) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_non_finite_norm_is_that_and_nothing_else(value):
    norms = quiet()
    norms[[0, 300, 4999]] = value
    assert found(norms) == {"non_finite": [0, 300, 4999]}


def test_norms_of_zero_are_counted_as_vanishing():
    norms = quiet(sigma=0.1)
    norms[2500:2700] = 0
    assert found(norms) == {"vanishing": list(range(2500, 2700))}


@pytest.mark.parametrize("updates", [0, 1, 150, 200, 201])
def test_short_series_are_judged_without_complaint(updates):
    assert found(np.ones(updates)) == {}
    values = counted(np.ones(updates), np.ones(0))
    assert {v for n, v in values.items() if not n.endswith("median_norm")} == {0}
    assert values["generator_median_norm"] == Reason("undefined", "no update")


def test_flags_closer_than_fifty_updates_are_one_episode():
    mask = np.zeros(1000, bool)
    assert episodes(mask) == 0
    mask[[100, 149, 198, 248, 900]] = True
    assert episodes(mask) == 3


def counted(critic: np.ndarray, generator: np.ndarray, **losses) -> dict:
    """What the metric counts in both players' norms."""
    series = {"discriminator_norm": critic, "generator_norm": generator, **losses}
    seen = Seen(Subject(Ring8(), "", Path(), torch.device("cpu")), torch.empty(0), series)
    return take(Gradients(), seen, Gradients().quantities(Ring8()))


def test_counts_are_those_of_what_was_planted():
    critic, generator = np.ones(5000), np.ones(2000)
    critic[[1000, 1010, 3000]] = 20
    critic[4000] = 7
    generator[1300:1500] = 1e-5
    report = by_player(counted(critic, generator))
    assert report["discriminator"]["spike"] == {"steps": 3, "episodes": 2, "per_10k": 6.0}
    assert report["discriminator"]["explosions"] == report["discriminator"]["spike"]
    assert report["discriminator"]["vanishing"]["steps"] == 0
    assert report["generator"]["vanishing"] == {"steps": 200, "episodes": 1, "per_10k": 1000.0}
    assert report["generator"]["explosions"]["steps"] == 0
    assert (report["discriminator"]["median"], report["generator"]["median"]) == (1, 1)
    assert report["discriminator"]["sensitivity"] == {
        "factor_5": 4, "factor_10": 3, "factor_30": 0, "z_5": 3, "z_7": 3, "z_10": 3
    }  # fmt: skip


def test_an_update_whose_loss_is_not_finite_is_not_finite():
    losses = np.ones(500)
    losses[[3, 400]] = np.nan, np.inf
    values = counted(np.ones(500), np.ones(500), discriminator_loss=losses)
    assert (values["discriminator_non_finite"], values["generator_non_finite"]) == (2, 0)
    assert values["discriminator_spike"] == 0


def test_a_run_without_updates_has_counts_of_nothing():
    assert by_player({}) == {}
    assert set(counted(np.ones(0), np.ones(0)).values()) == {0, Reason("undefined", "no update")}


def test_other_thresholds_are_another_metric_of_the_same_series():
    norms = np.ones(1000)
    norms[500] = 7
    assert np.flatnonzero(detect(norms, False, Gradients(spike_factor=5)).spike).tolist() == [500]
    assert Gradients().hyperparameters()["spike_factor"] == 10
    assert Gradients().times == "once"


def literal_spikes(norms: np.ndarray, at: Gradients) -> list[int]:
    """The definition, word for word."""
    flags: list[int] = []
    unflagged: list[float] = []
    for t, norm in enumerate(norms):
        if not np.isfinite(norm):
            continue
        log = np.log(max(norm, np.finfo(np.float64).tiny))
        window = np.array(unflagged[-at.window :])
        if t >= at.warm_up and window.size:
            median = np.median(window)
            mad = np.median(np.abs(window - median))
            if log - median > max(np.log(at.spike_factor), at.spike_z * 1.4826 * mad):
                flags.append(t)
                continue
        unflagged.append(log)
    return flags


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    tail=st.floats(0.7, 5),
    window=st.integers(1, 60),
    warm_up=st.integers(0, 40),
    broken=st.lists(st.integers(0, 299), max_size=4),
)
def test_the_running_detector_is_the_literal_definition(seed, tail, window, warm_up, broken):
    rng = np.random.default_rng(seed)
    norms = np.exp(np.clip(rng.standard_t(tail, 300), -300, 300))
    # ties and zeros, where a sorted window can go wrong
    norms[::7] = np.round(norms[::7], 1)
    norms[broken] = np.nan
    at = Gradients(window=window, warm_up=warm_up)
    spikes = _spikes(norms, np.isfinite(norms), at)
    assert np.flatnonzero(spikes).tolist() == literal_spikes(norms, at)


def test_the_running_detector_agrees_with_the_definition_at_full_window():
    rng = np.random.default_rng(1)
    norms = np.exp(np.clip(rng.standard_t(1.2, 2500), -300, 300))
    spikes = np.flatnonzero(_spikes(norms, np.isfinite(norms), Gradients())).tolist()
    assert len(spikes) > 5
    assert spikes == literal_spikes(norms, Gradients())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.integers(-20, 20))
def test_flags_do_not_depend_on_the_scale_of_the_norms(seed, exponent):
    norms = np.exp(np.clip(np.random.default_rng(seed).standard_t(1.5, 1500), -300, 300))
    norms[1300:1450] *= 1e-8
    assert found(norms * 2.0**exponent) == found(norms)


def test_single_precision_series_are_judged_like_double_ones():
    norms = np.exp(np.random.default_rng(2).standard_t(1.5, 1500)).astype(np.float32)
    assert found(norms) == found(norms.astype(np.float64))
