"""Several methods as one: every hook is that of the part that overrides it.

A part states a hook if it overrides the contract's default. Most hooks can be stated by only one
part. Several parts can state these:

- penalties add up, in the order of the parts;
- optimisers are applied one after the other, where their order makes no difference;
- each part has its own state;
- if a part does not apply to a dataset, no combination with it does.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

from torch import Tensor

from bench.errors import BenchError
from bench.method import (
    ArchitectureFacts,
    DatasetFacts,
    Discriminator,
    Game,
    Gradients,
    Method,
    Noise,
    Optimizer,
    Progress,
    Weights,
)

SIGN = "+"
"""Between the names of a combination's parts."""

CLAIMS: dict[str, tuple[str, ...]] = {
    "the loss": ("discriminator_loss", "generator_loss", "generator_sees_real"),
    "what the discriminator is shown": ("discriminator_input",),
    "the weights that the discriminator is called with": ("discriminator_weights",),
    "the weights that are kept after a step": ("kept_weights",),
    "the gradients that are applied": ("applied_gradients",),
    "the round of updates": ("update", "round_length"),
}
"""Properties that only one part can state, with the hooks that belong to each."""

NUMBERS: dict[str, str] = {
    "critic_steps": "the number of critic steps",
    "packing": "how many samples are judged as one",
    "batches": "how many batches are drawn as one",
    "ema": "the decay of the generator's average",
}
"""Properties that several parts can state if their values are equal."""

SHARED: dict[str, str] = {"penalty": "a penalty", "optimizers": "the optimisers"}
"""Properties that several parts can state; their statements are combined."""

BASES = tuple(
    Optimizer(kind, rate, betas)
    for kind, rate, betas in product(
        ("adam", "rmsprop", "sgd"), (1e-4, 3e-2), ((0.5, 0.999), (0.0, 0.9), (0.9, 0.99))
    )
)
"""Optimisers on which those of two parts are tried in both orders."""


def parts_of(method: Method) -> tuple[Method, ...]:
    """Return the parts of a combination; of another method, only itself."""
    return method.parts if isinstance(method, Combination) else (method,)


def states(method: Method, hook: str) -> bool:
    """Return whether a method states a hook itself: a function of its own, or another number."""
    if hook in NUMBERS:
        return bool(getattr(method, hook) != getattr(Method(), hook))
    return getattr(type(method), hook) is not getattr(Method, hook)


@dataclass(frozen=True)
class Combination(Method):
    """Several methods at once, in the order of their names.

    Raises:
        BenchError: two parts state what only one can state, or are the same method.
    """

    parts: tuple[Method, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.parts, key=lambda part: part.name))
        object.__setattr__(self, "parts", ordered)
        for first, second in combinations(self.parts, 2):
            if first.name == second.name:
                raise BenchError(f"'{self.name}' names {first.name} twice; name it once")
            if told := _clash(first, second):
                raise BenchError(f"{first.name} and {second.name} cannot be combined: {told}")

    @property
    def name(self) -> str:  # type: ignore[override]
        return SIGN.join(part.name for part in self.parts)

    @property
    def search(self) -> dict[str, Any]:  # type: ignore[override]
        return {
            f"{part.name}.{key}": value for part in self.parts for key, value in part.search.items()
        }

    @property
    def published(self) -> dict[str, dict[str, Any]]:  # type: ignore[override]
        found: dict[str, dict[str, Any]] = {}
        for part in self.parts:
            for data, own in part.published.items():
                named = {f"{part.name}.{key}": value for key, value in own.items()}
                found.setdefault(data, {}).update(named)
        return found

    def hyperparameters(self) -> dict[str, Any]:
        """Return every part's hyperparameters, as ``part.hyperparameter``."""
        return {
            f"{part.name}.{key}": value
            for part in self.parts
            for key, value in part.hyperparameters().items()
        }

    def described(self) -> str:
        """Return the contribution of each part, then the parts' own docstrings."""
        brought = "; ".join(f"{part.name}: {_brought(part)}" for part in self.parts)
        told = [f"{part.name}: {inspect.getdoc(type(part)) or ''}" for part in self.parts]
        return "\n\n".join([f"A combination. {brought}.", *told])

    @property
    def critic_steps(self) -> int:  # type: ignore[override]
        return int(self._number("critic_steps"))

    @property
    def packing(self) -> int:  # type: ignore[override]
        return int(self._number("packing"))

    @property
    def batches(self) -> int:
        return int(self._number("batches"))

    @property
    def ema(self) -> float:  # type: ignore[override]
        return float(self._number("ema"))

    @property
    def generator_sees_real(self) -> bool:  # type: ignore[override]
        return self._one("the loss").generator_sees_real

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return self._one("the loss").discriminator_loss(real_logits, fake_logits)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor | None) -> Tensor:
        return self._one("the loss").generator_loss(fake_logits, real_logits)

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor | None:
        """Return the sum of the parts' penalties.

        Raises:
            BenchError: a penalty does not have one value per member.
        """
        whole: Tensor | None = None
        for part in self.parts:
            own = _own(part, discriminator.state)
            term = part.penalty(_Shown(discriminator, own), real, fake, noise)
            _put_back(part, own, discriminator.state)
            if term is None:
                continue
            if term.shape != real.shape[:1]:
                # in a sum it would be spread over the members unseen
                raise BenchError(
                    f"penalty of {part.name} returned {tuple(term.shape)} where one value per "
                    f"member, shape {tuple(real.shape[:1])}, is expected; average over the batch "
                    "axis with .mean(1)"
                )
            whole = term if whole is None else whole + term
        return whole

    def discriminator_input(self, samples: Tensor, progress: Progress, noise: Noise) -> Tensor:
        part = self._one("what the discriminator is shown")
        return part.discriminator_input(samples, progress, noise)

    def initial_state(self, discriminator: Weights, noise: Noise) -> Weights:
        state: Weights = {}
        for part in self.parts:
            _put_back(part, part.initial_state(discriminator, noise), state)
        return state

    def discriminator_weights(self, weights: Weights, state: Weights, advance: bool) -> Weights:
        part = self._one("the weights that the discriminator is called with")
        own = _own(part, state)
        transformed = part.discriminator_weights(weights, own, advance)
        _put_back(part, own, state)
        return transformed

    def kept_weights(self, weights: Weights) -> Weights:
        return self._one("the weights that are kept after a step").kept_weights(weights)

    def applied_gradients(self, gradients: Gradients) -> Gradients:
        return self._one("the gradients that are applied").applied_gradients(gradients)

    def optimizers(self, base: Optimizer) -> tuple[Optimizer, Optimizer]:
        return _in_turn(self.parts, base)

    def update(self, game: Game) -> None:
        self._one("the round of updates").update(game)

    def round_length(self, critic_steps: int) -> int:
        return self._one("the round of updates").round_length(critic_steps)

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        for part in self.parts:
            if reason := part.not_applicable(dataset, architecture):
                return f"{part.name}: {reason}"
        return None

    def _one(self, claim: str) -> Method:
        """Return the part that states this property, or else the contract's defaults."""
        for part in self.parts:
            if any(states(part, hook) for hook in CLAIMS[claim]):
                return part
        return Method()

    def _number(self, hook: str) -> float:
        stated = (getattr(part, hook) for part in self.parts if states(part, hook))
        return next(stated, getattr(Method(), hook))


class _Shown:
    """The discriminator with the state of only one part."""

    def __init__(self, whole: Discriminator, state: Weights):
        self.weights, self.state = whole.weights, state
        self._whole = whole

    def __call__(self, samples: Tensor) -> Tensor:
        return self._whole(samples)

    def input_gradient(self, samples: Tensor) -> Tensor:
        return self._whole.input_gradient(samples)


def _own(part: Method, state: Weights) -> Weights:
    """Return one part's entries of a combination's state, under its own names."""
    prefix = f"{part.name}."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _put_back(part: Method, own: Weights, state: Weights) -> None:
    state.update({f"{part.name}.{key}": value for key, value in own.items()})


def _claims(method: Method) -> list[str]:
    return [claim for claim, hooks in CLAIMS.items() if any(states(method, hook) for hook in hooks)]


def _brought(part: Method) -> str:
    told = _claims(part)
    told += [what for hook, what in SHARED.items() if states(part, hook)]
    told += [f"{what} ({getattr(part, h)})" for h, what in NUMBERS.items() if states(part, h)]
    return ", ".join(told) or "nothing"


def _clash(first: Method, second: Method) -> str:
    """Return in words what both methods state though only one can; empty if nothing."""
    if both := [claim for claim in _claims(first) if claim in _claims(second)]:
        return f"both state {' and '.join(both)}; leave one of them out"
    for hook, what in NUMBERS.items():
        stated = getattr(first, hook), getattr(second, hook)
        if states(first, hook) and states(second, hook) and stated[0] != stated[1]:
            return f"they differ in {what}, {stated[0]} and {stated[1]}; make them agree"
    if states(first, "optimizers") and states(second, "optimizers"):
        try:
            free = _in_any_order(first, second)
        except Exception as error:  # a user's hook may raise anything
            return f"their optimisers cannot be tried, {type(error).__name__}: {error}"
        if not free:
            return "both state the optimisers, and their order would matter; leave one of them out"
    return ""


def _in_any_order(first: Method, second: Method) -> bool:
    """Return whether the optimisers of both come out the same in both orders, from every base."""
    orders = (first, second), (second, first)
    return all(_alike(*(_in_turn(order, base) for order in orders)) for base in BASES)


def _in_turn(parts: tuple[Method, ...], base: Optimizer) -> tuple[Optimizer, Optimizer]:
    """Return both players' optimisers after every part has changed them in turn."""
    generator = discriminator = base
    for part in parts:
        generator, _ = part.optimizers(generator)
        _, discriminator = part.optimizers(discriminator)
    return generator, discriminator


def _alike(one: tuple[Optimizer, Optimizer], other: tuple[Optimizer, Optimizer]) -> bool:
    """Return whether they are equal but for the rounding of a rate multiplied twice."""
    return all(
        replace(a, learning_rate=1.0) == replace(b, learning_rate=1.0)
        and math.isclose(a.learning_rate, b.learning_rate, rel_tol=1e-9)
        for a, b in zip(one, other, strict=True)
    )
