"""The contract of metrics and extractors: what measures a trained run.

A metric is one file in ``bench/metrics/`` (or a folder of one's own, or an installed package) with
one frozen dataclass that derives from :class:`Metric`; its fields are its hyperparameters. It is
shown an :class:`Evaluation` and returns a number, or the reason why there is none, for each of its
quantities. An extractor, one file in ``bench/extractors/``, turns samples into features; metrics
that compare features work with all of them.

Nothing else lists metrics: tables, figures, MLflow, exports and the documentation ask them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.quantity import Quantity as Quantity

When = Literal["every", "ends", "last", "once"]
"""At every checkpoint; at the last and the best one; at the last; or once, from the whole run's
series."""
Need = Literal["samples", "features", "networks", "game", "series"]
Iterate = Literal["last", "averaged"]
"""Which of a generator's weights: those after the last update, or their moving average."""


@dataclass(frozen=True)
class Reason:
    """Why a number is missing: a kind that programs test, and a text that people read."""

    kind: Literal["too_few", "undefined", "not_finite", "unavailable", "not_kept", "failed"]
    text: str


class NotMeasured(ValueError):
    """A number is missing for a reason that can be stated."""

    kind: ClassVar[Any] = "undefined"

    @property
    def reason(self) -> Reason:
        return Reason(self.kind, str(self))


class TooFew(NotMeasured):
    """A number is not defined, or not worth reporting, for so few samples."""

    kind = "too_few"

    @classmethod
    def of(cls, needed: int, there: int, what: str = "samples") -> Self:
        return cls(
            f"needs at least {needed:,} {what}, there {'is' if there == 1 else 'are'} {there:,}"
        )


class NotFinite(NotMeasured):
    """Samples or features hold NaN or infinities, or overflow."""

    kind = "not_finite"


class Unavailable(NotMeasured):
    """Something that a metric needs, such as weights, is not on this machine."""

    kind = "unavailable"


class NotKept(NotMeasured):
    """A metric asks for networks that the run did not keep."""

    kind = "not_kept"


Values = dict[str, float]
Results = dict[str, float | Reason]
"""A number, or why there is none, by the name of the quantity."""


class Facts(Protocol):
    """Properties of a dataset that metrics and extractors may use before measuring."""

    @property
    def name(self) -> str: ...
    @property
    def sample_shape(self) -> tuple[int, ...]: ...
    @property
    def evaluation_samples(self) -> int: ...
    @property
    def ranked_by(self) -> tuple[str, ...]: ...
    @property
    def labelled(self) -> bool:
        """Whether it has labelled images of digits, which a classifier can learn from."""


class Features(NamedTuple):
    """An extractor's features of N samples."""

    values: Tensor
    """(N, D), on the CPU."""
    logits: Tensor | None = None
    """(N, C) class scores, or (N, K, C) of K parts of a sample; None where it has no classes."""


class Network(Protocol):
    """An extractor that is ready: weights loaded, on its device."""

    def __call__(self, samples: Tensor) -> Features:
        """Return the features of points (N, d), or of images as bytes (N, C, H, W)."""

    def describe(self) -> dict[str, Any]:
        """Return its part of a score's protocol, which identifies it."""


@dataclass(frozen=True)
class Extractor(ABC):
    """A source of features; its fields are its hyperparameters."""

    name: ClassVar[str] = ""
    label: ClassVar[str] = ""
    """Its name in reports: ``LeNet``."""
    has_classes: ClassVar[bool] = False
    """Whether its features come with class scores."""

    @property
    def prefix(self) -> str:
        """Prefix of its quantities' names: ``lenet_`` makes ``kid`` ``lenet_kid``."""
        return f"{self.name}_"

    distance_digits: ClassVar[int] = 2
    kernel_digits: ClassVar[int] = 3
    """Decimals that tables show of Fréchet distances and of kernel distances."""

    @property
    def distance(self) -> tuple[str, str]:
        """Name and label of the Fréchet distance between its features; only one is FID."""
        return f"{self.prefix}fd", f"{self.label} FD"

    def hyperparameters(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @abstractmethod
    def not_applicable(self, dataset: Facts) -> str | None:
        """Return why its features mean nothing for these samples, or None."""

    def fetch(self) -> None:  # noqa: B027 - optional
        """Bring its weights to this machine, once and before anything is trained.

        Raises:
            Unavailable: they are missing and cannot be downloaded.
        """

    def identity(self) -> str:
        """Return a hash of weights that its hyperparameters do not name; part of every key.

        Raises:
            Unavailable: there are no weights.
        """
        return ""

    @abstractmethod
    def load(self, dataset: Any, cache: Path, device: Any) -> Network:
        """Return it ready to use. What ``dataset`` and ``identity`` name is all it depends on."""


class Direction(Protocol):
    """Both players' descent directions v at one point, the discriminator's first."""

    @property
    def value(self) -> Tensor:
        """v = (−∇ of the discriminator's loss, −∇ of the generator's), (N,)."""

    def pulled(self, vector: Tensor) -> Tensor:
        """Return v′ᵀ u, v′ the Jacobian of v: (N,) → (N,); it has the eigenvalues of v′."""

    def own_pulled(self, player: int, vector: Tensor) -> Tensor:
        """Return it for the discriminator's (0) or generator's (1) own block: (Nᵢ,) → (Nᵢ,)."""


class Field(Protocol):
    """The game of a checkpoint: the losses that its method minimises, on one fixed batch."""

    @property
    def weights(self) -> Tensor:
        """Both players' last weights at the checkpoint, (N,), the discriminator's first."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of the discriminator's and of the generator's weights."""

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of the discriminator and the generator at the checkpoint."""

    @property
    def critic_steps(self) -> int:
        """Discriminator updates for one of the generator."""

    @property
    def packing(self) -> int:
        """Samples that the discriminator is shown at once."""

    def at(self, weights: Tensor) -> Direction:
        """Return the field at any weights, (N,)."""

    @property
    def real(self) -> Tensor:
        """The batch's training samples, (B, …), images in [−1, 1]."""

    @property
    def latents(self) -> Tensor:
        """The batch's latents, (B, Z)."""

    @property
    def generated(self) -> Tensor:
        """Samples of the generator's last weights from these latents, as in training: (B, …)."""

    @property
    def discriminator_weights(self) -> Mapping[str, Tensor]:
        """The discriminator's weights by name, transformed by the method."""

    def logits(self, samples: Tensor) -> Tensor:
        """Return the discriminator's logits for samples as in training, images in [−1, 1].

        (N, …) → (N // packing,), differentiable.
        """


class Evaluation(Protocol):
    """The input of a metric: one member at one checkpoint, and real data."""

    @property
    def earlier(self) -> Sequence[Evaluation]:
        """The same of the checkpoints before it, the first one first; each is loaded when asked
        for, and raises :class:`NotKept` where its networks are gone."""

    def game(self, batch: int) -> Field:
        """Return the game on ``batch`` real training samples and as many latents, the same at every
        checkpoint."""

    @property
    def dataset(self) -> Any: ...
    @property
    def samples(self) -> Tensor:
        """Generated samples: points (N, d), or images as bytes (N, C, H, W)."""

    @property
    def real(self) -> Tensor:
        """The reference samples, of the same kind: (M, …)."""

    @property
    def generator(self) -> nn.Module: ...
    @property
    def discriminator(self) -> nn.Module: ...
    @property
    def series(self) -> Mapping[str, NDArray[np.float32]]:
        """``discriminator_loss``, ``discriminator_norm`` and the generator's, (T,) each."""

    def redrawn(self, draws: int) -> Iterable[Evaluation]:
        """Yield the same with samples of other latents, ``draws`` times."""

    def features(self, extractor: Extractor) -> Features:
        """Return the samples' features, computed once for all metrics."""

    def reference(self, extractor: Extractor) -> Any:
        """Return the reference samples' (:class:`bench.measuring.reference.Reference`), cached."""


@dataclass(frozen=True)
class Metric(ABC):
    """A metric; its fields are its hyperparameters.

    ``name`` is the file's unless the class states one.
    """

    name: ClassVar[str] = ""
    needs: ClassVar[Need] = "samples"
    by_default: ClassVar[bool] = True
    """Whether it is measured wherever it applies, or only where a study asks for it by name."""
    measured: ClassVar[When] = "every"
    """When it is taken, unless a study says otherwise (``{kid: {when: every}}``)."""
    family: ClassVar[str] = ""
    """A name by which a study asks for all metrics that state it, where they apply."""

    when: Literal["every", "ends"] | None = None
    """``every`` checkpoint, or the ``ends``: the last and the best. None: as the metric says."""

    @abstractmethod
    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        """Return its quantities, in the order of the tables."""

    @abstractmethod
    def not_applicable(self, dataset: Facts) -> str | None:
        """Return why it means nothing for this dataset, or None."""

    @abstractmethod
    def measure(self, seen: Evaluation) -> Results:
        """Return a finite number, or a :class:`Reason`, for every quantity.

        It may raise :class:`NotMeasured`, which is the reason for all of them.
        """

    def floor(self, dataset: Any) -> Values | None:
        """Return a perfect generator's values; None: measured on real samples held out."""
        return None

    def describe(self) -> dict[str, Any]:
        """Return its part of a score's protocol, besides the extractor's: counts, constants."""
        return {}

    def hyperparameters(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @property
    def times(self) -> When:
        # a series is that of the whole run
        return "once" if self.needs == "series" else self.when or self.measured

    @property
    def called(self) -> str:
        """The name by which a study asks for it, unique among the metrics of a dataset."""
        return self.name

    @property
    def sees(self) -> Extractor | None:
        """The extractor whose features it compares."""
        return None

    @property
    def of(self) -> Iterate | None:
        """The iterate that it is taken of; None: the one that a study ranks by."""
        return None

    @property
    def plain(self) -> Metric:
        """The underlying metric, if this is a variant of one (bench/taken.py)."""
        return self


@dataclass(frozen=True)
class FeatureMetric(Metric):
    """A metric of features, which works with every extractor that fits the data.

    It is called by its name behind the extractor's prefix: ``lenet_kid``; Inception's and those of
    points have none.
    """

    needs: ClassVar[Need] = "features"
    extractors: ClassVar[tuple[str, ...]] = ()
    """Extractors with which it is measured by default, with the first that fits the data; with
    others where a study asks for it."""

    extractor: Any = "inception"
    """Its name, or ``{name: its hyperparameters}``; the registry makes it into one."""

    @property
    def sees(self) -> Extractor:
        if not isinstance(self.extractor, Extractor):
            raise TypeError(f"the extractor {self.extractor!r} has not been made yet")
        return self.extractor

    def hyperparameters(self) -> dict[str, Any]:
        return super().hyperparameters() | {
            "extractor": {self.sees.name: self.sees.hyperparameters()}
        }

    @property
    def called(self) -> str:
        return f"{self.sees.prefix}{self.name}"

    @property
    def group(self) -> str:
        return f"{self.sees.label} features"

    def not_applicable(self, dataset: Facts) -> str | None:
        return self.sees.not_applicable(dataset)
