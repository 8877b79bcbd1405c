"""Measures a stored run: its networks, samples and series, by the metrics it lacks."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.measuring.evaluation import (
    Seen,
    Subject,
    as_compared,
    generated,
    judging,
    loaded,
    modules_of,
    take,
)
from bench.measuring.keys import Wanted
from bench.metric import (
    Evaluation,
    Field,
    Iterate,
    Metric,
    NotFinite,
    NotMeasured,
    Quantity,
    Reason,
    Results,
)
from bench.networks import Checkpoint
from bench.once import once
from bench.records.cell import Cell
from bench.records.fingerprint import digest
from bench.records.measurements import Measurement, Numbers, joined
from bench.records.record import Record
from bench.training.streams import Stream, latents_of

Play = Callable[[Cell, Checkpoint, int], Field]
"""A cell, its networks, and the samples in a batch → the game."""


@dataclass(frozen=True)
class Measurer:
    """Measures runs of one method on one dataset with one architecture.

    Args:
        subject: the prepared dataset and its extractors.
        architecture: whose networks the runs keep.
        packing: how many samples the method shows its discriminator at once.
        play: gives the game of a checkpoint of a cell, for metrics that look at one.
    """

    subject: Subject
    architecture: Any
    packing: int = 1
    play: Play | None = None

    def measure(self, record: Record, wanted: list[Wanted]) -> list[Measurement]:
        """Take the measurements ``wanted`` of a run.

        If a metric cannot be measured, only its own numbers are missing, and the measurement holds
        the reason. A measurement of every checkpoint, possibly an older one, selects the best.
        """
        taken = {
            each.key: _Taken(each.metric, self._quantities(each.metric), each.iterate)
            for each in wanted
        }
        of_series = [taken[each.key] for each in wanted if each.metric.times == "once"]
        if of_series:
            try:
                whole = Seen(self.subject, torch.empty(0), record.series())
            except BenchError as error:
                for own in of_series:
                    own.missing(error, None)
            else:
                for own in of_series:
                    own.whole = own.take(whole)
        updates = [checkpoint["update"] for checkpoint in record.checkpoints]
        every = [taken[each.key] for each in wanted if each.metric.times == "every"]
        self._visit(record, updates, every)
        for each in wanted:
            if each.metric.times in ("ends", "last"):
                at = {*updates[-1:]}
                if each.judge is not None and len(updates) > 1:
                    key, quantity = each.judge
                    now, before = taken.get(key), record.known.get(key)
                    values = now.values if now else before.values if before else {}
                    found = best(values, updates, quantity)
                    at |= set() if found is None else {found}
                taken[each.key].at = sorted(at)
        ends = sorted({at for each in taken.values() for at in each.at})
        self._visit(record, ends, [each for each in taken.values() if each.at])
        return [self._measurement(each, taken[each.key], updates) for each in wanted]

    def _visit(self, record: Record, updates: list[int], metrics: list[_Taken]) -> None:
        """Show checkpoint after checkpoint to all metrics that want it."""
        if not metrics:
            return
        dataset, device = self.subject.dataset, self.subject.device
        count, size = dataset.evaluation_samples, self.architecture.latent

        def latents(draw: int) -> Tensor:
            return latents_of_draw(record.cell.seed, draw, count, size).to(device)

        # a metric that looks back looks at the same ones at the next checkpoint
        @lru_cache(maxsize=2)
        def again(update: int, iterate: Iterate) -> Seen:
            """Return a checkpoint that a later one is compared with, in modules of its own."""
            own = modules_of(self.architecture, dataset, self.packing)
            return self._seen(record, record.checkpoint(update), iterate, own, first, latents)

        modules = modules_of(self.architecture, dataset, self.packing)
        first = latents(0)
        known = [checkpoint["update"] for checkpoint in record.checkpoints]
        for update in updates:
            interested: dict[Iterate, list[_Taken]] = defaultdict(list)
            for each in metrics:
                if not each.at or update in each.at:
                    interested[each.iterate].append(each)
            checkpoint: Checkpoint | None = None
            for iterate, those in interested.items():
                try:
                    checkpoint = checkpoint or record.checkpoint(update)
                    seen = self._seen(record, checkpoint, iterate, modules, first, latents)
                    before = [at for at in known if at < update]
                    seen.earlier = _Earlier(before, partial(again, iterate=iterate))
                except (NotMeasured, BenchError) as error:
                    for each in those:
                        each.missing(error, update)
                    continue
                for each in those:
                    each.values[update] = each.take(seen)

    def _seen(
        self,
        record: Record,
        checkpoint: Checkpoint,
        iterate: Iterate,
        modules: Any,
        first: Tensor,
        latents: Callable[[int], Tensor],
    ) -> Seen:
        players = (
            loaded(modules[0], checkpoint.generator(iterate), "generator").to(self.subject.device),
            loaded(modules[1], checkpoint.players["discriminator"], "discriminator").to(
                self.subject.device
            ),
        )
        images = len(self.subject.dataset.sample_shape) == 3

        def samples(own: Tensor) -> Tensor:
            found = generated(players[0], own, images)
            if not bool(found.isfinite().all()):
                raise NotFinite("a generated sample is not finite")
            return as_compared(found)

        play = None if self.play is None else partial(self.play, record.cell, checkpoint)
        return Seen(
            self.subject,
            lambda: samples(first),
            players=players,
            redraw=lambda d: samples(latents(d)),
            play=play,
        )

    def _measurement(self, wanted: Wanted, taken: _Taken, updates: list[int]) -> Measurement:
        begun = time.perf_counter()
        found: int | None = None
        if wanted.metric.times == "every" and len(updates) > 1:
            found = best(taken.values, updates, judging(wanted.metric, self.subject.dataset))
        floor: Numbers = {}
        protocol: dict[str, Any] = {}
        if wanted.metric.needs != "series":
            floor, reasons, protocol = self._beside(wanted)
            # a floor's reason counts where nothing else was wrong
            taken.reasons = reasons | taken.reasons
        return Measurement(
            key=wanted.key,
            metric=wanted.metric.called,
            component=wanted.part,
            ingredients=wanted.ingredients,
            values=taken.values,
            whole=taken.whole,
            reasons=taken.reasons,
            floor=floor,
            protocol=protocol,
            best=found,
            measured={"seconds": taken.seconds + time.perf_counter() - begun},
        )

    def _beside(self, wanted: Wanted) -> tuple[Numbers, dict[str, Reason], dict[str, Any]]:
        """Return floor, reasons for its gaps, and protocol; all empty if the metric fails there."""
        try:
            return *self._floor(wanted), self.protocol(wanted.metric)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except (Exception, SystemExit) as error:  # a user's file may raise anything
            told = (str(error).splitlines() or [""])[0]
            reason = error.reason if isinstance(error, NotMeasured) else Reason("failed", told)
            return {}, dict.fromkeys(wanted.names, reason), {}

    def _quantities(self, metric: Metric) -> tuple[Quantity, ...]:
        return metric.quantities(self.subject.dataset)

    def _floor(self, wanted: Wanted) -> tuple[Numbers, dict[str, Reason]]:
        """Measure real samples: those held out from the reference. Once for a machine."""
        metric, dataset = wanted.metric, self.subject.dataset
        stated = metric.floor(dataset)
        if stated is not None:
            return dict(stated), {}
        if metric.needs in ("networks", "game"):
            return {}, {}
        of_a_run = ("run", "best checkpoint by", "iterate")
        known = {k: value for k, value in wanted.ingredients.items() if k not in of_a_run}
        key = digest([self.subject.identity, known, str(self.subject.device)])

        def make(file: Path) -> None:
            taken = _Taken(metric, self._quantities(metric), wanted.iterate)
            numbers = taken.take(Seen(self.subject, as_compared(dataset.held_out_samples())))
            reasons = {name: [why.kind, why.text] for name, why in taken.reasons.items()}
            file.write_text(json.dumps([numbers, reasons]), encoding="utf-8")

        def load(file: Path) -> tuple[Numbers, dict[str, Reason]]:
            numbers, reasons = json.loads(file.read_text(encoding="utf-8"))
            return numbers, {name: Reason(*why) for name, why in reasons.items()}

        return once(self.subject.cache / f"floor-{dataset.name}-{key}.json", load, make)

    def protocol(self, metric: Metric) -> dict[str, Any]:
        """Return what a score needs beside its number to be compared."""
        extractor = {} if metric.sees is None else self.subject.network(metric.sees).describe()
        return joined([self.subject.dataset.protocol(), extractor, metric.describe()])


def failed(wanted: Wanted, updates: list[int], why: str) -> Measurement:
    """Return the measurement of a metric that nothing came back of."""
    nothing: Numbers = dict.fromkeys(wanted.names)
    once_only = wanted.metric.times == "once"
    return Measurement(
        key=wanted.key,
        metric=wanted.metric.called,
        component=wanted.part,
        ingredients=wanted.ingredients,
        values={} if once_only else dict.fromkeys(updates[-1:], nothing),
        whole=nothing if once_only else {},
        reasons=dict.fromkeys(wanted.names, Reason("failed", why)),
    )


@dataclass
class _Taken:
    """Numbers of one metric as they come in."""

    metric: Metric
    quantities: tuple[Quantity, ...]
    iterate: Iterate
    at: list[int] = field(default_factory=list)
    """The checkpoints it wants; none: every one."""
    values: dict[int, Numbers] = field(default_factory=dict)
    whole: Numbers = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)
    seconds: float = 0.0

    def take(self, seen: Seen) -> Numbers:
        """Measure, and note why numbers are missing."""
        begun = time.perf_counter()
        results: Results = take(self.metric, seen, self.quantities)
        self.seconds += time.perf_counter() - begun
        self.reasons |= {n: v for n, v in results.items() if isinstance(v, Reason)}
        return {n: None if isinstance(v, Reason) else v for n, v in results.items()}

    def missing(self, error: NotMeasured | BenchError, update: int | None) -> None:
        """Note why a checkpoint, or the series, could not be seen."""
        reason = error.reason if isinstance(error, NotMeasured) else Reason("failed", str(error))
        names = [quantity.name for quantity in self.quantities]
        self.reasons |= dict.fromkeys(names, reason)
        if update is None:
            self.whole = dict.fromkeys(names)
        else:
            self.values[update] = dict.fromkeys(names)


@dataclass(frozen=True)
class _Earlier(Sequence[Evaluation]):
    """Checkpoints that are loaded when one is asked for."""

    updates: list[int]
    load: Callable[[int], Seen]

    def __len__(self) -> int:
        return len(self.updates)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return _Earlier(self.updates[place], self.load)
        return self.load(self.updates[place])


def latents_of_draw(seed: int, draw: int, count: int, size: int) -> Tensor:
    """Return a seed's latents of one draw, (count, size); those of draw 0 every metric sees.

    Other draws are streams of their own. Fewer latents are the first of more.
    """
    if not draw:
        return latents_of(seed, count, size)
    own = np.random.SeedSequence([seed, int(Stream.EVALUATION), draw])
    return latents_of(int(own.generate_state(1, np.uint64)[0]), count, size)


def best(values: dict[int, Numbers], updates: Iterable[int], quantity: Quantity) -> int | None:
    """Return the update of the best checkpoint by a quantity, the earliest of equals, or None.

    The start does not count: an untrained generator may happen to lie on a mode.
    """
    known = {
        update: value
        for update in list(updates)[1:]
        if (value := values.get(update, {}).get(quantity.name)) is not None
    }
    return max(known, key=lambda update: quantity.sign * known[update], default=None)
