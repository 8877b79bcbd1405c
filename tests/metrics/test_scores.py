"""Metrics of features: the numbers of the formulas, and never an exception for poor samples."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.measuring.evaluation import Seen, Subject, take
from bench.measuring.frechet import frechet_distance
from bench.measuring.neighbours import Manifold, precision_recall_density_coverage
from bench.measuring.sides import Samples
from bench.metric import Reason, Results
from bench.metrics.kid import kid
from bench.registry import make_metric

METRICS = ("fd", "kid", "prdc")
MANIFOLD = ("precision", "recall", "density", "coverage")
SCORES = ("data_fd", "kid", *MANIFOLD)


def features(count: int, seed: int, shift: float = 0.0, dimensions: int = 6) -> Tensor:
    return torch.randn(count, dimensions, generator=torch.Generator().manual_seed(seed)) + shift


def against(real: Tensor, cache) -> Subject:
    dataset = Samples("given", real, evaluation_samples=len(real))
    return Subject(dataset, str(real.double().sum()), cache, torch.device("cpu"))


def scores(subject: Subject, samples: Tensor) -> Results:
    """By the metrics of points as their own features."""
    seen, found = Seen(subject, samples), {}
    for name in METRICS:
        metric = make_metric(name, {"extractor": "points"})
        found |= take(metric, seen, metric.quantities(subject.dataset))
    return found


def missing(found: Results) -> dict[str, Reason]:
    return {name: value for name, value in found.items() if isinstance(value, Reason)}


@pytest.fixture(scope="module")
def subject(tmp_path_factory) -> Subject:
    return against(features(1200, 0), tmp_path_factory.mktemp("cache"))


def test_all_scores_are_those_of_the_single_functions(subject):
    generated = features(1100, 1, 0.3)
    found = scores(subject, generated)
    real, fake = features(1200, 0).numpy(), generated.numpy()
    assert tuple(found) == SCORES
    assert found == pytest.approx(
        {
            "data_fd": frechet_distance(fake, real),
            "kid": kid(fake, real),
            **precision_recall_density_coverage(fake, Manifold.of(real)),
        }
    )


@pytest.mark.parametrize(
    ("count", "without"),
    [
        (0, set(SCORES)),
        (1, set(SCORES)),
        (2, {"kid", *MANIFOLD}),
        (4, {"kid"}),
        (999, {"kid"}),
        (1000, set()),
    ],
)
def test_few_samples_give_what_they_can_and_say_why_not_more(subject, count, without):
    reasons = missing(scores(subject, features(count, 1)))
    assert set(reasons) == without
    assert {reason.kind for reason in reasons.values()} <= {"too_few"}
    assert all("samples, there" in reason.text for reason in reasons.values())
    if "kid" in without:
        assert reasons["kid"].text == (
            f"needs at least 1,000 samples, there {'is' if count == 1 else 'are'} {count}"
        )


def test_a_small_reference_is_no_obstacle(tmp_path):
    found = scores(against(features(5, 0), tmp_path), features(1000, 1))
    assert found["data_fd"] > 0
    few = "reference samples, there are 5"
    assert found["kid"] == Reason("too_few", f"needs at least 1,000 {few}")
    assert found["recall"] == Reason("too_few", f"needs at least 6 {few}")


def test_a_collapsed_generator_has_all_scores(subject):
    found = scores(subject, torch.full((1000, 6), 0.25))
    assert missing(found) == {}
    assert np.isfinite(list(found.values())).all()
    assert found["recall"] == 0
    assert found["coverage"] < 0.05
    assert found["data_fd"] > 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_have_no_scores_and_a_reason(subject, bad):
    generated = features(1000, 1)
    generated[5, 2] = bad
    found = scores(subject, generated)
    assert found == dict.fromkeys(SCORES, Reason("not_finite", "a generated sample is not finite"))


def test_samples_near_the_end_of_float32_overflow_no_score_unsaid(subject):
    found = scores(subject, features(1000, 1) * 1e37)
    assert np.isfinite([v for v in found.values() if not isinstance(v, Reason)]).all()
    assert found["data_fd"] > 1e70
    assert not isinstance(found["recall"], Reason)


# closed forms


def test_the_distance_between_shifted_gaussians_is_the_shift_squared(tmp_path):
    real = features(2000, 0, dimensions=3)
    found = scores(against(real, tmp_path), real + torch.tensor([3.0, 0.0, 4.0]))
    assert found["data_fd"] == pytest.approx(25, abs=1e-4)


def test_kid_of_equal_distributions_is_zero_on_average_and_may_be_negative():
    values = [
        kid(features(100, 2 * s), features(100, 2 * s + 1), subsets=1, subset_size=100)
        for s in range(200)
    ]
    error = np.std(values) / math.sqrt(len(values))
    assert np.mean(values) == pytest.approx(0, abs=4 * error)
    assert min(values) < 0 < max(values)


def test_kid_of_shifted_gaussians_is_its_expectation():
    # in one dimension, with x, x' ~ N(0, 1) and y = x + m: E k(x, x') = 1 + 3 E(xx')² = 4,
    # E k(y, y') = (1 + m²)³ + …; both by Gauss–Hermite quadrature, which is exact here
    shift = 1.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    weights = weights / weights.sum()

    def expected(a, b):
        kernel = (np.outer(nodes + a, nodes + b) + 1) ** 3
        return float(weights @ kernel @ weights)

    truth = expected(0, 0) + expected(shift, shift) - 2 * expected(0, shift)
    random = np.random.default_rng(0)
    values = [
        kid(random.normal(size=(500, 1)) + shift, random.normal(size=(500, 1)), 5, 400)
        for _ in range(60)
    ]
    error = np.std(values) / math.sqrt(len(values))
    assert np.mean(values) == pytest.approx(truth, abs=4 * error)


def test_two_draws_of_one_gaussian_are_precise_and_cover_each_other(subject):
    found = scores(subject, features(1200, 1))
    assert min(found["precision"], found["recall"]) > 0.7
    # both are 1 on average over draws (Naeem et al. 2020, section 3.3), coverage 1 − 2⁻⁵
    assert found["density"] == pytest.approx(1, abs=0.12)
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.04)


def test_half_of_the_modes_is_precise_and_half_covered(tmp_path):
    modes = torch.tensor([[-50.0] * 6, [50.0] * 6]).repeat_interleave(600, 0)
    found = scores(against(features(1200, 0) + modes, tmp_path), features(1200, 1) + 50.0)
    assert found["precision"] > 0.7
    assert found["recall"] == pytest.approx(0.5, abs=0.12)
    assert found["coverage"] == pytest.approx(0.5, abs=0.03)
    assert found["density"] == pytest.approx(1, abs=0.12)


def test_far_samples_have_none_of_it(subject):
    found = scores(subject, features(1200, 1) + 100)
    assert [found[name] for name in MANIFOLD] == [0, 0, 0, 0]
    assert found["kid"] > 1e5


def test_fid_infinity_needs_ten_thousand_samples_and_is_near_the_true_distance(tmp_path):
    metric = make_metric("fid_infinity", {"extractor": "points"})
    assert metric.called == "data_fd_infinity"
    subject = against(features(20_000, 0, dimensions=4), tmp_path)
    few, many = (
        take(metric, Seen(subject, features(n, 1, 0.5, 4)), metric.quantities(subject.dataset))
        for n in (9_999, 20_000)
    )
    assert few["data_fd_infinity"].kind == "too_few"
    assert many["data_fd_infinity"] == pytest.approx(4 * 0.25, abs=0.03)


def test_a_reference_of_its_own_for_every_content(tmp_path):
    for real in (features(50, 0), features(50, 1), features(50, 0)):
        scores(against(real, tmp_path), features(50, 2))
    assert len(list(tmp_path.glob("*-points-*.npz"))) == 2
