"""The Fréchet distance against closed forms and against pytorch-fid's."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from bench.measuring.frechet import (
    Gaussian,
    Moments,
    distance,
    fit,
    frechet_distance,
)
from bench.metric import TooFew
from bench.metrics.fid_infinity import frechet_infinity


def with_moments(mean, covariance, count: int = 50, seed: int = 0) -> np.ndarray:
    """Samples whose mean and unbiased covariance are exactly these."""
    raw = np.random.default_rng(seed).standard_normal((count, len(mean)))
    raw -= raw.mean(0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(raw, rowvar=False)))).T
    return np.asarray(mean) + white @ np.linalg.cholesky(covariance).T


def random_covariance(dimensions: int, seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((dimensions, 2 * dimensions))
    return root @ root.T / dimensions


def features(count: int, dimensions: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, dimensions)) @ rng.standard_normal((dimensions, dimensions))


def test_two_gaussians_of_known_moments():
    first, second = random_covariance(4, 1), random_covariance(4, 2)
    mean1, mean2 = np.array([1.0, 2, 3, 4]), np.array([0.0, -1, 5, 2])
    expected = (
        np.square(mean1 - mean2).sum()
        + np.trace(first + second)
        - 2 * np.trace(np.real(sqrtm(first @ second)))
    )
    value = frechet_distance(with_moments(mean1, first), with_moments(mean2, second, 80, 1))
    assert value == pytest.approx(expected, rel=1e-9)


def test_in_one_dimension_it_is_the_distance_of_means_and_deviations():
    first, second = with_moments([1.0], [[4.0]]), with_moments([3.5], [[0.25]], seed=1)
    assert frechet_distance(first, second) == pytest.approx(2.5**2 + (2 - 0.5) ** 2)


def test_covariances_that_commute():
    first, second = with_moments([0, 0], np.diag([4, 9])), with_moments([0, 0], np.diag([1, 16]))
    assert frechet_distance(first, second) == pytest.approx(1 + 1)


@pytest.mark.parametrize("count", [200, 10])
def test_identical_samples_are_at_distance_zero(count):
    samples = features(count, 20, 0)
    scale = np.cov(samples, rowvar=False).trace()
    assert frechet_distance(samples, samples) == pytest.approx(0, abs=1e-7 * scale)


@pytest.mark.parametrize("count", [200, 10])
def test_a_collapsed_generator_is_as_far_as_the_data_are_wide(count):
    data = features(count, 20, 0)
    constant = np.full((count, 20), 3.0)
    expected = np.square(data.mean(0) - 3).sum() + np.cov(data, rowvar=False).trace()
    assert frechet_distance(constant, data) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(constant, constant) == 0


def test_few_samples_take_another_branch_to_the_same_number():
    first, second = features(30, 29, 0), features(30, 29, 1)
    embedded = [np.hstack([part, np.zeros((30, 40))]) for part in (first, second)]
    assert frechet_distance(*embedded) == pytest.approx(frechet_distance(first, second), rel=1e-9)


def test_a_few_samples_against_many():
    few, many = features(10, 20, 0), features(500, 20, 1)
    first, second = np.cov(few, rowvar=False), np.cov(many, rowvar=False)
    cross = np.sqrt(np.maximum(np.linalg.eigvals(first @ second).real, 0)).sum()
    expected = np.square(few.mean(0) - many.mean(0)).sum() + np.trace(first + second) - 2 * cross
    assert frechet_distance(few, many) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("count", [200, 10])
def test_it_is_symmetric_and_blind_to_rotation_and_shift(count):
    first, second = features(count, 20, 0), features(count, 20, 1)
    value = frechet_distance(first, second)
    turn = ortho_group.rvs(20, random_state=0)
    assert frechet_distance(second, first) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(first @ turn + 5, second @ turn + 5) == pytest.approx(value, rel=1e-8)
    assert frechet_distance(3 * first, 3 * second) == pytest.approx(9 * value, rel=1e-9)


def pytorch_fids(first: np.ndarray, second: np.ndarray) -> float:
    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    moments = [m for part in (first, second) for m in (part.mean(0), np.cov(part, rowvar=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return float(fid_score.calculate_frechet_distance(*moments))
        except TypeError:
            pytest.skip("this SciPy's sqrtm has lost the argument disp, which pytorch-fid gives")


@pytest.mark.parametrize("dimensions", [2, 8, 64])
def test_it_is_pytorch_fids_distance(dimensions):
    first, second = features(1000, dimensions, 0), features(800, dimensions, 1)
    assert frechet_distance(first, second) == pytest.approx(pytorch_fids(first, second), rel=1e-6)


@pytest.mark.slow
def test_it_is_pytorch_fids_distance_at_2048_dimensions():
    random = np.random.default_rng(0)
    scale = np.exp(-np.arange(2048) / 300)
    first = random.standard_normal((2500, 2048)) * scale
    second = random.standard_normal((2500, 2048)) * np.roll(scale, 3) + 0.01
    assert frechet_distance(first, second) == pytest.approx(pytorch_fids(first, second), rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second"), [((5, 2), (5, 3)), ((5,), (5,)), ((1, 2), (5, 2)), ((5, 2), (0, 2))]
)
def test_what_has_no_covariance_or_no_common_space_is_refused(first, second):
    with pytest.raises(ValueError, match=r"cannot be compared|at least two samples"):
        frechet_distance(np.zeros(first), np.zeros(second))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("count", [5, 50])
def test_features_that_are_not_finite_are_refused(count, bad):
    broken = features(count, 10, 0)
    broken[2, 3] = bad
    for attempt in (
        lambda: frechet_distance(broken, features(50, 10, 1)),
        lambda: fit(broken),
        lambda: Moments(10).add(broken),
    ):
        with pytest.raises(ValueError, match="not finite"):
            attempt()


def test_gaussians_of_different_spaces_are_refused():
    with pytest.raises(ValueError, match="3 and 4 dimensions"):
        distance(fit(features(9, 3, 0)), fit(features(9, 4, 0)))
    with pytest.raises(ValueError, match="3 dimensions cannot join 4"):
        Moments(4).add(features(9, 3, 0))


def test_a_single_sample_is_too_few_and_is_said_so():
    for make in (lambda: fit(np.zeros((1, 3))), lambda: one_sample().gaussian()):
        with pytest.raises(TooFew, match=r"^needs at least 2 samples, there is 1$"):
            make()


def one_sample() -> Moments:
    moments = Moments(3)
    moments.add(np.zeros((1, 3)))
    return moments


batches = st.lists(st.integers(0, 40), min_size=1, max_size=12)


@given(batches, st.integers(1, 12), st.integers(0, 1000))
def test_moments_do_not_depend_on_the_batches(sizes, dimensions, seed):
    whole = features(2 + sum(sizes), dimensions, seed)
    moments = Moments(dimensions)
    for part in np.split(whole, np.cumsum(sizes)):
        moments.add(part)
    found = moments.gaussian()
    covariance = np.atleast_2d(np.cov(whole, rowvar=False))
    assert found.count == len(whole)
    np.testing.assert_allclose(found.mean, whole.mean(0), atol=1e-12)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-11)


def test_moments_may_be_asked_for_in_between_and_keep_no_hold_of_a_batch():
    whole, moments = features(60, 40, 0), Moments(40)
    buffer = np.empty((20, 40))
    for start in (0, 20, 40):
        buffer[:] = whole[start : start + 20]
        moments.add(buffer)
        assert moments.gaussian().count == start + 20
    buffer[:] = 0
    np.testing.assert_allclose(moments.gaussian().covariance, np.cov(whole, rowvar=False))


def test_a_large_offset_costs_no_precision():
    small = features(5000, 3, 0)
    moments = Moments(3)
    for part in np.array_split(small + 1e8, 33):
        moments.add(part)
    np.testing.assert_allclose(
        moments.gaussian().covariance, np.cov(small, rowvar=False), rtol=1e-6, atol=1e-6
    )
    shifted = frechet_distance(small + 1e6, features(5000, 3, 1) + 1e6)
    assert shifted == pytest.approx(frechet_distance(small, features(5000, 3, 1)), rel=1e-6)


def test_more_rows_than_a_block_are_merged(monkeypatch):
    monkeypatch.setattr("bench.measuring.frechet.BLOCK", 7)
    whole = features(50, 4, 0)
    np.testing.assert_allclose(fit(whole).covariance, np.cov(whole, rowvar=False))


def held_whole(few: Gaussian) -> Gaussian:
    return Gaussian(few.count, few.mean, covariance=few.factor.T @ few.factor)


@pytest.mark.parametrize("counts", [(8, 60), (60, 8), (8, 9), (20, 21)])
def test_a_factor_and_a_whole_covariance_give_the_same_distance(counts):
    first, second = (fit(features(count, 20, i)) for i, count in enumerate(counts))
    whole = [held_whole(g) if g.covariance is None else g for g in (first, second)]
    expected = distance(first, second)
    assert {g.covariance is None for g in whole} == {False}
    assert distance(*whole) == pytest.approx(expected, rel=1e-5)
    assert distance(second, first) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [5, 20, 21, 100])
def test_exactly_as_many_samples_as_dimensions_is_no_special_case(count):
    few, many = features(count, 20, 0), features(300, 20, 1)
    embedded = np.hstack([few, np.zeros((count, 1))])
    value = frechet_distance(few, many)
    assert frechet_distance(embedded, np.hstack([many, np.zeros((300, 1))])) == pytest.approx(
        value, rel=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 30),
    st.integers(2, 30),
    st.integers(1, 12),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([1e-6, 1.0, 1e6]),
    st.integers(0, 100),
)
def test_whatever_collapses_the_distance_is_finite_and_symmetric(
    count1, count2, dimensions, rank1, rank2, scale, seed
):
    random = np.random.default_rng(seed)
    sides = [
        scale
        * (
            random.standard_normal((count, rank)) @ random.standard_normal((rank, dimensions))
            + random.standard_normal(dimensions)
        )
        for count, rank in ((count1, rank1), (count2, rank2))
    ]
    value = frechet_distance(*sides)
    size = sum(np.square(side).sum(1).mean() for side in sides)
    assert np.isfinite(value)
    assert value >= 0
    assert frechet_distance(*reversed(sides)) == pytest.approx(value, abs=1e-6 * size)
    assert frechet_distance(sides[0], sides[0]) == pytest.approx(0, abs=1e-6 * size)


def test_a_collapsed_reference_is_measured_as_well():
    data, constant = features(500, 20, 0), np.full((500, 20), 3.0)
    expected = np.square(data.mean(0) - 3).sum() + np.cov(data, rowvar=False).trace()
    assert frechet_distance(data, constant) == pytest.approx(expected, rel=1e-9)


def test_the_root_of_a_reference_is_found_once(monkeypatch):
    reference, other = fit(features(50, 6, 0)), fit(features(50, 6, 1))
    value = distance(other, reference)
    monkeypatch.setattr(np.linalg, "cholesky", lambda _: pytest.fail("found again"))
    assert distance(other, reference) == value


@pytest.mark.parametrize("count", [5, 50])
def test_a_stored_gaussian_is_the_same(tmp_path, count):
    kept = fit(features(count, 6, 0))
    np.savez(tmp_path / "gaussian.npz", **kept.arrays())
    with np.load(tmp_path / "gaussian.npz", allow_pickle=False) as stored:
        again = Gaussian.from_arrays(dict(stored))
    other = fit(features(70, 6, 1))
    assert again.count == count
    assert distance(other, again) == distance(other, kept)


def test_infinity_comes_nearer_to_the_true_distance_than_the_finite_sample():
    # two normals so alike that the bias, about D² / 4N, is larger than the noise
    scale = np.linspace(0.95, 1.1, 60)
    truth = np.square(scale - 1).sum() + 60 * 0.02**2
    reference = Gaussian(10**9, np.zeros(60), covariance=np.eye(60))
    sample = np.random.default_rng(0).standard_normal((10_000, 60)) * scale + 0.02
    finite = distance(fit(sample), reference) - truth
    infinite = frechet_infinity(sample, reference) - truth
    assert finite > 0
    assert abs(infinite) < finite / 2


def test_infinity_removes_the_bias_between_equal_distributions():
    sample = np.random.default_rng(1).standard_normal((10_000, 40))
    reference = Gaussian(10**9, np.zeros(40), covariance=np.eye(40))
    finite = distance(fit(sample), reference)
    infinite = frechet_infinity(sample, reference, seed=3)
    assert abs(infinite) < finite / 3
    assert frechet_infinity(sample, reference, seed=3) == infinite


def test_infinity_needs_ten_thousand_samples():
    reference = fit(features(50, 2, 0))
    with pytest.raises(TooFew, match=r"^needs at least 10,000 samples, there are 9,999$"):
        frechet_infinity(np.zeros((9_999, 2)), reference)
