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
from bench.values import Count, CountFrom2

SEEN, SMALLEST = 0.01, 1e-12
"""Share of the largest modulus, and modulus, that an eigenvalue needs to count as rotating."""


@dataclass(frozen=True)
class Jacobian(Metric):
    """Extreme eigenvalues of v′, v both players' descent directions (docs/anatomy.md)."""

    needs: ClassVar[Need] = "game"
    by_default: ClassVar[bool] = False
    measured: ClassVar[When] = "last"
    family: ClassVar[str] = "anatomy"

    batch: Count = 256
    steps: CountFrom2 = 50

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
        return tuple(
            Quantity(*each, digits=4, group="The game's Jacobian", descriptive=True)
            for each in told
        )

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def measure(self, seen: Evaluation) -> Results:
        field = seen.game(self.batch)
        at = field.at(field.weights)
        found: Results = {}
        size = sum(field.sizes)
        whole = spectrum(_product(at, at.pulled), size, self.steps)
        found["game_real"] = _largest(whole, np.real)
        found["game_modulus"] = _largest(whole, np.abs)
        found["game_imaginary"], found["game_rotation"] = _rotation(whole)
        discriminator, generator = field.rates
        together, in_turn = _steps(at, field)
        # the spectrum of equal rates is known already
        stepped = whole if discriminator == generator else spectrum(together, size, self.few)
        factor = discriminator if discriminator == generator else 1.0
        found["game_simultaneous"] = _largest(stepped, lambda v: np.abs(1 + factor * v))
        found["game_alternating"] = _largest(
            spectrum(in_turn, size, self.few), lambda v: np.abs(1 + v)
        )
        for player, name in enumerate(("discriminator", "generator")):
            # the Hessian of a player's own loss is −v′ of its own weights
            hessian = _product(at, partial(at.own_pulled, player), -1.0)
            block = spectrum(hessian, field.sizes[player], self.few, symmetric=True)
            found[f"{name}_curvature"] = _largest(block, lambda v: -v, -1.0)
        return found

    @property
    def few(self) -> int:
        """Vectors for extremes at the rim of a spectrum, which converge first."""
        return self.steps // 2


def _rotation(whole: Spectrum) -> tuple[Any, Any]:
    """Return the largest |Im λ|, and |Im λ|/|λ|, of those that are known; or why there is none.

    There is none where an approximation that is not known well enough has a larger imaginary part.
    """
    imaginary = float(np.abs(whole.known.imag).max(initial=0.0))
    if not len(whole.known) or np.abs(whole.values.imag).max() > imaginary * (1 + SEEN) + SMALLEST:
        told = "the eigenvalue that rotates most has not converged; ask for more steps"
        return (NotMeasured(told).reason,) * 2
    counted = whole.known[np.abs(whole.known) >= max(SEEN * whole.modulus, SMALLEST)]
    return imaginary, float((np.abs(counted.imag) / np.abs(counted)).max(initial=0.0))


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
    """Return what a simultaneous step and an alternating round add to a vector; transposed.

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
