"""Train one population, and take checkpoints along the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.architectures.base import Architecture
from bench.datasets.base import Dataset, Draw
from bench.method import Method
from bench.training.checkpoints import Checkpoints, Keep, Outcome
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Engine
from bench.training.feed import NoiseAhead
from bench.training.game import Rules, round_of, survey
from bench.training.population import Network
from bench.training.state import Inputs, State, initial_state
from bench.training.streams import Blocks, MemberNoise, Stream, generator, latents_of
from bench.training.views import packed_shape

LATENT_BLOCK = 64
STACKED = 5
"""Members of a stack: seeds 0 to 4, 5 to 9 and so on train together."""
FLUSH_EVERY = 64
"""Updates between two looks at the device: the only host–device synchronisation there is."""
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
        return width_of(self.architecture, self.configuration)

    @property
    def is_long(self) -> bool:
        """Whether its rounds are worth compiling."""
        return self.updates >= COMPILED_FROM[self.width > 1]

    def evaluation_points(self) -> list[int]:
        """Discriminator updates after which checkpoints are taken: 0, then evenly to the end."""
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


def train(
    training: Training,
    seeds: list[int],
    device: torch.device,
    heartbeat: Callable[[int], None] | None = None,
    engine: Engine | None = None,
    keep: Keep | None = None,
) -> list[Outcome]:
    """Train seeds, block by block, and return one outcome per seed, in their order.

    ``keep`` is given every seed's networks at every checkpoint.

    A block is always whole: seeds of it that were not asked for train along and are not kept,
    so that a cell's numbers are the same bit for bit whatever company it had.
    """
    outcomes: dict[int, Outcome] = {}
    for wanted in blocks_of(seeds, training.width):
        run = _Run(
            training,
            wanted,
            device,
            heartbeat or (lambda _: None),
            engine or Engine(),
            keep or (lambda *_: None),
        )
        outcomes |= {outcome.seed: outcome for outcome in run.outcomes()}
    return [outcomes[seed] for seed in seeds]


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
    """The training of one block."""

    def __init__(
        self,
        training: Training,
        wanted: list[int],
        device: torch.device,
        heartbeat: Callable[[int], None],
        engine: Engine,
        keep: Keep,
    ):
        self.training, self.device, self.heartbeat = training, device, heartbeat
        first = wanted[0] // training.width * training.width
        self.seeds = list(range(first, first + training.width))
        self.results = {seed - first: Outcome(seed) for seed in wanted}
        self.recorded: dict[str, list[Tensor]] = {}
        self.series: dict[str, list[NDArray[np.float32]]] = {}
        self.rules = self._rules()
        noise = MemberNoise(self.seeds, device)
        self.state = self._initial_state(noise)
        self.total = torch.tensor(float(max(training.updates, 1)), dtype=torch.float64).to(device)
        batch = (training.width, training.samples)
        with tf32(training.configuration.precision == "tf32"):
            self.cost = survey(
                self.rules,
                self.state,
                (*batch, *training.dataset.sample_shape),
                (*batch, training.architecture.latent),
                self.total,
            )
        self.feed = (
            self._real(),
            self._latents(Stream.DISCRIMINATOR_LATENTS),
            self._latents(Stream.GENERATOR_LATENTS),
            NoiseAhead(noise, self.cost.needs.noise, device),
        )
        self.engine, self.rounds = engine, 0
        shown = training.dataset.kept_samples
        latents = [latents_of(seed, shown, training.architecture.latent) for seed in self.seeds]
        self.checkpoints = Checkpoints(
            training.dataset, self.rules, torch.stack(latents).to(device), self.results, keep
        )

    def _rules(self) -> Rules:
        training = self.training
        shape = training.dataset.sample_shape
        bfloat16 = training.configuration.precision == "bfloat16"
        shown = packed_shape(shape, training.method.packing)
        pair = training.architecture
        return Rules(
            training.method,
            Network(
                lambda: pair.generator(shape),
                self.seeds,
                Stream.GENERATOR_WEIGHTS,
                self.device,
                bfloat16,
            ),
            Network(
                lambda: pair.discriminator(shown),
                self.seeds,
                Stream.DISCRIMINATOR_WEIGHTS,
                self.device,
                bfloat16,
            ),
            training.configuration,
        )

    def _initial_state(self, noise: MemberNoise) -> State:
        rules = self.rules
        return initial_state(
            rules.generator,
            rules.discriminator,
            (rules.optimizers["generator"], rules.optimizers["discriminator"]),
            rules.method.initial_state(rules.discriminator.shaped(rules.discriminator.flat), noise),
            averages=rules.average_decay is not None,
        )

    def outcomes(self) -> list[Outcome]:
        """Train to the end of the budget, or until no wanted member is left."""
        training = self.training
        begun, keeping, flushed = time.perf_counter(), 0.0, 0
        points = training.evaluation_points()
        inputs = self._inputs()
        with tf32(training.configuration.precision == "tf32"):
            ready = self.engine.prepare(round_of(self.rules, self.cost.needs), self.state, inputs)
        while True:
            done = self.rounds * self.cost.discriminator_updates
            left = training.updates - done
            finished = left < self.rules.round_length or not self._alive()
            if finished or done >= points[0] or done - flushed >= FLUSH_EVERY:
                self._flush()
                flushed = done
                self.heartbeat(done)
            if finished or done >= points[0]:
                paused = time.perf_counter()
                points = [point for point in points if point > done] or [training.updates]
                self.checkpoints.take(self.state, *self._updates(), self._diverged)
                if finished:
                    self.checkpoints.conclude(self.state)
                keeping += time.perf_counter() - paused
            if finished:
                break
            with tf32(training.configuration.precision == "tf32"):
                self.state, observed = ready.play(self.state, inputs)
            self.rounds += 1
            for name, values in observed.items():
                self.recorded.setdefault(name, []).append(values)
            inputs = self._inputs()
        self._close()
        spent = time.perf_counter() - begun - keeping - ready.seconds
        for result in self.results.values():
            result.engine, result.engine_note = ready.engine, ready.note
            result.timing = {
                "training_seconds": spent / len(self.seeds),
                "checkpoint_seconds": keeping / len(self.results),
                "compile_seconds": ready.seconds / len(self.results),
                "population": len(self.seeds),
            }
        return list(self.results.values())

    def _inputs(self) -> Inputs:
        """Draw what the next round uses up."""
        needs, (real, critic, generated, noise) = self.cost.needs, self.feed
        return Inputs(
            real.take(needs.real),
            critic.take(needs.discriminator_latents),
            generated.take(needs.generator_latents),
            noise.next(),
            self.total,
        )

    def _real(self) -> Blocks:
        dataset, batch = self.training.dataset, self.training.samples
        sources = [dataset.source(generator(seed, Stream.DATA), self.device) for seed in self.seeds]
        return Blocks(
            lambda member, steps: sources[member](steps, batch),
            len(sources),
            dataset.block,
            self.device,
        )

    def _latents(self, stream: Stream) -> Blocks:
        draws = [self._normal(seed, stream) for seed in self.seeds]
        return Blocks(
            lambda member, steps: draws[member](steps, self.training.samples),
            len(draws),
            LATENT_BLOCK,
            self.device,
        )

    def _normal(self, seed: int, stream: Stream) -> Draw:
        own, size = generator(seed, stream), self.training.architecture.latent
        return lambda steps, batch: torch.randn((steps, batch, size), generator=own)

    def _updates(self) -> tuple[int, int]:
        """Return the discriminator's and the generator's updates so far."""
        each = self.cost.discriminator_updates, self.cost.generator_updates
        return self.rounds * each[0], self.rounds * each[1]

    def _alive(self) -> bool:
        return any(result.status == "ok" for result in self.results.values())

    def _flush(self) -> None:
        """Fetch the block of losses and norms, and freeze the members that are not finite."""
        for name, values in self.recorded.items():
            block = torch.cat(values).float().cpu().numpy()
            self.series.setdefault(name, []).append(block)
            player, _, quantity = name.partition("_")
            what = "loss" if quantity == "loss" else "gradient norm"
            for member, fine in enumerate(np.isfinite(block).all(0).tolist()):
                if not fine:
                    self._diverged(member, f"the {player}'s {what} is not finite")
        self.recorded = {}
        players = self.state.discriminator, self.state.generator
        sound = torch.stack([weights.isfinite().all(1) for weights in players]).all(0)
        for member, fine in enumerate(sound.tolist()):
            if not fine:
                self._diverged(member, "a weight is not finite")

    def _diverged(self, member: int, reason: str) -> None:
        result = self.results.get(member)
        if result is not None and result.status == "ok":
            result.status, result.reason = "diverged", reason
            result.cost = self._cost()

    def _close(self) -> None:
        whole = {name: np.concatenate(blocks) for name, blocks in self.series.items()}
        for member, result in self.results.items():
            result.series = {name: block[:, member] for name, block in whole.items()}
            if result.status == "diverged":
                _cut(result)
            else:
                result.cost = self._cost()

    def _cost(self) -> dict[str, float]:
        discriminator, generator = self._updates()
        return {
            "discriminator_updates": discriminator,
            "generator_updates": generator,
            "gradient_evaluations": self.rounds * self.cost.gradient_evaluations,
        }


def _cut(result: Outcome) -> None:
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
