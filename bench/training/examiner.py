"""What is measured and shown of a population along its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.datasets.base import Dataset, Snapshot, Values
from bench.method import Weights
from bench.training.game import Game

POINTS_AT_ONCE, IMAGES_AT_ONCE = 2500, 500
"""Samples of a member that are generated at once; on a GPU, images of all members together."""
PATHS, PATH_STEPS = 8, 10
"""Latent interpolations: how many, and of how many images each."""


@dataclass
class Outcome:
    """All that training one member has shown."""

    seed: int
    status: str = "ok"
    reason: str = ""
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    """One per evaluation point: ``update``, ``generator_update`` and every metric."""
    samples: list[NDArray[Any]] = field(default_factory=list)
    """The first generated samples of every evaluation, from the same latents."""
    interpolations: NDArray[Any] | None = None
    """Images along the way between two latents, at the end: (paths, steps, …)."""
    series: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """``discriminator_loss``, ``discriminator_norm``, and the same for the generator: (T,)."""
    cost: dict[str, float] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)


class Examiner:
    """Measures the generators of a population, from the same latents every time.

    Args:
        dataset: what measures them.
        game: the players and, where weights are averaged, the average that is measured instead.
        latents: (P, N, Z), every member's own.
        measured: how many of the members, counted from the first, are to be measured.
    """

    def __init__(self, dataset: Dataset, game: Game, latents: Tensor, measured: int):
        self.dataset, self.game, self.latents = dataset, game, latents
        self.measured = measured
        self.best: dict[int, tuple[float, int, Snapshot]] = {}
        self.last: dict[int, tuple[int, Snapshot]] = {}

    def examine(self, results: list[Outcome], diverged: Callable[[int, str], None]) -> None:
        """Measure every member that is well; one whose samples are not finite is told."""
        dataset, counts = self.dataset, self.game.counts
        samples, weights = self._generate(self.latents), self._weights()
        for member, result in enumerate(results[: self.measured]):
            if result.status == "ok" and not bool(samples[member].isfinite().all()):
                diverged(member, "a generated sample is not finite")
            already = result.evaluations and (
                result.evaluations[-1]["update"] == counts.discriminator_updates
            )
            if result.status != "ok" or already:
                continue
            snapshot = Snapshot(
                samples[member],
                self.game.generator.member(member, weights),
                self.game.discriminator.member(member),
            )
            values: Values = dataset.evaluate(snapshot)
            if dataset.looks_closer:
                self._remember(member, len(result.evaluations), values, snapshot)
            result.evaluations.append(
                {
                    "update": counts.discriminator_updates,
                    "generator_update": counts.generator_updates,
                    **values,
                }
            )
            result.samples.append(dataset.pack(samples[member, : dataset.kept_samples]))

    def _generate(self, latents: Tensor) -> Tensor:
        batch = IMAGES_AT_ONCE if self._shows_images else POINTS_AT_ONCE
        if self._shows_images and latents.is_cuda:
            # not on a CPU, where the bits of a sample would depend on the company
            batch = max(1, batch // len(latents))
        return self.game.generator.evaluate(latents, batch, self._weights())

    def _weights(self) -> Weights:
        """The averaged generators', where weights are averaged, or the generators' own."""
        generator, average = self.game.generator, self.game.average
        return generator.weights if average is None else generator.shaped(average.flat)

    @property
    def _shows_images(self) -> bool:
        return len(self.dataset.sample_shape) == 3

    def _remember(self, member: int, place: int, values: Values, snapshot: Snapshot) -> None:
        """Keep a member's best snapshot by the first metric that every evaluation measures.

        The start is none: an untrained generator may happen to sit on a mode.
        """
        metric = next(m for m in self.dataset.metrics if m.name in values)
        value = values[metric.name]
        score = -np.inf if value is None else value if metric.higher_is_better else -value
        # a view would keep the samples of all members
        kept = replace(snapshot, samples=self.dataset.condensed(snapshot.samples).clone())
        if place > 0 and (member not in self.best or score > self.best[member][0]):
            self.best[member] = (score, place, kept)
        self.last[member] = (place, kept)

    def conclude(self, results: list[Outcome]) -> None:
        """What is measured and shown once, at the end."""
        self._look_closer(results)
        self._interpolate(results)

    def _look_closer(self, results: list[Outcome]) -> None:
        """Add the slow metrics to the best and to the last evaluation of every member."""
        for member, (place, snapshot) in self.last.items():
            seen_at = {place: snapshot}
            if member in self.best:
                seen_at[self.best[member][1]] = self.best[member][2]
            evaluations = results[member].evaluations
            for at, seen in seen_at.items():
                evaluations[at] |= self.dataset.look_closer(seen)

    def _interpolate(self, results: list[Outcome]) -> None:
        """Images along the way between two latents: do neighbours look alike, are all the same?"""
        if not self._shows_images:
            return
        latents = self.latents[:, : 2 * PATHS]
        if latents.shape[1] < 2 * PATHS:
            return
        paths = slerp(latents[:, :PATHS], latents[:, PATHS:], PATH_STEPS)
        images = self._generate(paths.flatten(1, 2))
        for result, own in zip(results, images, strict=True):
            if result.status == "ok":
                packed = self.dataset.pack(own)
                result.interpolations = packed.reshape(PATHS, PATH_STEPS, *packed.shape[1:])


def slerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Latents along great circles: two (…, Z) → (…, steps, Z), both ends included.

    Spherical, as Gaussian latents lie near a sphere, whose inside a straight way would cross
    (White 2016, "Sampling Generative Networks", section 2.1).
    """
    cosine = torch.cosine_similarity(start, end, dim=-1).clamp(-1, 1)
    angle = cosine.acos()[..., None, None].clamp(min=1e-4)
    share = torch.linspace(0, 1, steps, device=start.device)[:, None]
    first, second = start[..., None, :], end[..., None, :]
    return (((1 - share) * angle).sin() * first + (share * angle).sin() * second) / angle.sin()
