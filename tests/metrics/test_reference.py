"""The real side of the scores: computed once, cached, and read back whole."""

import numpy as np
import pytest
import torch

from bench.measuring.frechet import distance, fit
from bench.measuring.neighbours import precision_recall_density_coverage
from bench.measuring.reference import Reference, cached_reference
from bench.metric import TooFew


def features(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize(("count", "keep"), [(1200, None), (1200, 1000), (5, None), (12, 4)])
def test_a_stored_reference_gives_the_same_scores(tmp_path, count, keep):
    made = Reference.of(features(count, 0), keep)
    made.save(tmp_path / "reference.npz")
    loaded = Reference.load(tmp_path / "reference.npz")
    assert len(loaded.features) == (keep or count)
    assert loaded.gaussian.count == count
    np.testing.assert_array_equal(loaded.features, made.features)
    generated = features(1000, 1)
    assert distance(fit(generated), loaded.gaussian) == distance(fit(generated), made.gaussian)
    assert (loaded.manifold is None) == (made.manifold is None) == (len(made.features) < 6)
    if made.manifold is not None:
        assert precision_recall_density_coverage(
            generated, loaded.manifold
        ) == precision_recall_density_coverage(generated, made.manifold)


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


def test_a_reference_without_samples_is_refused():
    with pytest.raises(TooFew):
        Reference.of(features(1, 0))
