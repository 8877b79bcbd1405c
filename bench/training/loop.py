"""Train one population and measure it along the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.architectures.base import Architecture
from bench.datasets.base import Dataset, Draw
from bench.errors import BenchError
from bench.method import Method, Optimizer
from bench.training.examiner import Examiner, Outcome
from bench.training.game import Game, PlayerSeries
from bench.training.population import Network
from bench.training.streams import Blocks, MemberNoise, Stream, generator
from bench.training.views import packed_shape

LATENT_BLOCK = 64
CPU_LANES = 32
FLUSH_EVERY = 64
"""Updates between two looks at the device: the only host–device synchronisation there is."""


@dataclass(frozen=True)
class Training:
    """What is trained: everything but the seeds and the device."""

    method: Method
    dataset: Dataset
    architecture: Architecture
    optimizer: Optimizer
    batch_size: int
    updates: int
    evaluations: int
    simultaneous: bool = False
    critic_steps: int | None = None
    decay: str = "none"
    ema: float | None = None
    precision: str = "float32"

    @property
    def samples(self) -> int:
        """Samples, or latents, in one batch of the method."""
        return self.batch_size * self.method.batches

    def stacks(self, device: torch.device) -> bool:
        """Whether members train as one stack on this device, or one after another.

        On a CPU the last entries of an array whose length is no multiple of the vector width
        are rounded differently, so that with other batch sizes or layer widths a member's
        numbers would depend on its place in the stack. In bfloat16 they always would.
        """
        if device.type != "cpu":
            return True
        if self.precision == "bfloat16":
            return False
        judged = self.samples // self.method.packing
        return self.architecture.stacks_on_cpu and not (
            self.samples % CPU_LANES or judged % CPU_LANES
        )

    def evaluation_points(self) -> list[int]:
        """Discriminator updates after which samples are measured: 0, then evenly to the end."""
        rounds = np.linspace(0, self.updates, self.evaluations + 1)
        return sorted({int(point) for point in rounds})


def train(
    training: Training,
    seeds: list[int],
    device: torch.device,
    heartbeat: Callable[[int], None] | None = None,
) -> list[Outcome]:
    """Train all seeds together and return one outcome per seed, in their order.

    Where members are stacked, a lone seed trains beside a twin of itself, so that a cell's
    numbers are the same bit for bit whatever company it had. Others train one after another.
    """
    if len(seeds) > 1 and not training.stacks(device):
        return [o for seed in seeds for o in train(training, [seed], device, heartbeat)]
    twin = training.stacks(device) and len(seeds) == 1
    members = seeds * 2 if twin else seeds
    run = _Run(training, members, device, heartbeat or (lambda _: None), len(seeds))
    outcomes = run.outcomes()[: len(seeds)]
    for outcome in outcomes:
        outcome.timing = {
            "training_seconds": run.training_seconds / len(seeds),
            "evaluation_seconds": run.evaluation_seconds / len(seeds),
            "population": len(seeds),
        }
    return outcomes


@contextmanager
def tf32(wanted: bool) -> Iterator[None]:
    """Matrix products and convolutions of a GPU in TF32 while it lasts, if wanted."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = wanted
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


class _Run:
    def __init__(
        self,
        training: Training,
        seeds: list[int],
        device: torch.device,
        heartbeat: Callable[[int], None],
        measured: int | None = None,
    ):
        self.training, self.seeds, self.device = training, seeds, device
        self.heartbeat = heartbeat
        self.training_seconds = self.evaluation_seconds = 0.0
        self.results = [Outcome(seed) for seed in seeds]
        self.recorded: dict[str, list[NDArray[np.float32]]] = {}
        dataset, architecture = training.dataset, training.architecture
        shape, bfloat16 = dataset.sample_shape, training.precision == "bfloat16"
        self.generator = Network(
            lambda: architecture.generator(shape),
            seeds,
            Stream.GENERATOR_WEIGHTS,
            device,
            bfloat16,
        )
        discriminator = Network(
            lambda: architecture.discriminator(packed_shape(shape, training.method.packing)),
            seeds,
            Stream.DISCRIMINATOR_WEIGHTS,
            device,
            bfloat16,
        )
        self.game = Game(
            training.method,
            self.generator,
            discriminator,
            training.optimizer,
            real=self._real(),
            discriminator_latents=self._latents(Stream.DISCRIMINATOR_LATENTS),
            generator_latents=self._latents(Stream.GENERATOR_LATENTS),
            noise=MemberNoise(seeds, device),
            updates=training.updates,
            simultaneous=training.simultaneous,
            critic_steps=training.critic_steps,
            decay=training.decay == "linear",
            ema=training.ema,
        )
        self.fixed_latents = torch.stack(
            [
                self._normal(seed, Stream.EVALUATION)(1, dataset.evaluation_samples)[0]
                for seed in seeds
            ]
        )
        self.examiner = Examiner(
            dataset, self.game, self.fixed_latents, len(seeds) if measured is None else measured
        )

    def outcomes(self) -> list[Outcome]:
        training, counts = self.training, self.game.counts
        points = training.evaluation_points()
        begun, flushed = time.perf_counter(), 0
        while True:
            done = counts.discriminator_updates
            left = training.updates - done
            finished = left < self.game.round_length or not self._alive()
            if finished or done >= points[0] or done - flushed >= FLUSH_EVERY:
                self._flush()
                flushed = done
                self.heartbeat(done)
            if finished or done >= points[0]:
                paused = time.perf_counter()
                points = [point for point in points if point > done] or [training.updates]
                self.examiner.examine(self.results, self._diverged)
                self.evaluation_seconds += time.perf_counter() - paused
            if finished:
                paused = time.perf_counter()
                self.examiner.conclude(self.results)
                self.evaluation_seconds += time.perf_counter() - paused
                break
            with tf32(training.precision == "tf32"):
                training.method.update(self.game)
            if counts.discriminator_updates == done:
                raise BenchError(
                    f"method {training.method.name}: update() made no discriminator update, so "
                    "the budget would never be spent; call game.step_discriminator"
                )
        self.training_seconds = time.perf_counter() - begun - self.evaluation_seconds
        self._close()
        return self.results

    def _real(self) -> Blocks:
        dataset, batch = self.training.dataset, self.training.samples
        sources = [
            dataset.source(generator(seed, Stream.DATA, self.device), self.device)
            for seed in self.seeds
        ]
        return Blocks(
            lambda member, steps: sources[member](steps, batch), len(sources), dataset.block
        )

    def _latents(self, stream: Stream) -> Blocks:
        draws = [self._normal(seed, stream) for seed in self.seeds]
        return Blocks(
            lambda member, steps: draws[member](steps, self.training.samples),
            len(draws),
            LATENT_BLOCK,
        )

    def _normal(self, seed: int, stream: Stream) -> Draw:
        own, size = generator(seed, stream, self.device), self.training.architecture.latent

        def draw(steps: int, batch: int) -> Tensor:
            return torch.randn((steps, batch, size), generator=own, device=self.device)

        return draw

    def _alive(self) -> bool:
        return any(result.status == "ok" for result in self.results)

    def _flush(self) -> None:
        """Fetch the block of losses and norms, and freeze the members that are not finite."""
        for player, series in (
            ("discriminator", self.game.discriminator_series),
            ("generator", self.game.generator_series),
        ):
            if series.losses:
                self._fetch(player, series)
        finite = self.game.discriminator.finite() & self.generator.finite()
        for member, fine in enumerate(finite.tolist()):
            if not fine:
                self._diverged(member, "a weight is not finite")

    def _fetch(self, player: str, series: PlayerSeries) -> None:
        for quantity, values in (("loss", series.losses), ("norm", series.norms)):
            block = torch.stack(values).float().cpu().numpy()
            values.clear()
            self.recorded.setdefault(f"{player}_{quantity}", []).append(block)
            for member in np.flatnonzero(~np.isfinite(block).all(0)):
                what = "loss" if quantity == "loss" else "gradient norm"
                self._diverged(int(member), f"the {player}'s {what} is not finite")

    def _diverged(self, member: int, reason: str) -> None:
        result = self.results[member]
        if result.status == "ok":
            counts = self.game.counts
            result.status, result.reason = "diverged", reason
            result.cost = _cost(counts)

    def _close(self) -> None:
        whole = {name: np.concatenate(blocks) for name, blocks in self.recorded.items()}
        for member, result in enumerate(self.results):
            result.series = {name: block[:, member] for name, block in whole.items()}
            if result.status == "diverged":
                self._cut(result)
            else:
                result.cost = _cost(self.game.counts)

    def _cut(self, result: Outcome) -> None:
        """End a diverged member's series with the first update that was not finite."""
        for player in ("discriminator", "generator"):
            names = (f"{player}_loss", f"{player}_norm")
            if names[0] not in result.series:
                continue
            bad = ~np.isfinite(result.series[names[0]]) | ~np.isfinite(result.series[names[1]])
            first = int(bad.argmax()) if bad.any() else len(bad)
            for name in names:
                result.series[name] = result.series[name][: first + 1]
            result.cost[f"{player}_updates"] = len(result.series[names[0]])
        # gradients are counted for the whole population, and not known for a part of a block
        result.cost.pop("gradient_evaluations", None)
        result.reason += f" after {int(result.cost['discriminator_updates'])} discriminator updates"


def _cost(counts: Any) -> dict[str, float]:
    return {
        "discriminator_updates": counts.discriminator_updates,
        "generator_updates": counts.generator_updates,
        "gradient_evaluations": counts.gradient_evaluations,
    }
