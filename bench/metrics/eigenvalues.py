"""The game's largest eigenvalues at three checkpoints of a run, for a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from bench.measuring.krylov import Vector, spectrum
from bench.metric import (
    Evaluation,
    Facts,
    Metric,
    Need,
    Quantity,
    Reason,
    Results,
    TooFew,
    When,
)
from bench.values import Count, CountFrom2

MOMENTS = ("early", "middle", "last")
PARTS = ("real", "imaginary")


def moments(checkpoints: int) -> tuple[int, int, int]:
    """Return the places of the three among so many checkpoints, the untrained one being 0."""
    return 1, checkpoints // 2, checkpoints - 1


def stored(numbers: Mapping[str, Any], moment: str) -> NDArray[np.complex128]:
    """Return those that a run's numbers hold of a moment, (N,), the largest first, N from 0 on."""
    found = []
    number = 1
    while (real := numbers.get(f"eigenvalue_{moment}_{number}_real")) is not None:
        found.append(complex(real, numbers[f"eigenvalue_{moment}_{number}_imaginary"]))
        number += 1
    return np.array(found, dtype=np.complex128)


@dataclass(frozen=True)
class Eigenvalues(Metric):
    """Largest eigenvalues of v′ at the first trained, the middle and the last checkpoint.

    They are those of ``jacobian`` (docs/anatomy.md), of a pair that with Im λ ≥ 0.
    """

    needs: ClassVar[Need] = "game"
    by_default: ClassVar[bool] = False
    measured: ClassVar[When] = "last"
    family: ClassVar[str] = "anatomy"

    batch: Count = 256
    steps: CountFrom2 = 50
    leading: Count = 12
    first_seeds: Count = 1

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        known = [
            (f"eigenvalues_{moment}", f"known λ, {moment}", "eigenvalues of v′ that have converged")
            for moment in MOMENTS
        ]
        known += [
            (f"eigenvalue_{moment}_{number}_{part}", f"λ {number}, {moment}, {part}",
             f"{part} part of the eigenvalue of v′ with the {number}. largest modulus")
            for moment, number, part in product(MOMENTS, range(1, self.leading + 1), PARTS)
        ]  # fmt: skip
        return tuple(Quantity(*each, False, descriptive=True, only_drawn=True) for each in known)

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def measure(self, seen: Evaluation) -> Results:
        before = seen.earlier
        if len(before) < len(MOMENTS):
            raise TooFew.of(len(MOMENTS), len(before), "trained checkpoints")
        found: Results = {}
        for moment, place in zip(MOMENTS, moments(len(before) + 1), strict=True):
            own = self._largest(before[place] if place < len(before) else seen)
            found[f"eigenvalues_{moment}"] = float(len(own))
            why = Reason("undefined", f"known eigenvalues and pairs: {len(own)}")
            for number in range(1, self.leading + 1):
                value = own[number - 1] if number <= len(own) else None
                name = f"eigenvalue_{moment}_{number}"
                found[f"{name}_real"] = why if value is None else value.real
                found[f"{name}_imaginary"] = why if value is None else value.imag
        return found

    def _largest(self, seen: Evaluation) -> list[complex]:
        """Return the eigenvalues that have converged, the largest first, and one of each pair."""
        field = seen.game(self.batch)
        at = field.at(field.weights)

        def pulled(vector: Vector) -> Vector:
            own = torch.as_tensor(vector, dtype=at.value.dtype, device=at.value.device)
            return at.pulled(own).double().cpu().numpy()

        known = spectrum(pulled, sum(field.sizes), self.steps).known
        upper = [complex(value) for value in known if value.imag >= 0]
        return sorted(upper, key=abs, reverse=True)
