"""Mode coverage at its known ends: real data, and a collapsed generator."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.datasets.grid25 import Grid25
from bench.datasets.ring8 import Ring8
from bench.measuring.histograms import balance
from bench.metric import Reason
from bench.metrics.modes import mode_coverage
from tests.measured import floor, of_samples, scores, subject_of

MIXTURES = [(Ring8(), 8), (Grid25(), 25)]
CEILING = 1 - math.exp(-4.5)
counts_of_modes = st.lists(st.integers(0, 1000), min_size=1, max_size=30)


def real(mixture, count: int, seed: int = 0) -> torch.Tensor:
    draw = mixture.source(torch.Generator().manual_seed(seed), torch.device("cpu"))
    return draw(1, count)[0]


@pytest.mark.parametrize(("mixture", "modes"), MIXTURES)
def test_the_modes_are_distinct_and_where_pacgan_has_them(mixture, modes):
    centres = mixture.centres().double().numpy()
    assert centres.shape == (modes, 2)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[~np.eye(modes, dtype=bool)]
    nearest = {8: 2 * math.sin(math.pi / 8), 25: 2.0}[modes]
    assert apart.min() == pytest.approx(nearest, rel=1e-6)
    farthest = {8: 1.0, 25: math.hypot(4, 4)}[modes]
    assert np.linalg.norm(centres, axis=1).max() == pytest.approx(farthest)
    assert centres.sum(0) == pytest.approx([0, 0], abs=1e-5)
    assert mixture.sigma == {8: 0.01, 25: 0.05}[modes]


@pytest.mark.parametrize(("mixture", "modes"), MIXTURES)
def test_real_samples_reach_the_analytic_ceiling(mixture, modes):
    samples = real(mixture, 20_000).double().numpy()
    values = mode_coverage(samples, mixture.centres().double().numpy(), mixture.sigma)
    error = math.sqrt(CEILING * (1 - CEILING) / len(samples))
    assert values["high_quality"] == pytest.approx(CEILING, abs=4 * error)
    assert values["modes_1"] == values["modes_20"] == modes
    # the mean of ln K − H is (K − 1) / 2N
    assert 0 < values["reverse_kl"] < 3 * (modes - 1) / (2 * len(samples))


@pytest.mark.parametrize(("mixture", "modes"), MIXTURES)
def test_the_floor_is_what_real_samples_get(mixture, modes, tmp_path):
    subject = subject_of(mixture, tmp_path)
    found = floor(subject)
    error = math.sqrt(CEILING * (1 - CEILING) / mixture.evaluation_samples)
    assert found["high_quality"] == pytest.approx(CEILING, abs=4 * error)
    assert found["modes_20"] == modes
    assert 0 < found["data_fd"] < 0.02
    assert found.keys() == {q.name for m in of_samples(mixture) for q in m.quantities(mixture)}
    assert floor(subject) == found


@pytest.mark.parametrize(("mixture", "modes"), MIXTURES)
def test_a_collapsed_generator_holds_one_mode(mixture, modes, tmp_path):
    values = scores(subject_of(mixture, tmp_path), mixture.centres()[3].expand(2500, 2))
    assert values["modes_1"] == values["modes_20"] == 1
    assert values["high_quality"] == 1
    assert values["reverse_kl"] == pytest.approx(math.log(modes))
    assert values["data_fd"] > 0.5


def test_a_generator_far_from_everything_has_no_balance(tmp_path):
    values = scores(subject_of(Ring8(), tmp_path), torch.full((2500, 2), 50.0))
    assert values["high_quality"] == values["modes_1"] == 0
    why = Reason("undefined", "no sample is of high quality")
    assert values["reverse_kl"] == values["jsd"] == why


def test_three_sigma_and_twenty_samples_are_the_limits():
    centres = np.array([[0.0, 0.0], [10.0, 0.0]])
    inside, outside = [0, 2.99], [10, 3.01]
    samples = np.array([inside] * 19 + [outside] * 30)
    values = mode_coverage(samples, centres, 1.0)
    assert (values["modes_1"], values["modes_20"]) == (1, 0)
    assert values["high_quality"] == pytest.approx(19 / 49)
    assert mode_coverage(samples[[0, *range(19)]], centres, 1.0)["modes_20"] == 1


def test_a_sample_counts_for_its_nearest_mode():
    centres = np.array([[0.0, 0.0], [1.0, 0.0]])
    samples = np.array([[0.4, 0.0]] * 10 + [[0.6, 0.0]] * 30)
    values = mode_coverage(samples, centres, 1.0)
    assert values["reverse_kl"] == pytest.approx(
        math.log(2) + 0.25 * math.log(0.25) + 0.75 * math.log(0.75)
    )


@pytest.mark.parametrize("modes", [1, 2, 8, 25])
def test_an_even_histogram_is_balanced(modes):
    assert balance(np.full(modes, 7)) == pytest.approx({"reverse_kl": 0, "jsd": 0}, abs=1e-12)


def test_balance_of_a_single_mode_of_two():
    # JSD of (1, 0) and (½, ½): ½ ln(4/3) + ½ (½ ln(2/3) + ½ ln 2)
    expected = 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2)
    assert balance(np.array([9, 0])) == pytest.approx({"reverse_kl": math.log(2), "jsd": expected})


@given(counts_of_modes)
def test_balance_stays_within_its_bounds(counts):
    values = balance(np.array(counts))
    if sum(counts) == 0:
        why = Reason("undefined", "no sample was counted")
        assert values == {"reverse_kl": why, "jsd": why}
    else:
        assert 0 <= values["reverse_kl"] <= math.log(len(counts)) + 1e-12
        assert 0 <= values["jsd"] <= math.log(2) + 1e-12


@given(counts_of_modes, st.randoms(use_true_random=False), st.integers(2, 9))
def test_balance_ignores_the_order_of_modes_and_the_sample_size(counts, random, factor):
    shuffled = random.sample(counts, len(counts))
    once, again = balance(np.array(counts)), balance(factor * np.array(shuffled))
    if sum(counts):
        assert again == pytest.approx(once, abs=1e-9)
