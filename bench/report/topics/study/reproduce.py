"""The command that trains one cell again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from bench.errors import BenchError
from bench.records.cell import Cell, Component
from bench.registry import make_method
from bench.study import Study
from bench.words import program
from bench.yaml12 import write_value

DIGITS = 12
"""Of a key that a command shows."""


def reproducer(study: Study) -> Callable[[Cell], str]:
    """For a study, the function from cell to command.

    Cells that the study's file names need their key alone. Others came in by options, which the
    command repeats.
    """
    name = study.source or study.name
    plain = study.whole
    keys = {cell.key for cell in plain}

    def command(cell: Cell) -> str:
        words = [program(), "run", name, "--cell", cell.key[:DIGITS]]
        if cell.key in keys:
            words += ["--decide"] if study.deciding is not None else []
        else:
            words += ["--methods", cell.method.name, "--seeds", f"{cell.seed},"]
            for part, parameter, value in [*_overrides(cell, plain), *_changes(cell, plain)]:
                words += ["--set", f"{part}.{parameter}={write_value(value)}"]
        return shlex.join(words)

    return command


def _place(cell: Cell) -> tuple[str, str, str]:
    variant = cell.variation.name if cell.variation is not None else ""
    return cell.dataset.name, cell.architecture.name, variant


def _overrides(cell: Cell, plain: list[Cell]) -> list[tuple[str, str, Any]]:
    """Hyperparameters of a cell's parts that its like in the study have otherwise."""
    alike = [own for own in plain if _place(own) == _place(cell)]
    method = next((own.method for own in plain if own.method.name == cell.method.name), None)
    if method is None:
        with suppress(BenchError):  # a method that is gone
            method = Component(cell.method.name, make_method(cell.method.name).hyperparameters())
    pairs = [(cell.method, method)]
    if alike:
        pairs += [(cell.dataset, alike[0].dataset), (cell.architecture, alike[0].architecture)]
    return [
        (part.name, name, value)
        for part, usual in pairs
        if usual is not None
        for name, value in part.hyperparameters.items()
        if usual.hyperparameters.get(name) != value
    ]


def _changes(cell: Cell, plain: list[Cell]) -> list[tuple[str, str, Any]]:
    """What the study's file says otherwise of the training and budget of a cell's like."""
    usual = next((own for own in plain if _place(own) == _place(cell)), None)
    if usual is None:
        return []
    training, other = asdict(cell.training), asdict(usual.training)
    dataset = cell.dataset.name
    found = [(dataset, f"training.{k}", v) for k, v in training.items() if v != other[k]]
    spent = ("budget", cell.budget) if cell.budget else ("updates", cell.updates)
    if spent[1] != (usual.budget if cell.budget else usual.updates):
        found.append((dataset, *spent))
    if cell.evaluations != usual.evaluations:
        found.append((dataset, "evaluations", cell.evaluations))
    return found
