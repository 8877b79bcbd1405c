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
from bench.training.game import Rules
from bench.training.population import member
from bench.training.state import State

POINTS_AT_ONCE, IMAGES_AT_ONCE = 2500, 500
"""Samples of a member that are generated at once."""
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
    engine: str = ""
    """How rounds were played: ``compiled`` or ``eager``."""
    engine_note: str = ""
    """Why they were not compiled although they should have been."""


class Examiner:
    """Measures the generators of a population, from the same latents every time.

    Args:
        dataset: what measures them.
        rules: the networks whose weights a state holds.
        latents: (P, N, Z), every member's own.
        results: outcomes of the members that are measured, by their place in the population.
    """

    def __init__(
        self, dataset: Dataset, rules: Rules, latents: Tensor, results: dict[int, Outcome]
    ):
        self.dataset, self.latents = dataset, latents
        self.generator, self.discriminator = rules.generator, rules.discriminator
        self.results = results
        self.best: dict[int, tuple[float, int, Snapshot]] = {}
        self.last: dict[int, tuple[int, Snapshot]] = {}

    def examine(
        self,
        state: State,
        update: int,
        generator_update: int,
        diverged: Callable[[int, str], None],
    ) -> None:
        """Measure every member that is well; one whose samples are not finite is reported."""
        dataset, samples = self.dataset, self._generate(self.latents, state)
        for place, result in self.results.items():
            if result.status == "ok" and not bool(samples[place].isfinite().all()):
                diverged(place, "a generated sample is not finite")
            already = result.evaluations and result.evaluations[-1]["update"] == update
            if result.status != "ok" or already:
                continue
            snapshot = Snapshot(
                samples[place],
                member(self._measured(state), place),
                member(self.discriminator.shaped(state.discriminator), place),
            )
            values: Values = dataset.evaluate(snapshot)
            if dataset.looks_closer:
                self._remember(place, len(result.evaluations), values, snapshot)
            result.evaluations.append(
                {"update": update, "generator_update": generator_update, **values}
            )
            result.samples.append(dataset.pack(samples[place, : dataset.kept_samples]))

    def _generate(self, latents: Tensor, state: State) -> Tensor:
        batch = IMAGES_AT_ONCE if self._shows_images else POINTS_AT_ONCE
        return self.generator.evaluate(
            latents, self._measured(state), state.generator_buffers, batch
        )

    def _measured(self, state: State) -> Weights:
        """Return the averaged generators, where weights are averaged, or the generators."""
        return self.generator.shaped(state.average.get("generator", state.generator))

    @property
    def _shows_images(self) -> bool:
        return len(self.dataset.sample_shape) == 3

    def _remember(self, place: int, evaluation: int, values: Values, snapshot: Snapshot) -> None:
        """Keep a member's best snapshot by the first metric that every evaluation measures.

        The start is none: an untrained generator may happen to sit on a mode.
        """
        metric = next(m for m in self.dataset.metrics if m.name in values)
        value = values[metric.name]
        score = -np.inf if value is None else value if metric.higher_is_better else -value
        # a view would keep the samples of all members
        kept = replace(snapshot, samples=self.dataset.condensed(snapshot.samples).clone())
        if evaluation > 0 and (place not in self.best or score > self.best[place][0]):
            self.best[place] = (score, evaluation, kept)
        self.last[place] = (evaluation, kept)

    def conclude(self, state: State) -> None:
        """Add what is measured and shown once, at the end."""
        self._look_closer()
        self._interpolate(state)

    def _look_closer(self) -> None:
        """Add the slow metrics to the best and to the last evaluation of every member."""
        for place, (at_last, snapshot) in self.last.items():
            seen_at = {at_last: snapshot}
            if place in self.best:
                seen_at[self.best[place][1]] = self.best[place][2]
            evaluations = self.results[place].evaluations
            for at, seen in seen_at.items():
                evaluations[at] |= self.dataset.look_closer(seen)

    def _interpolate(self, state: State) -> None:
        """Images along the way between two latents: do neighbours look alike, are all the same?"""
        if not self._shows_images:
            return
        latents = self.latents[:, : 2 * PATHS]
        if latents.shape[1] < 2 * PATHS:
            return
        paths = slerp(latents[:, :PATHS], latents[:, PATHS:], PATH_STEPS)
        images = self._generate(paths.flatten(1, 2), state)
        for place, result in self.results.items():
            if result.status == "ok":
                packed = self.dataset.pack(images[place])
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
