"""What is kept of a population along its training: networks, and pictures of their samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.datasets.base import Dataset
from bench.method import Weights
from bench.networks import Checkpoint, Iterate
from bench.training.game import Rules
from bench.training.population import member
from bench.training.state import State

PATHS, PATH_STEPS = 8, 10
"""Latent interpolations: how many, and of how many images each."""


@dataclass
class Pictures:
    """What one of a member's generators makes of latents that stay the same."""

    samples: list[NDArray[Any]] = field(default_factory=list)
    """The first ones of every checkpoint."""
    interpolations: NDArray[Any] | None = None
    """Images along the way between two latents, at the end: (paths, steps, …)."""


@dataclass
class Outcome:
    """All that training one member has shown."""

    seed: int
    status: str = "ok"
    reason: str = ""
    checkpoints: list[dict[str, int]] = field(default_factory=list)
    """``update`` and ``generator_update`` of each, the untrained one first."""
    pictures: dict[Iterate, Pictures] = field(default_factory=dict)
    """Of the last iterate and, where it is kept, of the average."""
    series: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """``discriminator_loss``, ``discriminator_norm``, and the same for the generator: (T,)."""
    cost: dict[str, float] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)
    engine: str = ""
    """How rounds were played: ``compiled`` or ``eager``."""
    engine_note: str = ""
    """Why they were not compiled although they should have been."""

    resumed: list[dict[str, Any]] = field(default_factory=list)
    """``update`` and ``where``: where a process that has ended since trained up to."""

    def saved(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what was shown so far, without the series, for :meth:`restore`."""
        about = {
            "seed": self.seed, "status": self.status, "reason": self.reason, "cost": self.cost,
            "checkpoints": self.checkpoints,
            "pictures": {iterate: len(each.samples) for iterate, each in self.pictures.items()},
        }  # fmt: skip
        pictures = {
            f"{iterate} {place}": torch.from_numpy(samples)
            for iterate, each in self.pictures.items()
            for place, samples in enumerate(each.samples)
        }
        return about, pictures

    def restore(self, about: dict[str, Any], pictures: dict[str, Tensor]) -> None:
        self.status, self.reason, self.cost = about["status"], about["reason"], about["cost"]
        self.checkpoints = about["checkpoints"]
        self.pictures = {
            iterate: Pictures([pictures[f"{iterate} {place}"].numpy() for place in range(count)])
            for iterate, count in about["pictures"].items()
        }

    @property
    def samples(self) -> list[NDArray[Any]]:
        """Those of the last iterate."""
        return self.pictures.get("last", Pictures()).samples

    @property
    def interpolations(self) -> NDArray[Any] | None:
        """Those of the last iterate."""
        return self.pictures.get("last", Pictures()).interpolations


Keep = Callable[[int, Checkpoint], None]
"""Takes a seed and its networks, at every checkpoint."""


class Checkpoints:
    """Takes the networks of a population's members, and samples of the same latents every time.

    Args:
        dataset: packs samples as pictures.
        rules: the networks whose weights a state holds.
        latents: (P, n, Z), every member's own.
        results: outcomes of the members that are wanted, by their place in the population.
        keep: takes the networks.
    """

    def __init__(
        self,
        dataset: Dataset,
        rules: Rules,
        latents: Tensor,
        results: dict[int, Outcome],
        keep: Keep,
    ):
        self.dataset, self.rules, self.latents = dataset, rules, latents
        self.results, self.keep = results, keep

    def take(
        self,
        state: State,
        update: int,
        generator_update: int,
        diverged: Callable[[int, str], None],
    ) -> None:
        """Take a checkpoint of every member that is well: one whose samples are finite."""
        for place, result in self.results.items():
            already = result.checkpoints and result.checkpoints[-1]["update"] == update
            if result.status != "ok" or already:
                continue
            checkpoint = self._checkpoint(state, place, update, generator_update)
            samples = self._generate(checkpoint, self.latents[place])
            if not bool(samples["last"].isfinite().all()):
                diverged(place, "a generated sample is not finite")
                continue
            self.keep(result.seed, checkpoint)
            result.checkpoints.append({"update": update, "generator_update": generator_update})
            for iterate, found in samples.items():
                pictures = result.pictures.setdefault(iterate, Pictures())
                pictures.samples.append(self.dataset.pack(found))

    def conclude(self, state: State) -> None:
        """Add images between two latents: do neighbours look alike, are all the same?"""
        if len(self.dataset.sample_shape) != 3 or self.latents.shape[1] < 2 * PATHS:
            return
        for place, result in self.results.items():
            if result.status == "ok":
                latents = self.latents[place]
                paths = slerp(latents[:PATHS], latents[PATHS : 2 * PATHS], PATH_STEPS)
                checkpoint = self._checkpoint(state, place, 0, 0)
                for iterate, found in self._generate(checkpoint, paths.flatten(0, 1)).items():
                    packed = self.dataset.pack(found)
                    shape = PATHS, PATH_STEPS, *packed.shape[1:]
                    result.pictures[iterate].interpolations = packed.reshape(shape)

    def _checkpoint(
        self, state: State, place: int, update: int, generator_update: int
    ) -> Checkpoint:
        networks = self.rules.generator, self.rules.discriminator
        players: dict[str, Weights] = {
            "generator": networks[0].shaped(state.generator) | state.generator_buffers,
            "discriminator": networks[1].shaped(state.discriminator) | state.discriminator_buffers,
        }
        if "generator" in state.average:
            players["average"] = networks[0].shaped(state.average["generator"])
        own = {player: member(tensors, place) for player, tensors in players.items()}
        return Checkpoint(update, generator_update, own)

    def _generate(self, checkpoint: Checkpoint, latents: Tensor) -> dict[Iterate, Tensor]:
        return {
            iterate: self.rules.generator.evaluate(latents, checkpoint.generator(iterate))
            for iterate in checkpoint.iterates
        }


def slerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Interpolate latents along great circles: two (…, Z) → (…, steps, Z), both ends included.

    Spherical, as Gaussian latents lie near a sphere, whose inside a straight way would cross
    (White 2016, "Sampling Generative Networks", section 2.1).
    """
    cosine = torch.cosine_similarity(start, end, dim=-1).clamp(-1, 1)
    angle = cosine.acos()[..., None, None].clamp(min=1e-4)
    share = torch.linspace(0, 1, steps, device=start.device)[:, None]
    first, second = start[..., None, :], end[..., None, :]
    return (((1 - share) * angle).sin() * first + (share * angle).sin() * second) / angle.sin()
