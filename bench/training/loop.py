"""Train one population, and take checkpoints along the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from bench.datasets.base import Draw
from bench.training.block import Training, blocks_of
from bench.training.checkpoints import Checkpoints, Keep, Outcome
from bench.training.engines import Engine
from bench.training.feed import NoiseAhead
from bench.training.game import Rules, round_of, survey
from bench.training.population import Network
from bench.training.savepoints import (
    Saved,
    Savepoints,
    Stopped,
    filled,
    flat,
    random_states,
    set_random_states,
)
from bench.training.series import Series
from bench.training.state import Inputs, State, initial_state
from bench.training.streams import Blocks, MemberNoise, Stream, generator, latents_of
from bench.training.views import packed_shape

LATENT_BLOCK = 64
FLUSH_EVERY = 64
"""Updates between two looks at the device: the only host–device synchronisation there is."""


def train(
    training: Training,
    seeds: list[int],
    device: torch.device,
    heartbeat: Callable[[int], None] | None = None,
    engine: Engine | None = None,
    keep: Keep | None = None,
    savepoints: Savepoints | None = None,
) -> list[Outcome]:
    """Train seeds, block by block, and return one outcome per seed, in their order.

    ``keep`` is given every seed's networks at every checkpoint. ``savepoints`` are one block's,
    whose seeds alone may be asked for then; training goes on from the newest.

    A block is always whole: seeds of it that were not asked for train along and are not kept,
    so that a cell's numbers are the same bit for bit whatever company it had.

    Raises:
        Stopped: the savepoints were told to stop; the newest is of this moment.
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
            savepoints,
        )
        outcomes |= {outcome.seed: outcome for outcome in run.outcomes()}
    return [outcomes[seed] for seed in seeds]


@contextmanager
def tf32(wanted: bool) -> Iterator[None]:
    """Compute matrix products and convolutions of a GPU in TF32 while it lasts, if wanted."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = wanted
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


class Spent(NamedTuple):
    """Seconds that a block has taken."""

    training: float = 0.0
    checkpoints: float = 0.0
    compiling: float = 0.0

    def plus(self, other: Spent) -> Spent:
        return Spent(*(a + b for a, b in zip(self, other, strict=True)))


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
        savepoints: Savepoints | None = None,
    ):
        self.training, self.device, self.heartbeat = training, device, heartbeat
        first = wanted[0] // training.width * training.width
        self.seeds = list(range(first, first + training.width))
        self.results = {seed - first: Outcome(seed) for seed in wanted}
        self.series, self.flushed = Series(), 0
        self.spent, self.savepoints = Spent(), savepoints
        self.resumed: list[dict[str, Any]] = []
        self.points = training.evaluation_points()
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
        begun, before = time.perf_counter(), self.spent
        if self.savepoints is not None and self.savepoints.restore(self._restored):
            before = self.spent
        inputs = self._inputs()
        with tf32(training.configuration.precision == "tf32"):
            ready = self.engine.prepare(round_of(self.rules, self.cost.needs), self.state, inputs)
        compiled, keeping = ready.seconds, 0.0
        while True:
            done = self.rounds * self.cost.discriminator_updates
            left = training.updates - done
            finished = left < self.rules.round_length or not self._alive()
            if finished or done >= self.points[0] or done - self.flushed >= FLUSH_EVERY:
                self._flush()
                self.flushed = done
                self.heartbeat(done)
            if finished or done >= self.points[0]:
                paused = time.perf_counter()
                self._pass_points(done)
                self.checkpoints.take(self.state, *self._updates(), self._diverged)
                if finished:
                    self.checkpoints.conclude(self.state)
                keeping += time.perf_counter() - paused
            trained = time.perf_counter() - begun - keeping - compiled
            self.spent = before.plus(Spent(trained, keeping, compiled))
            if finished:
                break
            if self.savepoints is not None:
                stopping = self.savepoints.stopping()
                if stopping or self.savepoints.due():
                    self.savepoints.write(done, self._saved(self.savepoints.where))
                if stopping:
                    raise Stopped
            with tf32(training.configuration.precision == "tf32"):
                self.state, observed = ready.play(self.state, inputs)
            self.rounds += 1
            self.series.add(observed)
            inputs = self._inputs()
        self._close()
        for result in self.results.values():
            result.engine, result.engine_note = ready.engine, ready.note
            result.resumed = self.resumed
            result.timing = {
                "training_seconds": self.spent.training / len(self.seeds),
                "checkpoint_seconds": self.spent.checkpoints / len(self.results),
                "compile_seconds": self.spent.compiling / len(self.results),
                "population": len(self.seeds),
            }
        return list(self.results.values())

    def _pass_points(self, done: int) -> None:
        later = [point for point in self.points if point > done]
        self.points = later or [self.training.updates]

    def _saved(self, where: str) -> Saved:
        """Return all that the rest of the training depends on, and what it has shown so far."""
        torchs, others = random_states(self.device)
        results = [result.saved() for result in self.results.values()]
        parts = {
            "state": flat(self.state),
            "series": self.series.saved(),
            "random": torchs,
            **{f"pictures {about['seed']}": pictures for about, pictures in results},
        }
        about = {
            "rounds": self.rounds,
            "flushed": self.flushed,
            "spent": list(self.spent),
            "resumed": [*self.resumed, {"update": self._updates()[0], "where": where}],
            "random": others,
            "results": [about for about, _ in results],
        }
        return Saved.of(parts, about)

    def _restored(self, saved: Saved) -> bool:
        """Go on from a savepoint.

        Raises:
            ValueError: it is of another training.
        """
        known = {each["seed"]: each for each in saved.about["results"]}
        if any(result.seed not in known for result in self.results.values()):
            raise ValueError("it is of other seeds")
        self.state = filled(self.state, saved.below("state"))
        self.series = Series.restored(saved.below("series"), self.device)
        for result in self.results.values():
            result.restore(known[result.seed], saved.below(f"pictures {result.seed}"))
        self.rounds, self.flushed = saved.about["rounds"], saved.about["flushed"]
        self.spent, self.resumed = Spent(*saved.about["spent"]), saved.about["resumed"]
        self._pass_points(self.rounds * self.cost.discriminator_updates)
        self._skip(self.rounds)
        set_random_states(saved.below("random"), saved.about["random"], self.device)
        return True

    def _skip(self, rounds: int) -> None:
        """Draw what so many rounds used up, and throw it away."""
        needs, (real, critic, generated, noise) = self.cost.needs, self.feed
        real.skip(rounds * needs.real)
        critic.skip(rounds * needs.discriminator_latents)
        generated.skip(rounds * needs.generator_latents)
        noise.skip(rounds)

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
        for name, block in self.series.fetch().items():
            player, _, quantity = name.partition("_")
            what = "loss" if quantity == "loss" else "gradient norm"
            for lost in np.flatnonzero(~np.isfinite(block).all(0)):
                self._diverged(int(lost), f"the {player}'s {what} is not finite")
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
        whole = self.series.whole()
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
