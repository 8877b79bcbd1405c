"""The suite every method is put through, in plain words: ``bench check my_method``."""

from __future__ import annotations

from dataclasses import dataclass

from bench.check.pairs import pair_fits
from bench.check.suite import (
    CHECKS,
    DESCRIPTION,
    STAGES,
    Check,
    input_keeps_its_shape,
    is_deterministic,
    losses_are_finite,
    losses_have_one_value_per_member,
    members_share_nothing,
    optimizers_are_known,
    runs_at_all,
)
from bench.errors import BenchError
from bench.method import Method

__all__ = [
    "CHECKS",
    "Cause",
    "Verdict",
    "causes",
    "check_method",
    "is_deterministic",
    "pair_fits",
    "preflight",
]


@dataclass(frozen=True)
class Verdict:
    """What one check says of a method; ``problem`` is empty where it passes or was not tried."""

    check: str
    problem: str = ""
    tried: bool = True


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong, and every check that fails by it."""

    problem: str
    checks: list[str]


def check_method(method: Method) -> list[Verdict]:
    """Put a method through the checks, up to the first stage that fails.

    What comes after it rests on it, and would say the same thing again in other words.
    """
    verdicts = [Verdict(_title(check), _problem(check, method)) for check in DESCRIPTION]
    sound = True
    for stage in STAGES:
        found = [
            Verdict(_title(check), _problem(check, method) if sound else "", sound)
            for check in stage
        ]
        sound = sound and not any(verdict.problem for verdict in found)
        verdicts += found
    return verdicts


def causes(verdicts: list[Verdict]) -> list[Cause]:
    """What is wrong, each thing once."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.problem:
            found.setdefault(verdict.problem, []).append(verdict.check)
    return [Cause(problem, checks) for problem, checks in found.items()]


def preflight(method: Method) -> None:
    """The quick checks, made before a run starts. To diverge is no reason to be refused.

    Raises :class:`BenchError` with what is wrong, so that a slip costs seconds and not a night.
    """
    for check in (
        losses_have_one_value_per_member,
        losses_are_finite,
        members_share_nothing,
        input_keeps_its_shape,
        optimizers_are_known,
        runs_at_all,
    ):
        problem = _problem(check, method)
        if problem:
            raise BenchError(
                f"method {method.name}: {problem}; nothing was trained "
                f"(try: bench check {method.name})"
            )


def _title(check: Check) -> str:
    return (check.__doc__ or check.__name__).strip()


def _problem(check: Check, method: Method) -> str:
    try:
        check(method)
    except BenchError as error:
        return str(error)
    except Exception as error:  # a user's hook may raise anything; it is named, not passed on
        told = (str(error).splitlines() or [""])[0]
        return f"it raises {type(error).__name__}: {told}"
    return ""
