"""The Fréchet distance against closed forms and against pytorch-fid's."""

import warnings

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from bench.metrics.frechet import frechet_distance


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


def test_it_is_pytorch_fids_distance():
    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    first, second = features(1000, 64, 0), features(800, 64, 1)
    moments = [m for part in (first, second) for m in (part.mean(0), np.cov(part, rowvar=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            expected = fid_score.calculate_frechet_distance(*moments)
        except TypeError:
            pytest.skip("this SciPy's sqrtm has lost the argument disp, which pytorch-fid gives")
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second"), [((5, 2), (5, 3)), ((5,), (5,)), ((1, 2), (5, 2)), ((5, 2), (0, 2))]
)
def test_what_has_no_covariance_or_no_common_space_is_refused(first, second):
    with pytest.raises(ValueError, match=r"cannot be compared|at least two samples"):
        frechet_distance(np.zeros(first), np.zeros(second))
