"""The shelves: one line for every kind of part."""

from __future__ import annotations

from functools import lru_cache

from bench.architectures.base import Architecture
from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.method import Method
from bench.metric import Extractor, Metric
from bench.registry.shelf import Found, Shelf

_SHARED_DATASETS = "base classified decoding downloaded files images mixtures paths"

SHELVES = {
    shelf.kind: shelf
    for shelf in (
        Shelf("method", Method, "methods"),
        Shelf("dataset", Dataset, "bench.datasets", frozenset(_SHARED_DATASETS.split())),
        Shelf("architecture", Architecture, "bench.architectures", frozenset({"base", "layers"})),
        Shelf("metric", Metric, "bench.metrics"),
        Shelf("extractor", Extractor, "bench.extractors"),
    )
}
"""By kind, in the order of ``bench.kinds.KINDS``."""


@lru_cache(maxsize=len(SHELVES))
def find(kind: str) -> Found:
    """Return all parts of a kind, cached; ``find.cache_clear()`` makes it search again."""
    return SHELVES[kind].find()


def kind_of(part: object) -> str:
    """Return which kind of part an instance is."""
    for kind, shelf in SHELVES.items():
        if isinstance(part, shelf.base):
            return kind
    raise BenchError(f"{type(part).__name__} is none of: {', '.join(SHELVES)}")


def kinds_with(name: str) -> list[str]:
    """Return the kinds that have a part, or a broken file, of this name."""
    return [kind for kind in SHELVES if name in {**find(kind).parts, **find(kind).broken}]


def holds_part(module: str) -> bool:
    """Return whether an imported module belongs to a shelf and is not a shared one."""
    return any(shelf.holds(module) for shelf in SHELVES.values())
