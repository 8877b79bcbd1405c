"""Lays what ``--set`` says of training, budgets and seeds over the content of a study file."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from bench.errors import BenchError, nearest
from bench.registry import Part, find
from bench.study.file import TRAINING, TRAINING_KEYS, StudyFile, deepest_first, of_value

BUDGETS = ("updates", "epochs", "budget")
"""Keys of an experiment of which one is given: another takes its place."""
BOTH = ("seeds", "evaluations")
"""Keys that a study has for all experiments, and an experiment for itself."""
EXPERIMENT = (*BUDGETS, *BOTH, "target")
STUDY = (
    *("time_limit", "save_every", "hyperparameters", "iterate", "redraws", "keep"),
    *("margin", "comparison", "most_runs"),
)

Override = tuple[str, str, Any]
"""(part, name, value); the part is empty of a key of the study."""


def changed(study: StudyFile, content: Any, overrides: tuple[Override, ...]) -> StudyFile:
    """Return the study with the overrides that are not hyperparameters of a part.

    Raises:
        BenchError: a key is unknown, or a value is not allowed.
    """
    content = copy.deepcopy(content)
    for part, name, value in overrides:
        if not _of_study(study, part, name):
            continue
        typed = f"{part}.{name}" if part else name
        _lay_over(content, part, name, value, typed)
        try:
            study = StudyFile.model_validate(content)
        except ValidationError as error:
            problem = deepest_first(error)[0] | {"input": value}
            raise BenchError(f"--set {typed} is {of_value(problem)}") from error
    return study


def of_parts(study: StudyFile, overrides: tuple[Override, ...]) -> tuple[Override, ...]:
    """Return the overrides that are hyperparameters of methods, datasets and architectures."""
    return tuple(each for each in overrides if not _of_study(study, *each[:2]))


def _of_study(study: StudyFile, part: str, name: str) -> bool:
    if part in ("", TRAINING):
        return True
    if part not in {experiment.dataset.name for experiment in study.experiments}:
        return False
    kind = find("dataset").parts.get(part)
    own = [field.name for field in fields(kind)] if kind else []
    if name in own:
        return False
    if name not in EXPERIMENT and not name.startswith(f"{TRAINING}."):
        known = [*own, *EXPERIMENT, *(f"{TRAINING}.{key}" for key in TRAINING_KEYS)]
        raise BenchError(
            f"--set {part}.{name}: no such hyperparameter or key{nearest(name, known)}"
        )
    return True


def _lay_over(content: Any, part: str, name: str, value: Any, typed: str) -> None:
    experiments = content["experiments"]
    if part not in ("", TRAINING):
        experiments = [e for e in experiments if Part.of(e["dataset"]).name == part]
    option = name if part == TRAINING else name.removeprefix(f"{TRAINING}.")
    if part == TRAINING or option != name:
        if option not in TRAINING_KEYS:
            raise BenchError(
                f"--set {typed}: training has no option '{option}'{nearest(option, TRAINING_KEYS)}"
            )
        for each in experiments:
            each[TRAINING] = {**each.get(TRAINING, {}), option: value}
    elif not part and name in (*BOTH, *STUDY):
        content[name] = value
        for each in experiments:
            each.pop(name, None)
    elif name in EXPERIMENT:
        for each in experiments:
            for other in BUDGETS if name in BUDGETS else ():
                each.pop(other, None)
            each[name] = value
    else:
        known = [*BOTH, *STUDY, *EXPERIMENT, *(f"{TRAINING}.{key}" for key in TRAINING_KEYS)]
        if typed in ("methods", "datasets", "metrics", "vary"):
            raise BenchError(f"--set {typed}: use --{typed}")
        raise BenchError(
            f"--set {typed}: no such key; write PART.HYPERPARAMETER=VALUE, or a key of the study"
            f"{nearest(typed, sorted(set(known)))}"
        )
