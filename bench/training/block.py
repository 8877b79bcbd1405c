"""What is trained, and in which blocks of seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.architectures.base import Architecture
from bench.datasets.base import Dataset
from bench.method import Method
from bench.training.configuration import TrainingConfiguration

STACKED = 5
"""Members of a stack: seeds 0 to 4, 5 to 9 and so on train together."""
COMPILED_FROM = {True: 2000, False: 500}
"""Budgets from which rounds are compiled, by whether members are stacked: a graph is compiled once
for all seeds, later runs and data of one shape, so that it need not pay for itself in one block
(docs/performance.md)."""


@dataclass(frozen=True)
class Training:
    """What is trained: everything but the seeds and the device."""

    method: Method
    dataset: Dataset
    architecture: Architecture
    configuration: TrainingConfiguration
    updates: int
    evaluations: int
    split: int | None = None
    """Members of a stack, where those of a whole one do not fit into memory."""

    @property
    def samples(self) -> int:
        """Samples, or latents, in one batch of the method."""
        return self.configuration.batch_size * self.method.batches

    @property
    def width(self) -> int:
        """How many members train together, always: a part of what a result is.

        Kernels may round a member's numbers by the width of the stack and by its place there. With
        one width, and a seed's place given by its number, they do not depend on the company.
        """
        return self.split or width_of(self.architecture, self.configuration)

    @property
    def is_long(self) -> bool:
        """Whether its rounds are worth compiling."""
        return self.updates >= COMPILED_FROM[self.width > 1]

    def evaluation_points(self) -> list[int]:
        """Return the discriminator updates of checkpoints: 0, then evenly to the end."""
        rounds = np.linspace(0, self.updates, self.evaluations + 1)
        return sorted({int(point) for point in rounds})


def width_of(architecture: Architecture, configuration: TrainingConfiguration) -> int:
    """Return how many members of such a training are always trained together."""
    return STACKED if architecture.stacks and configuration.precision != "bfloat16" else 1


def blocks_of(seeds: list[int], width: int) -> list[list[int]]:
    """Return the seeds by the block that each belongs to, in the order of their first seeds."""
    blocks: dict[int, list[int]] = {}
    for seed in seeds:
        blocks.setdefault(seed // width, []).append(seed)
    return list(blocks.values())
