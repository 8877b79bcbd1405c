"""Metrics of classes: their score, and how many there are, against closed forms."""

import math
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bench.measuring.evaluation import Seen, Subject, take
from bench.measuring.histograms import balance
from bench.metric import Extractor, Features, Reason, Results, TooFew
from bench.metrics.classes import Classes
from bench.metrics.inception_score import InceptionScore, class_score

SURE = 1000.0
"""A logit beside zeros, by which a class is certain."""


@dataclass(frozen=True)
class Labels(Extractor):
    """Reads the class of each channel from its first byte."""

    name: ClassVar[str] = "labels"
    label: ClassVar[str] = "labels'"

    classes: bool = True

    def not_applicable(self, dataset) -> None:
        return None

    def load(self, dataset, cache, device) -> "Labels":
        return self

    def __call__(self, samples: Tensor) -> Features:
        labels = samples.flatten(2)[:, :, 0].long()
        logits = SURE * torch.nn.functional.one_hot(labels, 10).float()
        return Features(labels.float(), logits if self.classes else None)

    def describe(self) -> dict[str, str]:
        return {}


def images(labels) -> Tensor:
    """Bytes (N, C, 1, 1) that Labels reads: (N,) or (N, C)."""
    labels = torch.as_tensor(np.array(labels), dtype=torch.uint8)
    return labels.reshape(len(labels), -1, 1, 1)


def measured(metric, samples: Tensor) -> Results:
    dataset = SimpleNamespace(
        name="given", sample_shape=tuple(samples.shape[1:]), evaluation_samples=len(samples),
        labelled=True,
    )  # fmt: skip
    subject = Subject(dataset, "", Path(), torch.device("cpu"))
    return take(metric, Seen(subject, samples), metric.quantities(dataset))


# the score


@pytest.mark.parametrize("splits", [1, 10])
def test_equal_rows_score_one(splits):
    logits = np.tile(np.random.default_rng(0).normal(size=10), (200, 1))
    assert class_score(logits, splits) == pytest.approx(1)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_sure_classes_that_come_evenly_score_their_number(classes):
    logits = SURE * np.tile(np.eye(classes), (20, 1))
    assert class_score(logits, 10) == pytest.approx(classes)


def test_one_class_over_and_over_scores_one():
    assert class_score(SURE * np.tile(np.eye(10)[3], (50, 1))) == pytest.approx(1)


def test_two_classes_of_unequal_shares_score_their_entropy():
    logits = SURE * np.eye(2)[[0] * 30 + [1] * 10]
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert class_score(logits, 1) == pytest.approx(math.exp(entropy))


@given(st.integers(0, 2**32 - 1), st.integers(10, 60), st.integers(2, 12), st.floats(-50, 50))
def test_it_lies_between_one_and_the_classes_and_ignores_a_constant(seed, count, classes, shift):
    logits = 5 * np.random.default_rng(seed).normal(size=(count, classes))
    value = class_score(logits, 5)
    assert 1 - 1e-9 <= value <= classes + 1e-9
    assert class_score(logits + shift, 5) == pytest.approx(value)


def test_logits_of_any_size_overflow_nothing():
    assert class_score(1e300 * np.tile(np.eye(4), (5, 1)), 5) == pytest.approx(4)


def test_fewer_samples_than_parts_are_refused():
    with pytest.raises(TooFew, match="needs at least 10 samples, there are 9"):
        class_score(np.zeros((9, 3)))


def test_the_metric_scores_an_extractors_classes():
    even = images([*range(10)] * 10)
    metric = InceptionScore(extractor=Labels())
    assert metric.called == "labels_score"
    assert measured(metric, even) == pytest.approx({"labels_score": 10})
    found = measured(InceptionScore(extractor=Labels(classes=False)), even)
    assert found["labels_score"] == Reason("undefined", "the extractor labels knows no classes")


# their number


def test_classes_are_counted_from_one_and_from_twenty_samples():
    labels = [0] * 20 + [1] * 19 + [7] * 40 + [9]
    found = measured(Classes(extractor=Labels()), images(labels))
    assert (found["classes_20"], found["classes_1"]) == (2, 4)
    share = np.array([20, 19, 40, 1]) / 80
    assert found["reverse_kl"] == pytest.approx(math.log(10) + (share * np.log(share)).sum())
    assert found["jsd"] == balance(np.bincount(labels, minlength=10))["jsd"]


def test_of_several_channels_combinations_are_counted():
    labels = [(1, 2, 3), (3, 2, 1), (1, 2, 3), (0, 0, 0)]
    found = measured(Classes(extractor=Labels()), images(labels))
    assert found["modes_1"] == 3
    share = np.array([2, 1, 1]) / 4
    assert found["reverse_kl"] == pytest.approx(math.log(1000) + (share * np.log(share)).sum())
    assert set(found) == {"modes_1", "reverse_kl"}


def test_every_combination_once_is_perfectly_even():
    every = np.stack(np.meshgrid(*[np.arange(10)] * 3), -1).reshape(-1, 3)
    found = measured(Classes(extractor=Labels()), images(every))
    assert found == pytest.approx({"modes_1": 1000, "reverse_kl": 0}, abs=1e-12)
