"""Parts of every kind by their names: methods, datasets, architectures."""

from bench.registry.making import (
    Part,
    described,
    label_of,
    make,
    make_architecture,
    make_dataset,
    make_extractor,
    make_method,
    make_metric,
    method_name,
    published_for,
)
from bench.registry.shelf import REFUSED, Broken, Found, Shelf
from bench.registry.shelves import SHELVES, find, holds_part, kind_of, kinds_with

__all__ = [
    "REFUSED",
    "SHELVES",
    "Broken",
    "Found",
    "Part",
    "Shelf",
    "described",
    "find",
    "holds_part",
    "kind_of",
    "kinds_with",
    "label_of",
    "make",
    "make_architecture",
    "make_dataset",
    "make_extractor",
    "make_method",
    "make_metric",
    "method_name",
    "published_for",
]
