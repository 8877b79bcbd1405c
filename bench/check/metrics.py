"""The requirements on every metric and extractor, check by check."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.check.suite import Suite
from bench.check.trial import CPU
from bench.errors import BenchError
from bench.measuring.choice import metrics_of, quantities_of
from bench.measuring.evaluation import Seen, Subject, as_compared, take
from bench.metric import Extractor, FeatureMetric, Metric, Quantity, Reason, Results
from bench.registry import find, make, make_dataset

TRIED_ON = (("ring8", "points"), ("digits8", "pixels"), ("mnist5k", "lenet"), ("dirac", "points"))
"""Datasets on which parts are tried, each with an extractor that needs no download."""
FEW = 200


def it_applies_somewhere(metric: Metric) -> None:
    """It applies to one of the datasets that ship, or to one of the user's own."""
    if not _applying(metric):
        own = [name for name in find("dataset").parts if name not in dict(TRIED_ON)]
        for name in own:
            try:
                if metric.not_applicable(make_dataset(name)) is None:
                    return
            except BenchError:  # a path that is not given
                continue
        whys = {metric.not_applicable(make_dataset(name)) for name, _ in TRIED_ON}
        raise BenchError(f"it applies to no dataset: {'; '.join(filter(None, whys))}")


def quantities_have_names_of_their_own(metric: Metric) -> None:
    """Its quantities have names, no other metric has them, and they say what they mean."""
    for tried, subject in _applying(metric):
        dataset = subject.dataset
        quantities = tried.quantities(dataset)
        names = [quantity.name for quantity in quantities]
        if not names or len(set(names)) < len(names):
            raise BenchError(f"its quantities on {dataset.name} are {names}: name each, once")
        others = [other for other in metrics_of(dataset) if other.called != tried.called]
        taken = {q.name for q in quantities_of(others, dataset)} & set(names)
        if taken:
            raise BenchError(f"'{min(taken)}' is a quantity of another metric; name it otherwise")
        for quantity in quantities:
            if not (quantity.label and quantity.meaning):
                raise BenchError(f"'{quantity.name}' lacks a label or a meaning")


def real_samples_have_numbers(metric: Metric) -> None:
    """Real samples get a finite number for every quantity, where they are enough."""
    for tried, subject in _of_samples(metric):
        for name, value in _measured(tried, subject, _real(subject)).items():
            if isinstance(value, Reason) and value.kind != "too_few":
                raise BenchError(f"{name} of real {subject.dataset.name} is missing: {value.text}")


def the_same_samples_score_the_same(metric: Metric) -> None:
    """Measured twice, the same samples get the same numbers."""
    for tried, subject in _of_samples(metric):
        first, second = (_measured(tried, subject, _real(subject)) for _ in range(2))
        if first != second:
            raise BenchError("it gives other numbers for the same samples: fix its random numbers")


def real_samples_beat_noise(metric: Metric) -> None:
    """Its first quantity is better for real samples than for noise."""
    for tried, subject in _of_samples(metric):
        if tried.sees is not None and tried.sees.name == "lenet":
            continue  # it has seen digits only: noise may look like any of them
        first = tried.quantities(subject.dataset)[0]
        real, noise = (
            _measured(tried, subject, samples)[first.name]
            for samples in (_real(subject), _noise(subject))
        )
        if isinstance(real, Reason) or isinstance(noise, Reason):
            continue
        if first.is_better(noise, real):
            raise BenchError(
                f"{first.name} is {real:g} for real {subject.dataset.name} and {noise:g} for "
                f"noise, but {first.comparative} is to be better: "
                "mend higher_is_better or the sign"
            )


def odd_samples_have_reasons(metric: Metric) -> None:
    """One sample, or many equal ones, give numbers or reasons, and no error."""
    for tried, subject in _of_samples(metric):
        real = _real(subject)
        for what, samples in (
            ("one sample", real[:1]),
            ("equal samples", real[:1].expand(FEW, *real.shape[1:]).contiguous()),
        ):
            for value in _measured(tried, subject, samples).values():
                if isinstance(value, Reason) and value.kind == "failed":
                    raise BenchError(f"for {what} {value.text}: raise NotMeasured with the reason")


METRICS = Suite(
    (it_applies_somewhere, quantities_have_names_of_their_own),
    (real_samples_have_numbers,),
    (the_same_samples_score_the_same, real_samples_beat_noise, odd_samples_have_reasons),
)


def features_have_a_row_for_each_sample(extractor: Extractor) -> None:
    """It makes a row of finite features of every sample, the same ones each time."""
    tried = 0
    for name, _ in TRIED_ON:
        subject = _subject(name)
        if extractor.not_applicable(subject.dataset) is not None:
            continue
        tried += 1
        samples = _real(subject)[:8]
        network = subject.network(extractor)
        first, second = network(samples).values, network(samples).values
        if first.ndim != 2 or len(first) != len(samples):
            raise BenchError(f"it makes {tuple(first.shape)} of 8 samples; give values (8, D)")
        if not bool(first.isfinite().all()):
            raise BenchError("its features are not finite")
        if not torch.equal(first, second):
            raise BenchError("it gives other features for the same samples")
    if not tried:
        raise BenchError("it applies to none of ring8, digits8, mnist5k and dirac: not tried")


EXTRACTORS = Suite((features_have_a_row_for_each_sample,))


@lru_cache(maxsize=1)
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A cache for all checks, gone when the process ends."""
    return tempfile.TemporaryDirectory(prefix="bench-check-")


@lru_cache(maxsize=len(TRIED_ON))
def _subject(name: str) -> Subject:
    cache = Path(_scratch().name)
    dataset = make_dataset(name)
    dataset.prepare(cache, CPU)
    return Subject(dataset, name, cache, CPU)


def _applying(metric: Metric) -> list[tuple[Metric, Subject]]:
    """The metric as it is tried, on each dataset to which it applies."""
    found = []
    for name, extractor in TRIED_ON:
        dataset, tried = make_dataset(name), metric
        if isinstance(metric, FeatureMetric):
            hyperparameters = metric.hyperparameters() | {"extractor": extractor}
            tried = make("metric", metric.name, hyperparameters)
        if tried.not_applicable(dataset) is None:
            found.append((tried, _subject(name)))
    return found


def _of_samples(metric: Metric) -> list[tuple[Metric, Subject]]:
    """The same; nothing for metrics that look at series or networks."""
    return _applying(metric) if metric.needs in ("samples", "features") else []


def _measured(metric: Metric, subject: Subject, samples: Tensor) -> Results:
    expected: tuple[Quantity, ...] = metric.quantities(subject.dataset)
    return take(metric, Seen(subject, samples), expected)


def _real(subject: Subject) -> Tensor:
    # as many as KID's subsets need, where there are so many
    return as_compared(subject.dataset.held_out_samples())


def _noise(subject: Subject) -> Tensor:
    shape = _real(subject).shape
    random = np.random.default_rng(0)
    if len(shape) == 4:
        return torch.from_numpy(random.integers(0, 256, shape).astype(np.uint8))
    return torch.from_numpy(10 * random.standard_normal(shape)).float()
