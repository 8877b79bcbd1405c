"""A suite of checks, and the requirements on parts of every kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from bench.combination import parts_of
from bench.errors import BenchError
from bench.registry import kind_of, make
from bench.registry.ranges import has_range, types_of

LEFT_TO_WRITE = re.compile(r"say (?:here )?in a line what [\w ]+")
"""The placeholder in docstrings of drafts."""
Check = Callable[[Any], None]
"""Raises :class:`BenchError` with what is wrong and how to mend it, or :class:`Caution` with what
is likely to be; its docstring is its title."""


class Caution(Exception):
    """Says what may be wrong with a part that can be used all the same."""


def describes_itself(part: Any) -> None:
    """It has a docstring."""
    for each in parts_of(part) if kind_of(part) == "method" else (part,):
        text = (vars(type(each)).get("__doc__") or "").strip()
        if not text or text.startswith(f"{type(each).__name__}("):
            whose = "the class" if each is part else f"the class of {each.name}"
            raise BenchError(f"{whose} has no docstring: give paper, objective and what it changes")


def hyperparameters_survive_a_study_file(part: Any) -> None:
    """Its hyperparameters can be written down and read back."""
    try:
        text = json.dumps(part.hyperparameters())
    except TypeError as error:
        raise BenchError(
            f"a hyperparameter is neither number, text, list nor true/false: {error}"
        ) from error
    if make(kind_of(part), part.name, json.loads(text)) != part:
        raise BenchError("its hyperparameters change when written to a study file and read back")


def numbers_state_their_range(part: Any) -> None:
    """Its numbers state which values they may have."""
    open_ended = [name for name, hint in types_of(part).items() if not has_range(hint)]
    if open_ended:
        raise Caution(
            f"{', '.join(open_ended)}: any number is accepted; state a range, as rate: Positive = "
            "1.0, or Unbounded (docs/adding-a-method.md)"
        )


def docstring_is_written(part: Any) -> None:
    """Its docstring holds no line that `bench new` left to be written."""
    text = " ".join((vars(type(part)).get("__doc__") or "").split())
    if left := LEFT_TO_WRITE.search(text):
        raise Caution(f'its docstring still holds "{left[0]}": reports print it, so write its own')


class Suite:
    """The checks of one kind: a description, which is always looked at, then stage by stage.

    A stage rests on those before it, and is tried only where they pass. Remarks come last and only
    ever caution; they are not among the ``checks``, which a part passes as soon as it is drafted.
    """

    description: tuple[Check, ...] = (
        describes_itself,
        hyperparameters_survive_a_study_file,
        numbers_state_their_range,
    )

    def __init__(self, *stages: tuple[Check, ...], remarks: tuple[Check, ...] = ()):
        self.stages, self.remarks = stages, (docstring_is_written, *remarks)

    @property
    def checks(self) -> tuple[Check, ...]:
        """All of them, in their order."""
        return (*self.description, *chain.from_iterable(self.stages))

    def verdicts(self, part: Any) -> list[Verdict]:
        """Put a part through the checks, up to the first stage that fails.

        What comes after it rests on it, and would say the same thing again in other words.
        """
        return [step() for step in self.steps(part)][-1]

    def steps(self, part: Any) -> list[Callable[[], list[Verdict]]]:
        """Return a function a check, to be called in order: each returns all verdicts so far."""
        found: list[Verdict] = []

        def step(check: Check, rests_on: slice) -> list[Verdict]:
            tried = not any(verdict.problem for verdict in found[rests_on])
            found.append(_verdict(check, part) if tried else Verdict(title(check), tried=False))
            return found

        described = len(self.description)
        steps: list[Callable[[], list[Verdict]]]
        steps = [partial(step, check, slice(0)) for check in self.description]
        for stage in self.stages:
            before = slice(described, len(steps))
            steps += [partial(step, check, before) for check in stage]
        return steps + [partial(step, check, slice(0)) for check in self.remarks]


@dataclass(frozen=True)
class Verdict:
    """The result of one check; ``problem`` is empty if it passes or was not tried."""

    check: str
    problem: str = ""
    tried: bool = True
    caution: str = ""
    """A possible problem although it passes."""


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong, and every check that fails by it."""

    problem: str
    checks: list[str]


def causes(verdicts: list[Verdict]) -> list[Cause]:
    """Return the problems, each once."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.problem:
            found.setdefault(verdict.problem, []).append(verdict.check)
    return [Cause(wrong, checks) for wrong, checks in found.items()]


def _verdict(check: Check, part: Any) -> Verdict:
    try:
        return Verdict(title(check), problem(check, part))
    except Caution as caution:
        return Verdict(title(check), caution=str(caution))


def title(check: Check) -> str:
    """Return the first line of a check's docstring."""
    return (check.__doc__ or check.__name__).strip().partition("\n")[0]


def problem(check: Check, part: Any) -> str:
    """Return the problem that a check finds, or an empty text. Raises :class:`Caution`."""
    try:
        check(part)
    except Caution:
        raise
    except BenchError as error:
        return str(error)
    except Exception as error:  # a user's file may raise anything; it is named, not passed on
        told = (str(error).splitlines() or [""])[0]
        return f"it raises {type(error).__name__}: {told}"
    return ""
