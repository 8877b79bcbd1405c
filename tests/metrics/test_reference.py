"""The real side of the scores: cached, and never an exception for poor samples."""

import numpy as np
import pytest
import torch

from bench.metrics.frechet import TooFew, frechet_distance
from bench.metrics.neighbours import Manifold, kid, precision_recall_density_coverage
from bench.metrics.reference import MANIFOLD_SCORES, SCORES, Reference, cached_reference, scores


def features(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.of(features(1200, 0))


def test_all_scores_are_those_of_the_single_functions(reference):
    generated = features(1100, 1, 0.3)
    values, reasons = scores(generated, reference)
    real, fake = features(1200, 0).numpy(), generated.numpy()
    assert reasons == {}
    assert tuple(values) == SCORES
    assert values == pytest.approx(
        {
            "frechet": frechet_distance(fake, real),
            "kid": kid(fake, real),
            **precision_recall_density_coverage(fake, Manifold.of(real)),
        }
    )


@pytest.mark.parametrize(
    ("count", "without"),
    [
        (0, set(SCORES)),
        (1, set(SCORES)),
        (2, {"kid", *MANIFOLD_SCORES}),
        (4, {"kid"}),
        (999, {"kid"}),
        (1000, set()),
    ],
)
def test_few_samples_give_what_they_can_and_say_why_not_more(reference, count, without):
    values, reasons = scores(features(count, 1), reference)
    assert {name for name, value in values.items() if value is None} == without == set(reasons)
    assert all("samples, there" in reason for reason in reasons.values())
    if "kid" in without:
        assert (
            f"needs at least 1,000 samples, there {'is' if count == 1 else 'are'} {count}"
            == (reasons["kid"])
        )


def test_a_small_reference_is_no_obstacle():
    values, reasons = scores(features(1000, 1), Reference.of(features(5, 0)))
    assert values["frechet"] > 0
    assert reasons["kid"] == "needs at least 1,000 reference samples, there are 5"
    assert reasons["recall"] == "needs at least 6 reference samples, there are 5"


def test_a_collapsed_generator_has_all_scores(reference):
    values, reasons = scores(torch.full((1000, 6), 0.25), reference)
    assert reasons == {}
    assert np.isfinite(list(values.values())).all()
    assert values["recall"] == 0
    assert values["coverage"] < 0.05
    assert values["frechet"] > 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_features_that_are_not_finite_have_no_scores_and_a_reason(reference, bad):
    generated = features(1000, 1)
    generated[5, 2] = bad
    values, reasons = scores(generated, reference)
    assert set(values.values()) == {None}
    assert set(reasons) == set(SCORES)
    assert "not finite" in reasons["frechet"]


@pytest.mark.parametrize(("count", "keep"), [(1200, None), (1200, 1000), (5, None), (12, 4)])
def test_a_stored_reference_gives_the_same_scores(tmp_path, count, keep):
    made = Reference.of(features(count, 0), keep)
    made.save(tmp_path / "reference.npz")
    loaded = Reference.load(tmp_path / "reference.npz")
    assert len(loaded.features) == (keep or count)
    assert loaded.gaussian.count == count
    assert scores(features(1000, 1), loaded) == scores(features(1000, 1), made)


def test_it_is_computed_once_for_each_content(tmp_path):
    calls = []

    def make(count: int) -> torch.Tensor:
        calls.append(count)
        return features(count, 0)

    for content, count in (("a", 20), ("a", 30), ("b", 30), ("a", 40)):
        cached = cached_reference(tmp_path, "set", content, lambda c=count: make(c))
        assert cached.gaussian.count == {"a": 20, "b": 30}[content]
    assert cached_reference(tmp_path, "set", "a", lambda: make(50), keep=10).features.shape == (
        10,
        6,
    )
    assert calls == [20, 30, 50]
    assert len(list(tmp_path.glob("set-*.npz"))) == 3


@pytest.mark.parametrize("left", [0, 50, 1000, -1])
def test_a_damaged_file_is_computed_again(tmp_path, left):
    sound = cached_reference(tmp_path, "set", "a", lambda: features(200, 0))
    (file,) = tmp_path.glob("*.npz")
    content = file.read_bytes()
    if left < 0:  # one byte in the middle of the features
        content = content[:3000] + bytes([content[3000] ^ 255]) + content[3001:]
    file.write_bytes(content[: left if left >= 0 else None])
    again = cached_reference(tmp_path, "set", "a", lambda: features(200, 0))
    np.testing.assert_array_equal(again.features, sound.features)
    np.testing.assert_array_equal(again.gaussian.covariance, sound.gaussian.covariance)


def test_features_near_the_end_of_float32_overflow_no_score_unsaid(reference):
    generated = features(1000, 1) * 1e37
    values, reasons = scores(generated, reference)
    assert {name for name, value in values.items() if value is None} == set(reasons)
    assert np.isfinite([value for value in values.values() if value is not None]).all()
    assert values["frechet"] > 1e70
    assert values["recall"] is not None


def test_a_reference_without_samples_is_refused():
    with pytest.raises(TooFew):
        Reference.of(features(1, 0))
