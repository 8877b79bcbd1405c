"""The suites that parts are put through, in plain words: ``bench check my_idea``."""

from __future__ import annotations

from typing import Any

from bench.check import architectures, datasets, methods, metrics
from bench.check.architectures import pair_fits
from bench.check.suite import Cause, Caution, Suite, Verdict, causes, problem
from bench.errors import BenchError
from bench.method import Method
from bench.registry import kind_of

__all__ = [
    "SUITES",
    "Cause",
    "Caution",
    "Verdict",
    "causes",
    "check_part",
    "pair_fits",
    "preflight",
]

SUITES: dict[str, Suite] = {
    "method": methods.SUITE,
    "dataset": datasets.SUITE,
    "architecture": architectures.SUITE,
    "metric": metrics.METRICS,
    "extractor": metrics.EXTRACTORS,
}


def check_part(part: Any) -> list[Verdict]:
    """Put a part of any kind through its suite."""
    return SUITES[kind_of(part)].verdicts(part)


def preflight(method: Method) -> None:
    """The quick checks of a method, made before a run starts.

    Raises :class:`BenchError` with what is wrong, so that a slip costs seconds and not a night.
    """
    for check in methods.PREFLIGHT:
        if wrong := problem(check, method):
            raise BenchError(
                f"method {method.name}: {wrong}; nothing was trained "
                f"(try: bench check {method.name})"
            )
