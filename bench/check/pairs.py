"""Whether an architecture gives what the engine expects of it."""

from __future__ import annotations

import torch

from bench.architectures.base import Architecture
from bench.check.trial import BATCH
from bench.datasets.base import Dataset
from bench.errors import BenchError


def pair_fits(architecture: Architecture, dataset: Dataset) -> None:
    """Both networks give what the engine expects of them, and the same of the same.

    Raises :class:`BenchError` with the network and the shape that is wrong.
    """
    shape = dataset.sample_shape
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for player, build, inputs, expected in (
            ("generator", architecture.generator, (architecture.latent,), shape),
            ("discriminator", architecture.discriminator, shape, ()),
        ):
            batch = torch.randn(BATCH, *inputs)
            try:
                network = build(shape)
                outputs, again = network(batch), network(batch)
                found = tuple(outputs.shape)
            except Exception as error:  # a user's file may raise anything
                told = (str(error).splitlines() or [""])[0]
                raise BenchError(
                    f"architecture {architecture.name}: its {player} raises "
                    f"{type(error).__name__}: {told}; nothing was trained"
                ) from error
            if found != (BATCH, *expected):
                raise BenchError(
                    f"architecture {architecture.name}: its {player} turns a batch of shape "
                    f"{(BATCH, *inputs)} into {found}, but {(BATCH, *expected)} is expected; "
                    "nothing was trained"
                )
            if not torch.equal(outputs, again):
                raise BenchError(
                    f"architecture {architecture.name}: its {player} gives other values for the "
                    "same batch: it must draw no random numbers (no dropout, no noise layers); "
                    "nothing was trained"
                )
