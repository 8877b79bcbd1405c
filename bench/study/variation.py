"""The variants of an experiment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from pydantic import ValidationError

from bench.datasets.base import Dataset
from bench.errors import BenchError, nearest, shown
from bench.metric import Quantity
from bench.records.cell import Variation
from bench.records.fingerprint import digest
from bench.registry import Part, label_of
from bench.study.file import (
    TRAINING_KEYS,
    Experiment,
    Hyperparameters,
    VariantEntry,
    problems,
)

SNGAN: dict[str, Hyperparameters] = {
    name: {
        "optimizer": "adam",
        "learning_rate": learning_rate,
        "betas": betas,
        "critic_steps": critic_steps,
    }
    for name, learning_rate, betas, critic_steps in (
        ("A", 1e-4, (0.5, 0.9), 5),
        ("B", 1e-4, (0.5, 0.999), 1),
        ("C", 2e-4, (0.5, 0.999), 1),
        ("D", 1e-3, (0.5, 0.9), 5),
        ("E", 1e-3, (0.5, 0.999), 5),
        ("F", 1e-3, (0.9, 0.999), 5),
    )
}
"""Variants by name, those of Miyato et al. 2018, table 1."""

GRID = "grid"
PARTS = ("architecture", "dataset")
"""Keys that a variant may change besides those of ``training``."""


@dataclass(frozen=True)
class Variant:
    """An experiment with the changes of one of its variants laid over it."""

    experiment: Experiment
    changes: Hyperparameters


def variants_of(experiment: Experiment) -> dict[str, Variant]:
    """Return the variants of an experiment, by name; itself, without a name, where it has none.

    Raises:
        BenchError: a variant is not known, not valid, or called like another.
    """
    if experiment.vary is None:
        return {"": Variant(experiment, {})}
    found: dict[str, Variant] = {}
    for entry in experiment.vary:
        for name, changes in _named(entry):
            if name in found:
                raise BenchError(f"two variants are called '{name}'; give one another name")
            found[name] = Variant(_laid_over(experiment, name, changes), changes)
    return found


def number_of_variants(experiment: Experiment) -> int:
    """Return how many variants an experiment has, without making any."""
    numbers = [
        math.prod(len(values) for values in entry[GRID].values() if isinstance(values, list))
        if isinstance(entry, dict) and GRID in entry
        else 1
        for entry in experiment.vary or [""]
    ]
    return sum(numbers)


def variation(
    name: str,
    changes: Hyperparameters,
    experiment: Experiment,
    dataset: Dataset,
    metric: Quantity,
    base: Hyperparameters,
) -> Variation:
    """Return the description by which cells of the variant ``name`` differ from others.

    ``dataset`` is the experiment's own, ``metric`` ranks its methods, and ``base`` is all that its
    variants have in common.

    Raises:
        BenchError: neither study nor dataset states a target.
    """
    target = dataset.target if experiment.target is None else experiment.target
    label = label_of(dataset)
    if target is None:
        raise BenchError(
            f"experiment on {label}: variants are judged by a target, which this dataset has none "
            f"of; state the value of {metric.label} ({metric.name}) at which a method works, as "
            f"target: {0.9 * metric.ceiling if metric.ceiling else 10:g}"
        )
    group = digest({**base, "target": target})
    return Variation(name, group, label, target, _told(changes))


def _named(entry: VariantEntry) -> list[tuple[str, Hyperparameters]]:
    """Return the variants of one entry, by name: a shipped one, the user's, or a grid's."""
    if isinstance(entry, str):
        if entry not in SNGAN:
            raise BenchError(
                f"unknown variant '{entry}'; SNGAN's are {', '.join(SNGAN)}, and one of your own "
                f"is written with what it changes, as {{{entry}: {{learning_rate: 0.001}}}}"
            )
        return [(entry, SNGAN[entry])]
    ((name, changes),) = entry.items()
    if name == GRID:
        return _grid(changes)
    if name in SNGAN:
        raise BenchError(f"variant '{name}' is one of SNGAN's; give your own another name")
    if not name.strip() or "," in name:
        raise BenchError(f"a variant cannot be called '{name}': --vary takes names by commas")
    return [(name, changes)]


def _grid(axes: dict[str, Any]) -> list[tuple[str, Hyperparameters]]:
    if not axes:
        raise BenchError("the grid is empty; name keys and their values, as "
                         "grid: {learning_rate: [0.0001, 0.001]}")  # fmt: skip
    for key, values in axes.items():
        _known(GRID, key, TRAINING_KEYS)
        if not isinstance(values, list) or not values:
            raise BenchError(f"the grid's '{key}' is {shown(values)}: give a list of values")
    combinations = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    return [
        (" ".join(f"{key} {_value(value)}" for key, value in changes.items()), changes)
        for changes in combinations
    ]


def _told(changes: Hyperparameters) -> str:
    """Return ``learning_rate 0.001, discriminator_widths 16/16``."""
    told = []
    for key, value in changes.items():
        told.append(_told(value) if isinstance(value, dict) else f"{key} {_value(value)}")
    return ", ".join(told)


def _value(value: Any) -> str:
    """Return a value in its shortest form, without commas: ``0.001``, ``0/0.9``."""
    if isinstance(value, list | tuple):
        return "/".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _laid_over(experiment: Experiment, name: str, changes: Hyperparameters) -> Experiment:
    training: Hyperparameters = {}
    parts: dict[str, Part] = {}
    for key, value in changes.items():
        _known(name, key, [*TRAINING_KEYS, *PARTS])
        if key not in PARTS:
            training[key] = value
        elif isinstance(value, dict):
            part: Part = getattr(experiment, key)
            parts[key] = Part(part.name, part.hyperparameters | value)
        else:
            raise BenchError(
                f"variant '{name}': {key} is {shown(value)}; give what changes of it, as "
                "{name of a hyperparameter: value}"
            )
    try:
        made = replace(experiment.training, **training)
    except ValidationError as error:
        raise BenchError(f"variant '{name}': {problems(error, training)[0][1]}") from error
    return experiment.model_copy(update={"training": made, **parts})


def _known(name: str, key: str, keys: list[str]) -> None:
    if key not in keys:
        raise BenchError(f"variant '{name}': unknown key '{key}'{nearest(key, keys)}")
