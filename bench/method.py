"""The method contract: what a stabilisation method may change, and the default for each part.

A method is one file in ``methods/`` with one frozen dataclass that derives from :class:`Method`.
Its fields are its hyperparameters. The base class is a complete non-saturating GAN
(Goodfellow et al. 2014, section 3), so a method overrides only what it is about.

Shapes. Every tensor has a leading population axis P: one entry per seed that trains in the
same population. B is the batch. Losses are averaged over B and never over P: the engine sums
over P and differentiates, and since members share nothing, each receives its own gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Protocol

from torch import Tensor
from torch.nn.functional import softplus

from bench.values import (  # noqa: F401 - methods take them from here
    Count,
    CountFrom0,
    CountFrom2,
    Decay,
    NonNegative,
    Positive,
    Share,
    Unbounded,
)

Weights = dict[str, Tensor]
"""A network's parameters by name, each with the leading population axis."""


@dataclass(frozen=True)
class Optimizer:
    """One player's optimiser. ``betas`` are Adam's; RMSProp and SGD leave them unread.

    ``kind`` is adam, rmsprop, sgd, or one of these with ``optimistic_`` before it.
    """

    kind: str = "adam"
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)

    def scaled(self, factor: float) -> Optimizer:
        """Return the same optimiser with its learning rate multiplied by ``factor``."""
        return replace(self, learning_rate=self.learning_rate * factor)


@dataclass(frozen=True)
class Progress:
    """The progress of training: ``update`` of ``total`` discriminator updates are done.

    In a training these are tensors of no dimensions, so that a round which is compiled once holds
    for every update: calculate with them, but do not branch on them.
    """

    update: Any
    total: Any

    @property
    def fraction(self) -> Any:
        return self.update / self.total


class Discriminator(Protocol):
    """The discriminator as a penalty sees it, its weights already transformed by the method."""

    weights: Weights
    state: Weights
    """The method's own state, kept from update to update; a penalty may change it."""

    def __call__(self, samples: Tensor) -> Tensor:
        """Return logits: (P, B, …) → (P, B). Those of ``real`` and ``fake`` are known already."""

    def input_gradient(self, samples: Tensor) -> Tensor:
        """Return ∇ₓD(x) of every single sample, itself differentiable: (P, B, …) → (P, B, …)."""


class Noise(Protocol):
    """Random numbers of a method's own, drawn from each member's private stream."""

    def uniform(self, *shape: int) -> Tensor:
        """Draw from U[0, 1): shape → (P, *shape)."""

    def normal(self, *shape: int) -> Tensor:
        """Draw from N(0, 1): shape → (P, *shape)."""


Gradients = list[Tensor]
"""One player's, each with the leading population axis."""

Regulariser = Callable[[Gradients, Gradients], Tensor]
"""The discriminator's and the generator's gradients → (P,)."""

Point = list[Tensor]
"""Where both players stand; made and read by the game only."""


class Game(Protocol):
    """The operations of :meth:`Method.update`. Each call for gradients draws one fresh batch.

    Everything called ``step`` is one update of the budget.
    """

    simultaneous: bool
    critic_steps: int
    """The method's, unless training gives one for all methods."""

    def discriminator_gradients(self) -> Gradients: ...
    def generator_gradients(self, ahead: int = 0) -> Gradients:
        """Return gradients against the discriminator, or against it after ``ahead`` more steps."""

    def joint_gradients(self, regulariser: Regulariser) -> tuple[Gradients, Gradients]:
        """Return both players' gradients, each with that of the regulariser added."""

    def step_discriminator(self, gradients: Gradients) -> None: ...
    def step_generator(self, gradients: Gradients) -> None: ...

    def extrapolate(self, discriminator: Gradients, generator: Gradients) -> Point:
        """Take a lookahead step of both players, and return the point to go back to."""

    def return_to(self, point: Point) -> None: ...


class DatasetFacts(Protocol):
    """Properties of a dataset that :meth:`Method.not_applicable` may use."""

    @property
    def name(self) -> str: ...
    @property
    def sample_shape(self) -> tuple[int, ...]: ...


class ArchitectureFacts(Protocol):
    """Properties of an architecture that :meth:`Method.not_applicable` may use."""

    @property
    def name(self) -> str: ...
    @property
    def batch_norm_in_discriminator(self) -> bool: ...
    @property
    def scalar_discriminator(self) -> bool: ...


@dataclass(frozen=True)
class Method:
    """The non-saturating GAN, and the contract every method keeps."""

    name: ClassVar[str] = ""
    """The name used everywhere; left empty, it is the name of the file."""

    on_request: ClassVar[bool] = False
    """Whether ``methods: all`` leaves it out, so that it runs where it is named. Not inherited."""

    published: ClassVar[dict[str, dict[str, Any]]] = {}
    """Hyperparameters that the authors published for ``points`` or for ``images``, where they are
    not the defaults; used by studies that say ``hyperparameters: published``."""
    search: ClassVar[dict[str, Any]] = {}
    """Values for `bench tune`: choices ``[1, 5]``; ranges ``(0.7, 1)``, ``(0.1, 9, "log")``.

    A positive float that is not named is tried within a factor of 10 of its default, unless it is
    given as ``[]``; other types are tried only if named. Not part of a cell's key."""

    critic_steps = 1
    """Discriminator updates per generator update."""

    packing = 1
    """Number of samples that the discriminator gets as one, their channels concatenated."""

    @property
    def batches(self) -> int:
        """Number of the study's batches in one batch of this method."""
        return 1

    ema = 0.0
    """Decay of the average of the generator's weights that is evaluated; 0 for its own weights."""

    generator_sees_real: ClassVar[bool] = False
    """Whether :meth:`generator_loss` needs the logits of real samples (relativistic losses)."""

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return −log D(x) − log(1 − D(G(z))): (P, B), (P, B) → (P,)."""
        return softplus(-real_logits).mean(1) + softplus(fake_logits).mean(1)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        """Return −log D(G(z)): (P, B) → (P,).

        ``real_logits`` is None unless ``generator_sees_real``.
        """
        return softplus(-fake_logits).mean(1)

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor | None:
        """Return a term of the discriminator's loss: (P, B, …), (P, B, …) → (P,), or None."""
        return None

    def discriminator_input(self, samples: Tensor, progress: Progress, noise: Noise) -> Tensor:
        """Return the discriminator's input in place of ``samples``, real or fake: same shape."""
        return samples

    def initial_state(self, discriminator: Weights, noise: Noise) -> Weights:
        """Return tensors with a leading P that the method carries from update to update."""
        return {}

    def discriminator_weights(self, weights: Weights, state: Weights, advance: bool) -> Weights:
        """Return the weights the discriminator is called with, differentiable in ``weights``.

        ``advance`` is true once per discriminator update: only then may ``state`` be changed.
        """
        return weights

    def kept_weights(self, weights: Weights) -> Weights:
        """Return the discriminator's weights after each of its steps, such as clipped ones."""
        return weights

    def applied_gradients(self, gradients: Gradients) -> Gradients:
        """Return the gradients that either player's optimiser gets, such as clipped ones."""
        return gradients

    def optimizers(self, base: Optimizer) -> tuple[Optimizer, Optimizer]:
        """Return the generator's and the discriminator's, relative to the study's ``base``."""
        return base, base

    def update(self, game: Game) -> None:
        """Play one round: ``critic_steps`` discriminator updates, then one of the generator.

        In simultaneous training both players move from the same point.
        """
        for _ in range(game.critic_steps - 1):
            game.step_discriminator(game.discriminator_gradients())
        discriminator = game.discriminator_gradients()
        if game.simultaneous:
            generator = game.generator_gradients()
            game.step_discriminator(discriminator)
            game.step_generator(generator)
        else:
            game.step_discriminator(discriminator)
            game.step_generator(game.generator_gradients())

    def round_length(self, critic_steps: int) -> int:
        """Return the discriminator updates that one call of :meth:`update` spends."""
        return critic_steps

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        """Return why this method is meaningless there, or None. Such cells are never trained."""
        return None

    def hyperparameters(self) -> dict[str, Any]:
        """Return the hyperparameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def no_single_samples(architecture: ArchitectureFacts) -> str | None:
    """Return why penalties on the slope at single samples have no meaning, or None."""
    if architecture.batch_norm_in_discriminator:
        return (
            "batch normalisation ties the samples of a batch together, so that the gradient "
            "at a single sample, which the penalty is about, does not exist"
        )
    return None
