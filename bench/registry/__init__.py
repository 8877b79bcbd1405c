"""Methods, datasets and architectures by their names."""

from bench.registry.finding import Broken, find_architectures, find_methods
from bench.registry.making import (
    DATASETS,
    described,
    label_of,
    make_architecture,
    make_dataset,
    make_method,
    method_name,
)

__all__ = [
    "DATASETS",
    "Broken",
    "described",
    "find_architectures",
    "find_methods",
    "label_of",
    "make_architecture",
    "make_dataset",
    "make_method",
    "method_name",
]
