"""Eigenvalues of matrices that are known by their products with vectors only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.metric import NotFinite, NotMeasured

Vector = NDArray[np.float64]
Product = Callable[[Vector], Vector]
"""A matrix A as v → A v."""

ENOUGH = 1e-2
"""Largest residual of an eigenvalue that is reported, over a modulus."""


class Spectrum(NamedTuple):
    """Eigenvalues, or those approximations of them that a Krylov space gives."""

    values: NDArray[Any]
    """(K,), complex, or real ones of a symmetric matrix."""
    residuals: Vector
    """‖A x − λ x‖ of each, for ‖x‖ = 1; 0 of a dense matrix's."""

    @property
    def modulus(self) -> float:
        return float(np.abs(self.values).max())

    @property
    def known(self) -> NDArray[Any]:
        """Those that are known well enough, each by its own modulus: inner ones converge late."""
        return self.values[self.residuals <= ENOUGH * np.abs(self.values)]

    def largest(self, score: Callable[[NDArray[Any]], Vector]) -> float:
        """Return the largest score of an eigenvalue.

        Raises:
            NotMeasured: the eigenvalue that has it is not known well enough.
        """
        scores = score(self.values)
        at = int(scores.argmax())
        if self.residuals[at] > ENOUGH * self.modulus:
            raise NotMeasured(
                f"an extreme eigenvalue has not converged in {len(self.values)} steps of Arnoldi; "
                "ask for more of them (steps)"
            )
        return float(scores[at])


def dense(product: Product, size: int) -> NDArray[np.float64]:
    """Return the whole matrix, (size, size), column by column."""
    return np.stack([product(unit) for unit in np.eye(size)], 1)


def spectrum(product: Product, size: int, steps: int, symmetric: bool = False) -> Spectrum:
    """Return the extreme eigenvalues of a (size, size) matrix, or all if it is small.

    Arnoldi's iteration from a fixed start without restarts, with every vector orthogonalised twice:
    all extremes come from one space, at a price of ``steps`` products.

    Args:
        steps: dimension of the space; a matrix that is no larger is made dense.
        symmetric: whether the matrix is, so that its eigenvalues are real (Lanczos).

    Raises:
        NotFinite: a product is not.
    """
    if size <= steps:
        matrix = _finite(dense(product, size))
        return Spectrum(_eigenvalues(matrix, symmetric)[0], np.zeros(size))
    basis, projected = np.zeros((steps + 1, size)), np.zeros((steps + 1, steps))
    start = np.random.default_rng(0).standard_normal(size)
    basis[0] = start / np.linalg.norm(start)
    made = steps
    for step in range(steps):
        new = _finite(product(basis[step]))
        norm = np.linalg.norm(new)
        for _ in range(2):
            along = basis[: step + 1] @ new
            new = new - basis[: step + 1].T @ along
            projected[: step + 1, step] += along
        left = float(np.linalg.norm(new))
        # single precision products: what is left of an invariant space is noise
        if left <= 1e-6 * norm or norm == 0:
            made = step + 1
            break
        projected[step + 1, step] = left
        basis[step + 1] = new / left
    values, vectors = _eigenvalues(projected[:made, :made], symmetric)
    beyond = projected[made, made - 1]
    return Spectrum(values, beyond * np.abs(vectors[-1]) / np.linalg.norm(vectors, axis=0))


def _eigenvalues(matrix: NDArray[np.float64], symmetric: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    if symmetric:
        return tuple(np.linalg.eigh((matrix + matrix.T) / 2))  # type: ignore[return-value]
    return tuple(np.linalg.eig(matrix))  # type: ignore[return-value]


def _finite(array: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(array).all():
        raise NotFinite("a product with the Jacobian is not finite")
    return array
