"""Reads budgets in updates, epochs, generator updates or gradient evaluations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.architectures.base import Architecture
from bench.datasets.base import Dataset, Draw
from bench.errors import BenchError
from bench.method import Method
from bench.records.fingerprint import digest
from bench.study.file import Experiment
from bench.training.configuration import TrainingConfiguration

_SPENT: dict[str, dict[str, int]] = {}


def budget_of(
    experiment: Experiment, method: Method, dataset: Dataset, architecture: Architecture
) -> int:
    """Return the budget in discriminator updates."""
    given = [b for b in (experiment.updates, experiment.epochs, experiment.budget) if b is not None]
    if len(given) != 1:
        raise BenchError(
            f"experiment on {experiment.dataset}: give its budget once: as updates, as epochs, or "
            "as budget: {gradient_evaluations: …}"
        )
    if experiment.budget is not None:
        if method.not_applicable(dataset, architecture):
            return sum(experiment.budget.values())  # never trained
        return updates_of(experiment.budget, method, dataset, architecture, experiment.training)
    if experiment.updates is not None:
        return experiment.updates
    assert experiment.epochs is not None
    size = dataset.training_size()
    if size is None:
        raise BenchError(
            f"experiment on {experiment.dataset}: epochs need a dataset of finite size; "
            "give updates instead"
        )
    return math.ceil(experiment.epochs * size / experiment.training.batch_size)


def check_budget(
    method: Method, training: TrainingConfiguration, updates: int, dataset: str
) -> None:
    """Check that the updates and the batch are large enough for the method.

    Raises:
        BenchError: they are not; the message names what is too large.
    """
    if method.critic_steps < 1:
        raise BenchError(f"method {method.name}: critic_steps is {method.critic_steps}; at least 1")
    critic_steps = training.critic_steps or method.critic_steps
    if updates < method.round_length(critic_steps):
        raise BenchError(
            f"'{dataset}': a budget of {updates} updates is less than one round of "
            f"{method.name} ({critic_steps} critic steps)"
        )
    if not 1 <= method.packing <= training.batch_size:
        raise BenchError(
            f"method {method.name}: packing is {method.packing}; at least 1 is needed, and at most "
            f"the {training.batch_size} samples of a batch"
        )


def updates_of(
    budget: Mapping[Any, int],
    method: Method,
    dataset: Dataset,
    architecture: Architecture,
    training: TrainingConfiguration,
) -> int:
    """Return the discriminator updates that a budget allows a method, in whole rounds.

    Raises:
        BenchError: it is less than one round.
    """
    ((axis, amount),) = budget.items()
    spent = of_a_round(method, dataset, architecture, training)
    rounds = amount // spent[axis]
    if not rounds:
        raise BenchError(
            f"'{dataset.name}': a budget of {amount:,} {axis.replace('_', ' ')} is less than the "
            f"{spent[axis]:,} of one round of {method.name}"
        )
    return rounds * spent["discriminator_updates"]


def of_a_round(
    method: Method, dataset: Dataset, architecture: Architecture, training: TrainingConfiguration
) -> dict[str, int]:
    """Return the cost of one round, found by playing one on zeros instead of data."""
    parts = [(p.name, p.hyperparameters()) for p in (method, architecture)]
    named = digest([parts, dataset.sample_shape, repr(training)])
    if named not in _SPENT:
        _SPENT[named] = _played(method, dataset.sample_shape, architecture, training)
    return _SPENT[named]


def _played(
    method: Method,
    shape: tuple[int, ...],
    architecture: Architecture,
    configuration: TrainingConfiguration,
) -> dict[str, int]:
    # no other study needs what trains
    import torch

    from bench.training.block import Training
    from bench.training.engines import Engine
    from bench.training.loop import _Run

    @dataclass(frozen=True)
    class Zeros(Dataset):
        name = "zeros"
        kept_samples = 1

        @property
        def sample_shape(self) -> tuple[int, ...]:
            return shape

        def source(self, generator: Any, device: Any) -> Draw:
            return lambda steps, batch: torch.zeros(steps, batch, *shape)

    training = Training(method, Zeros(), architecture, configuration, 1, 1)
    run = _Run(training, [0], torch.device("cpu"), lambda _: None, Engine(), lambda *_: None)
    return {
        "discriminator_updates": run.cost.discriminator_updates,
        "generator_updates": run.cost.generator_updates,
        "gradient_evaluations": run.cost.gradient_evaluations,
    }
