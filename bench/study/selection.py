"""Command-line arguments that narrow a study, parsed into a selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError, shown
from bench.study.file import distinct_seeds
from bench.yaml12 import read_value

COUNT = 1_000
"""Seeds beyond which a count that is typed is taken for a seed."""


@dataclass(frozen=True)
class Selection:
    """The narrowing of a study on the command line, and its overridden hyperparameters."""

    methods: tuple[str, ...] = ()
    beside: bool = False
    """Whether these methods run beside those of the study, not instead of them."""
    datasets: tuple[str, ...] = ()
    seeds: Sequence[int] = ()
    variants: tuple[str, ...] = ()
    """Names of those variants of experiments that are kept."""
    metrics: tuple[str, ...] = ()
    """Metrics beside those that the study asks for."""
    overrides: tuple[tuple[str, str, Any], ...] = ()
    """(part, hyperparameter, value), as in ``--set wgan_gp.penalty_weight=1``; of what the study
    itself says (training, budgets, seeds) likewise, as ``bench.study.changes`` reads them."""


def parse(
    methods: str, datasets: str, seeds: str, overrides: list[str], vary: str = "", metrics: str = ""
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
        metrics=_names(metrics),
        overrides=tuple(_override(text) for text in overrides),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _seeds(text: str) -> Sequence[int]:
    if not text.strip():
        return ()
    # "3," is a list of one
    parts = [part.strip() for part in text.strip().removesuffix(",").split(",")]
    if not all(part.isdecimal() and len(part) <= 18 for part in parts):
        raise BenchError(
            f"--seeds {shown(text)}: give a count such as 5, or a list such as 3,4,7 or 3,"
        )
    numbers = [int(part) for part in parts]
    if "," not in text and numbers[0] > COUNT:
        raise BenchError(
            f"--seeds {numbers[0]} asks for {numbers[0]:,} seeds; for one seed write "
            f"--seeds {numbers[0]}, (with the comma); more than {COUNT:,} seeds are stated in a "
            "study file"
        )
    try:
        return tuple(distinct_seeds(numbers if "," in text else numbers[0]))
    except ValueError as error:
        raise BenchError(f"--seeds {shown(text)}: {error}") from error


def _override(text: str) -> tuple[str, str, Any]:
    place, equals, value = text.partition("=")
    part, dot, name = place.partition(".") if "." in place else ("", "", place)
    if not (equals and name and (part or not dot)):
        raise BenchError(
            f"--set {shown(text)}: write it as PART.HYPERPARAMETER=VALUE, training.OPTION=VALUE or "
            "KEY=VALUE"
        )
    try:
        return part.strip(), name.strip(), read_value(value)
    except BenchError as error:
        raise BenchError(f"--set {shown(text)}: the value cannot be read: {error}") from error
