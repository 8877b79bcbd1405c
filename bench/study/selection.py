"""What is typed to narrow a study, read into a selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from bench.errors import BenchError


@dataclass(frozen=True)
class Selection:
    """What the command line narrows a study to, and the hyperparameters it overrides."""

    methods: tuple[str, ...] = ()
    beside: bool = False
    """Whether these methods run beside those of the study, not instead of them."""
    datasets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    variants: tuple[str, ...] = ()
    """Names of those variants of experiments that are kept."""
    overrides: tuple[tuple[str, str, Any], ...] = ()
    """(part, hyperparameter, value), as in ``--set wgan_gp.penalty_weight=1``."""


def parse(
    methods: str, datasets: str, seeds: str, overrides: list[str], vary: str = ""
) -> Selection:
    """Read names separated by commas, a seed count or list, and PART.HYPERPARAMETER=VALUE texts.

    A + before the methods' names has them run beside the study's own.

    Raises:
        BenchError: one of them cannot be read; the message shows how to write it.
    """
    return Selection(
        methods=_names(methods.strip().removeprefix("+")),
        beside=methods.strip().startswith("+"),
        datasets=_names(datasets),
        seeds=_seeds(seeds),
        variants=_names(vary),
        overrides=tuple(_override(text) for text in overrides),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _seeds(text: str) -> tuple[int, ...]:
    if not text.strip():
        return ()
    # "3," is a list of one
    parts = [part.strip() for part in text.strip().removesuffix(",").split(",")]
    if not all(part.isdecimal() for part in parts):
        raise BenchError(f"--seeds {text!r}: give a count such as 5, or a list such as 3,4,7 or 3,")
    numbers = [int(part) for part in parts]
    if len(numbers) == 1 and numbers[0] > 0 and "," not in text:
        return tuple(range(numbers[0]))
    twice = [number for number in numbers if numbers.count(number) > 1]
    if twice:
        raise BenchError(f"--seeds {text!r}: seed {twice[0]} is given twice")
    if "," not in text:
        raise BenchError("--seeds 0: at least one seed is needed")
    return tuple(numbers)


def _override(text: str) -> tuple[str, str, Any]:
    place, equals, value = text.partition("=")
    part, dot, name = place.partition(".")
    if not (equals and dot and part and name):
        raise BenchError(f"--set {text!r}: write it as PART.HYPERPARAMETER=VALUE")
    try:
        return part.strip(), name.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise BenchError(f"--set {text!r}: the value cannot be read") from error
