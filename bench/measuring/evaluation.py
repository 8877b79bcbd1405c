"""The input of metrics: samples of stored networks, their features, and real samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.datasets.images import as_bytes
from bench.errors import BenchError
from bench.measuring.reference import KEPT, Reference, cached_reference
from bench.metric import (
    Evaluation,
    Extractor,
    Features,
    Field,
    Metric,
    Network,
    NotFinite,
    NotMeasured,
    Quantity,
    Reason,
    Results,
)
from bench.networks import Tensors
from bench.records.sources import sources_that_measure

POINTS_AT_ONCE, IMAGES_AT_ONCE = 2500, 500
"""Samples that are generated at once."""


class Subject:
    """A prepared dataset with the extractors that look at it, loaded once for many runs.

    Args:
        dataset: prepared; gives the real side.
        identity: a hash of all that its real samples depend on.
    """

    def __init__(self, dataset: Any, identity: str, cache: Path, device: torch.device):
        self.dataset, self.identity, self.cache, self.device = dataset, identity, cache, device
        self._networks: dict[Extractor, Network] = {}
        self._references: dict[Extractor, Reference] = {}

    def network(self, extractor: Extractor) -> Network:
        if extractor not in self._networks:
            self._networks[extractor] = extractor.load(self.dataset, self.cache, self.device)
        return self._networks[extractor]

    def reference(self, extractor: Extractor) -> Reference:
        """Return an extractor's view of the reference samples, computed once for all processes."""
        if extractor not in self._references:
            network = self.network(extractor)
            parts = [
                extractor.name,
                extractor.hyperparameters(),
                extractor.identity(),
                str(self.device),
            ]
            content = repr([self.identity, *parts, sources_that_measure(extractor)])
            self._references[extractor] = cached_reference(
                self.cache,
                f"{self.dataset.name}-{extractor.name}",
                content,
                lambda: network(self.real).values,
                KEPT,
            )
        return self._references[extractor]

    def know(self, extractor: Extractor, reference: Reference) -> None:
        """Take a reference that was computed elsewhere."""
        self._references[extractor] = reference

    @cached_property
    def real(self) -> Tensor:
        """The reference samples, as generated ones are compared with them."""
        return as_compared(self.dataset.reference_samples())


def as_compared(samples: Tensor) -> Tensor:
    """Return points as they are; images in [−1, 1] as the bytes that an image file would hold."""
    return as_bytes(samples) if samples.ndim == 4 else samples


@dataclass
class Seen:
    """Samples beside real ones, and the networks and series behind them where there are any."""

    subject: Subject
    drawn: Tensor | Callable[[], Tensor]
    """The samples, or what makes them once they are asked for."""
    series: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    players: tuple[nn.Module, nn.Module] | None = None
    redraw: Callable[[int], Tensor] | None = None
    """Gives samples of the same generator from the latents of a draw: 1, 2, …"""
    play: Callable[[int], Field] | None = None
    """Gives the game on a batch of so many samples."""
    earlier: Sequence[Evaluation] = ()
    _games: dict[int, Field] = field(default_factory=dict)
    _features: dict[Extractor, Features] = field(default_factory=dict)

    @property
    def dataset(self) -> Any:
        return self.subject.dataset

    @cached_property
    def samples(self) -> Tensor:
        return self.drawn if isinstance(self.drawn, Tensor) else self.drawn()

    @property
    def real(self) -> Tensor:
        return self.subject.real

    @property
    def generator(self) -> nn.Module:
        return self._players[0]

    @property
    def discriminator(self) -> nn.Module:
        return self._players[1]

    @property
    def _players(self) -> tuple[nn.Module, nn.Module]:
        if self.players is None:
            raise NotMeasured("it looks at networks, and these samples have none")
        return self.players

    def game(self, batch: int) -> Field:
        if self.play is None:
            raise NotMeasured("it looks at the game, and these samples come without one")
        if batch not in self._games:
            self._games[batch] = self.play(batch)
        return self._games[batch]

    def redrawn(self, draws: int) -> Iterator[Seen]:
        if self.redraw is None:
            raise NotMeasured("it draws samples anew, and these samples have no generator")
        for draw in range(1, draws + 1):
            yield Seen(self.subject, self.redraw(draw), players=self.players)

    def features(self, extractor: Extractor) -> Features:
        if extractor not in self._features:
            if not bool(self.samples.isfinite().all()):
                raise NotFinite("a generated sample is not finite")
            self._features[extractor] = self.subject.network(extractor)(self.samples)
        return self._features[extractor]

    def reference(self, extractor: Extractor) -> Reference:
        return self.subject.reference(extractor)


def take(metric: Metric, seen: Evaluation, expected: tuple[Quantity, ...]) -> Results:
    """Measure; an error in a metric becomes the reason for its own missing numbers."""
    names = [quantity.name for quantity in expected]
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            found = metric.measure(seen)
    except NotMeasured as error:
        return dict.fromkeys(names, error.reason)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except BenchError as error:
        return dict.fromkeys(names, Reason("failed", str(error)))
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        told = (str(error).splitlines() or [""])[0]
        return dict.fromkeys(names, Reason("failed", f"it raises {type(error).__name__}: {told}"))
    if not isinstance(found, Mapping) or set(found) != set(names):
        told = f"gives {found!r:.40}"
        if isinstance(found, Mapping):
            told = f"measures {', '.join(sorted(map(str, found))) or 'nothing'}"
        told = f"it {told} where {', '.join(names)} is expected"
        return dict.fromkeys(names, Reason("failed", told))
    return {name: _number(found[name]) for name in names}


def _number(value: Any) -> float | Reason:
    if isinstance(value, Reason):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return Reason("failed", f"it gives {value!r:.40}, which is no number")
    if not np.isfinite(number):
        return Reason("not_finite", "the number is not finite: features may be so large that it "
                      "overflows")  # fmt: skip
    return number


def loaded(module: nn.Module, tensors: Tensors, player: str) -> nn.Module:
    """Return a module with stored parameters and buffers, in evaluation mode.

    Raises:
        BenchError: they are those of another architecture.
    """
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    apart = {name: tuple(tensor.shape) for name, tensor in tensors.items()}.items() ^ shapes.items()
    if apart:
        names = ", ".join(sorted({name for name, _ in apart})[:3])
        raise BenchError(f"the stored {player} is not this architecture's: {names} differ")
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)
    return module.eval().requires_grad_(False)


@torch.no_grad()
def generated(generator: nn.Module, latents: Tensor, images: bool) -> Tensor:
    """Return samples of latents (N, Z), some at a time."""
    at_once = IMAGES_AT_ONCE if images else POINTS_AT_ONCE
    return torch.cat([generator(part) for part in latents.split(at_once)])


def judging(metric: Metric, dataset: Any) -> Quantity:
    """Return the quantity that selects the best checkpoint: the one that ranks, or the first."""
    quantities = metric.quantities(dataset)
    return next((q for q in quantities if q.name in dataset.ranked_by), quantities[0])


def modules_of(architecture: Any, dataset: Any, packing: int) -> tuple[nn.Module, nn.Module]:
    """Return both networks of an architecture, their weights to be loaded."""
    from bench.training.views import packed_shape

    shape = dataset.sample_shape
    with torch.random.fork_rng(devices=[]):
        return (
            architecture.generator(shape),
            architecture.discriminator(packed_shape(shape, packing)),
        )
