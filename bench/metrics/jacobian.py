"""Eigenvalues of the game at a checkpoint (Mescheder et al. 2017; Bérard et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.measuring.krylov import Product, Spectrum, spectrum
from bench.metric import (
    Direction,
    Evaluation,
    Facts,
    Field,
    Metric,
    Need,
    NotMeasured,
    Quantity,
    Results,
    When,
)

SEEN = 0.01
"""Share of the largest modulus from which on an eigenvalue counts for the rotation."""


@dataclass(frozen=True)
class Jacobian(Metric):
    """Extreme eigenvalues of v′, v both players' descent directions (docs/anatomy.md)."""

    needs: ClassVar[Need] = "game"
    by_default: ClassVar[bool] = False
    measured: ClassVar[When] = "ends"
    family: ClassVar[str] = "anatomy"

    batch: int = 256
    steps: int = 30

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        own = "least eigenvalue of the Hessian of the {0}'s own loss; below 0 it is at a saddle"
        told = (
            ("game_real", "max Re λ", "largest real part of the eigenvalues of v′; above 0 the "
             "flow leaves the point", False),
            ("game_modulus", "max |λ|", "largest modulus of the eigenvalues of v′", False),
            ("game_imaginary", "max |Im λ|", "largest imaginary part of the eigenvalues of v′",
             False),
            ("game_rotation", "rotation", "largest |Im λ|/|λ| of eigenvalues of at least 1 % of "
             "the largest modulus: 0 none rotates, 1 one only rotates", False),
            ("game_simultaneous", "simultaneous |1 + hλ|", "spectral radius of a simultaneous "
             "gradient step of both players", False),
            ("game_alternating", "alternating |1 + hλ|", "spectral radius of a round of "
             "alternating gradient steps", False),
            ("discriminator_curvature", "D curvature", own.format("discriminator"), True),
            ("generator_curvature", "G curvature", own.format("generator"), True),
        )  # fmt: skip
        return tuple(Quantity(*each, digits=4, group="The game's Jacobian") for each in told)

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def measure(self, seen: Evaluation) -> Results:
        field = seen.game(self.batch)
        at = field.at(field.weights)
        found: Results = {}
        whole = self._spectrum(_product(at, at.pulled), field)
        for name, score in _OF_THE_GAME.items():
            found[name] = _largest(whole, score)
        discriminator, generator = field.rates
        together, in_turn = _steps(at, field)
        # the spectrum of equal rates is known already
        stepped = whole if discriminator == generator else self._spectrum(together, field)
        factor = discriminator if discriminator == generator else 1.0
        found["game_simultaneous"] = _largest(stepped, lambda v: np.abs(1 + factor * v))
        found["game_alternating"] = _largest(
            self._spectrum(in_turn, field), lambda v: np.abs(1 + v)
        )
        for player, name in enumerate(("discriminator", "generator")):
            # the Hessian of a player's own loss is −v′ of its own weights
            hessian = _product(at, partial(at.own_pulled, player), -1.0)
            block = spectrum(hessian, field.sizes[player], self.steps, symmetric=True)
            found[f"{name}_curvature"] = _largest(block, lambda v: -v, -1.0)
        return found

    def _spectrum(self, product: Product, field: Field) -> Spectrum:
        return spectrum(product, sum(field.sizes), self.steps)


_OF_THE_GAME: dict[str, Callable[[NDArray[Any]], NDArray[np.float64]]] = {
    "game_real": np.real,
    "game_modulus": np.abs,
    "game_imaginary": lambda values: np.abs(values.imag),
    "game_rotation": lambda values: _rotation(values),
}


def _rotation(values: NDArray[Any]) -> NDArray[np.float64]:
    modulus = np.abs(values)
    seen = modulus >= SEEN * modulus.max()
    return np.where(seen & (modulus > 0), np.abs(values.imag) / np.maximum(modulus, 1e-300), 0.0)


def _largest(
    spectrum: Spectrum, score: Callable[[NDArray[Any]], NDArray[np.float64]], sign: float = 1.0
) -> Any:
    try:
        return sign * spectrum.largest(score)
    except NotMeasured as error:
        return error.reason


def _product(at: Direction, pulled: Callable[[Tensor], Tensor], sign: float = 1.0) -> Product:
    """Return a product of tensors as one of arrays in double precision."""
    value = at.value

    def product(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        return (
            sign
            * pulled(torch.as_tensor(vector, dtype=value.dtype, device=value.device))
            .double()
            .cpu()
            .numpy()
        )

    return product


def _steps(at: Direction, field: Field) -> tuple[Product, Product]:
    """What a simultaneous step, and a round of alternating ones, adds to a vector; transposed.

    A step of player i is w + hᵢ v′ᵢ w, v′ᵢ the player's own rows. A round is k of the
    discriminator, then one of the generator.
    """
    first = field.sizes[0]
    rates = np.repeat(field.rates, field.sizes)
    pulled = _product(at, at.pulled)

    def of(player: int, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        own = rates * vector
        own[slice(first, None) if player == 0 else slice(first)] = 0.0
        return pulled(own)

    def in_turn(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        after = vector + of(1, vector)
        for _ in range(field.critic_steps):
            after = after + of(0, after)
        return after - vector

    return lambda vector: pulled(rates * vector), in_turn
