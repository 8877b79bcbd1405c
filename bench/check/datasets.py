"""The requirements on every dataset, check by check."""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from bench.check.suite import Suite
from bench.check.trial import CPU
from bench.datasets.base import Dataset
from bench.errors import BenchError, nearest
from bench.measuring.choice import metrics_of, offered, quantities_of

STEPS, BATCH = 3, 8


def shape_is_stated(dataset: Dataset) -> None:
    """The shape of a sample is a tuple of whole numbers above 0."""
    shape = dataset.sample_shape
    if not isinstance(shape, tuple) or not shape or any(type(n) is not int or n < 1 for n in shape):
        raise BenchError(f"sample_shape is {shape!r}; give a tuple, as (2,) or (3, 32, 32)")


def size_is_stated(dataset: Dataset) -> None:
    """The size of its training part is a whole number above 0, or None for data without end."""
    size = dataset.training_size()
    if size is not None and (type(size) is not int or size < 1):
        raise BenchError(f"training_size gives {size!r}; give a count of samples, or None")


def something_measures_it(dataset: Dataset) -> None:
    """Some metric applies to it, and what ranks methods is measured."""
    found = {quantity.name for quantity in quantities_of(metrics_of(dataset), dataset)}
    if not found:
        raise BenchError("no metric applies to it: points need sample_shape (d,), images (C, H, W)")
    known = {quantity.name for quantity in quantities_of(offered(dataset), dataset)}
    if strange := [name for name in dataset.ranked_by if name not in known]:
        raise BenchError(
            f"ranked_by names '{strange[0]}', which no metric of it measures"
            f"{nearest(strange[0], sorted(known))}"
        )


def same_hyperparameters_are_the_same_data(dataset: Dataset) -> None:
    """Made again from its hyperparameters, it has the same label, shape, size and content."""
    other = replace(dataset)
    for what in ("label", "sample_shape", "training_size", "content"):
        first, second = (getattr(each, what) for each in (dataset, other))
        first, second = (each() if callable(each) else each for each in (first, second))
        if first != second:
            raise BenchError(
                f"{what} is {first!r}, and {second!r} of another instance with the same "
                "hyperparameters: let it depend on these and on files alone"
            )


def is_pickled_whole(dataset: Dataset) -> None:
    """A pickled copy equals it."""
    try:
        other = pickle.loads(pickle.dumps(dataset))
    except Exception as error:  # whatever a class does to be pickled
        raise BenchError(f"it cannot be pickled ({error}): keep data out of its fields") from error
    if other != dataset or other.content() != dataset.content():
        raise BenchError("a pickled copy of it is another dataset: keep its state in its fields")


def batches_have_the_shape(dataset: Dataset) -> None:
    """Its source gives batches (steps, batch, *sample_shape) in float32."""
    batches = _drawn(dataset, 0)
    expected = (STEPS, BATCH, *dataset.sample_shape)
    if not isinstance(batches, Tensor) or tuple(batches.shape) != expected:
        got = tuple(batches.shape) if isinstance(batches, Tensor) else type(batches).__name__
        raise BenchError(f"its source gives {got} for {STEPS} batches of {BATCH}, not {expected}")
    if batches.dtype != torch.float32:
        raise BenchError(f"its source gives {batches.dtype}; networks are given torch.float32")


def samples_are_finite(dataset: Dataset) -> None:
    """Its samples are finite; those of images lie in [-1, 1]."""
    batches = _drawn(dataset, 0)
    if not bool(batches.isfinite().all()):
        raise BenchError("its source gives samples that are not finite: leave them out or fill in")
    if len(dataset.sample_shape) == 3 and float(batches.abs().max()) > 1:
        low, high = float(batches.min()), float(batches.max())
        raise BenchError(
            f"its images reach from {low:g} to {high:g}; generators end in a tanh: scale to [-1, 1]"
        )


def one_seed_is_one_stream(dataset: Dataset) -> None:
    """The same seed gives the same batches, whatever else draws random numbers."""
    before = torch.get_rng_state()
    try:
        torch.manual_seed(1)
        first = _drawn(dataset, 0)
        torch.manual_seed(2)
        second = _drawn(dataset, 0)
    finally:
        torch.set_rng_state(before)
    if not torch.equal(first, second):
        raise BenchError(
            "two sources with the same seed give other batches: draw random numbers from the "
            "`generator` argument only"
        )


def other_seeds_are_other_streams(dataset: Dataset) -> None:
    """Another seed gives other batches, unless all samples are the same one."""
    first, second = _drawn(dataset, 0), _drawn(dataset, 1)
    alone = bool((first == first[0, 0]).all())
    if torch.equal(first, second) and not alone:
        raise BenchError(
            "two seeds are given the same batches in the same order: shuffle or draw with the "
            "`generator` argument"
        )


def copies_are_alike(dataset: Dataset) -> None:
    """The copy that a worker trains with gives the same batches, and leaves the kept one alone."""
    kept = _prepared(dataset)
    first, second = (_drawn_from(kept.as_prepared(), 0) for _ in range(2))
    if not torch.equal(first, second):
        raise BenchError("copies made by as_prepared give other batches for the same seed")


def pictures_are_real(dataset: Dataset) -> None:
    """`real` gives the same finite samples at every call, and they can be packed."""
    ready = _prepared(dataset)
    count = min(BATCH, dataset.kept_samples)
    first, second = ready.real(count), ready.real(count)
    expected = (count, *dataset.sample_shape)
    if tuple(first.shape) != expected:
        raise BenchError(f"real({count}) gives {tuple(first.shape)}, not {expected}")
    if not torch.equal(first, second):
        raise BenchError("real gives other samples at every call: begin from floor_generator()")
    if len(packed := ready.pack(first)) != count:
        raise BenchError(f"pack turns {count} samples into {len(packed)}")


def real_samples_compare(dataset: Dataset) -> None:
    """Reference samples and those that give the floor have the shape, and stay the same."""
    ready = _prepared(dataset)
    for what in ("reference_samples", "held_out_samples"):
        first, second = getattr(ready, what)(), getattr(ready, what)()
        if tuple(first.shape[1:]) != dataset.sample_shape or not len(first):
            raise BenchError(
                f"{what} gives {tuple(first.shape)}; N samples of {dataset.sample_shape} are meant"
            )
        if not torch.equal(first, second):
            raise BenchError(f"{what} gives other samples at every call: use floor_generator()")


SUITE = Suite(
    (shape_is_stated, size_is_stated, something_measures_it),
    (same_hyperparameters_are_the_same_data,),
    (is_pickled_whole,),
    (batches_have_the_shape,),
    (samples_are_finite,),
    (one_seed_is_one_stream,),
    (other_seeds_are_other_streams, copies_are_alike),
    (pictures_are_real, real_samples_compare),
)


@lru_cache(maxsize=1)
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A cache for all checks, gone when the process ends."""
    return tempfile.TemporaryDirectory(prefix="bench-check-")


def _prepared(dataset: Dataset) -> Dataset:
    """The dataset as a worker makes and prepares it; the given one is left as it is."""
    cache = Path(_scratch().name)
    ready = replace(dataset)
    ready.fetch(cache)
    ready.prepare(cache, CPU)
    return ready


def _drawn(dataset: Dataset, seed: int) -> Tensor:
    return _drawn_from(_prepared(dataset), seed)


def _drawn_from(ready: Dataset, seed: int) -> Tensor:
    return ready.source(torch.Generator().manual_seed(seed), CPU)(STEPS, BATCH)
