"""The requirements on every architecture, and on a pair on one dataset, check by check."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from bench.architectures.base import Architecture
from bench.check.suite import Suite
from bench.check.trial import BATCH
from bench.datasets.base import Dataset
from bench.errors import BenchError

SHAPES = {
    "": ((2,), (3,), (1, 28, 28), (3, 32, 32), (3, 64, 64)),
    "dirac": ((1,),),
}
"""Shapes of samples that are tried, by the name of a dataset that an architecture may ask for."""
PLAYERS = ("generator", "discriminator")


def pair_fits(architecture: Architecture, dataset: Dataset) -> None:
    """Both networks give what the engine expects of them, and the same of the same.

    Raises :class:`BenchError` with the network and the shape that is wrong.
    """
    try:
        _fits(architecture, dataset.sample_shape)
    except BenchError as error:
        raise BenchError(
            f"architecture {architecture.name}: {error}; nothing was trained"
        ) from error


def latent_is_stated(architecture: Architecture) -> None:
    """The length of a latent vector is a whole number above 0."""
    if type(architecture.latent) is not int or architecture.latent < 1:
        raise BenchError(f"latent is {architecture.latent!r}; give a whole number above 0")


def fits_something(architecture: Architecture) -> None:
    """It says of points or of images that it fits them."""
    if not _fitting(architecture):
        raise BenchError(
            "does_not_fit gives a reason for points and for images of 28, 32 and 64 pixels alike: "
            "return None where it can make the samples"
        )


def networks_have_their_shapes(architecture: Architecture) -> None:
    """Both networks turn batches into the shapes expected, and equal ones into equal ones."""
    for shape in _fitting(architecture):
        _fits(architecture, shape)


def seed_decides_the_weights(architecture: Architecture) -> None:
    """Initial weights follow from torch's global random state alone."""
    shape = _fitting(architecture)[0]
    for player in PLAYERS:
        first, second = (_built(architecture, player, shape, 0) for _ in range(2))
        if not _equal(first, second):
            raise BenchError(
                f"its {player} has other weights when built twice from one seed: draw them from "
                "torch's global random state only"
            )


def gradients_reach_all_weights(architecture: Architecture) -> None:
    """Every weight that is trained has an effect on the network's output."""
    shape = _fitting(architecture)[0]
    for player in PLAYERS:
        network = _built(architecture, player, shape, 0)
        if not list(network.parameters()):
            raise BenchError(f"its {player} has no weights to train")
        network(_inputs(architecture, player, shape)).square().sum().backward()
        for name, weight in network.named_parameters():
            if weight.requires_grad and weight.grad is None:
                raise BenchError(
                    f"the gradient does not reach '{name}' of its {player}: use it in forward, or "
                    "leave it out"
                )


def stacks_as_it_says(architecture: Architecture) -> None:
    """Where `stacks` is True, a stack of members gives what each gives alone."""
    if not architecture.stacks:
        return
    shape = _fitting(architecture)[0]
    for player in PLAYERS:
        members = [_built(architecture, player, shape, seed) for seed in range(3)]
        inputs = torch.stack([_inputs(architecture, player, shape, seed) for seed in range(3)])
        alone = torch.stack([m(x) for m, x in zip(members, inputs, strict=True)])
        weights, buffers = stack_module_state(members)
        module = members[0]

        def call(
            weights: dict[str, Tensor],
            buffers: dict[str, Tensor],
            inputs: Tensor,
            module: nn.Module = module,
        ) -> Tensor:
            return functional_call(module, (weights, buffers), (inputs,))

        try:
            together = torch.vmap(call)(weights, buffers, inputs)
        except Exception as error:  # vmap has many messages for unsupported operations
            told = (str(error).splitlines() or [""])[0]
            raise BenchError(
                f"its {player} cannot be called through torch.vmap: {told}; mend it, or let "
                "`stacks` be False"
            ) from error
        if not torch.allclose(together, alone, rtol=1e-4, atol=1e-5):
            raise BenchError(
                f"its {player} gives a stacked member other values than it gives alone: forward "
                "must not mix samples in other ways than batch normalisation does"
            )


SUITE = Suite(
    (latent_is_stated, fits_something),
    (networks_have_their_shapes,),
    (seed_decides_the_weights, gradients_reach_all_weights),
    (stacks_as_it_says,),
)


def _fitting(architecture: Architecture) -> list[tuple[int, ...]]:
    """The shapes that it says it fits, of those that are tried."""
    return [
        shape
        for dataset, shapes in SHAPES.items()
        for shape in shapes
        if architecture.does_not_fit(dataset, shape) is None
    ]


def _inputs(
    architecture: Architecture, player: str, shape: tuple[int, ...], seed: int = 0
) -> Tensor:
    one = (architecture.latent,) if player == "generator" else shape
    return torch.randn(BATCH, *one, generator=torch.Generator().manual_seed(seed))


def _built(architecture: Architecture, player: str, shape: tuple[int, ...], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = getattr(architecture, player)(shape)
    return network


def _equal(first: nn.Module, second: nn.Module) -> bool:
    own, other = first.state_dict(), second.state_dict()
    return own.keys() == other.keys() and all(torch.equal(own[n], other[n]) for n in own)


def _fits(architecture: Architecture, shape: tuple[int, ...]) -> None:
    for player, expected in zip(PLAYERS, (shape, ()), strict=True):
        batch = _inputs(architecture, player, shape)
        try:
            network = _built(architecture, player, shape, 0)
            with torch.no_grad():
                outputs, again = network(batch), network(batch)
            found = tuple(outputs.shape)
        except Exception as error:  # a user's file may raise anything
            told = (str(error).splitlines() or [""])[0]
            raise BenchError(f"its {player} raises {type(error).__name__}: {told}") from error
        if found != (BATCH, *expected):
            raise BenchError(
                f"its {player} turns a batch of shape {tuple(batch.shape)} into {found}, but "
                f"{(BATCH, *expected)} is expected"
            )
        if not torch.equal(outputs, again):
            raise BenchError(
                f"its {player} gives other values for the same batch: it must draw no random "
                "numbers (no dropout, no noise layers)"
            )
