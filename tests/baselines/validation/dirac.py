"""The Dirac-GAN in closed form: what theory says of every method, and what a path shows.

G(z) = θ, D(x) = ψx, all data at 0 (Mescheder, Geiger & Nowozin, ICML 2018). The velocity of a
method is what its two losses, differentiated by hand, ask of (θ, ψ); nothing here runs the
methods' code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

H = 0.2
START = (1.0, 1.0)
ROUNDS = 500

Floats = NDArray[np.float64]
Velocity = Callable[[Any, Any], tuple[Any, Any]]
"""θ, ψ → how fast each moves, of any shape."""

NEAR = 0.05
"""Radius below which a path has converged."""
STILL = 1e-3
"""Movement of a path that has come to rest."""
PARTED = 0.01
"""Distance at which two paths are no longer the same: far above what rounding makes of one."""


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def minimax(theta: Any, psi: Any) -> tuple[Any, Any]:
    return sigmoid(psi * theta) * psi, -sigmoid(psi * theta) * theta


def non_saturating(theta: Any, psi: Any) -> tuple[Any, Any]:
    return sigmoid(-psi * theta) * psi, -sigmoid(psi * theta) * theta


def wasserstein(theta: Any, psi: Any) -> tuple[Any, Any]:
    return psi, -theta


def gradient_penalty(weight: float, one_sided: bool) -> Velocity:
    """λ (|ψ| − 1)², or λ max(0, |ψ| − 1)², on the Wasserstein loss."""

    def velocity(theta: Any, psi: Any) -> tuple[Any, Any]:
        over = np.abs(psi) - 1
        over = np.maximum(over, 0) if one_sided else over
        return psi, -theta - 2 * weight * over * np.sign(psi)

    return velocity


def slope_penalty(gamma: float) -> Velocity:
    """γ/2 ψ², which R1 and R2 both are where D is linear."""

    def velocity(theta: Any, psi: Any) -> tuple[Any, Any]:
        forward, back = non_saturating(theta, psi)
        return forward, back - gamma * psi

    return velocity


def blurred(strength: float) -> Velocity:
    """The mean over N(0, σ²) on real and fake samples, by Gauss–Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    noise, weights = strength * nodes, weights / weights.sum()

    def velocity(theta: Any, psi: Any) -> tuple[Any, Any]:
        theta, psi = np.asarray(theta)[..., None], np.asarray(psi)[..., None]
        fake = theta + noise
        forward = sigmoid(-psi * fake) * psi
        back = sigmoid(-psi * noise) * noise - sigmoid(psi * fake) * fake
        return (forward * weights).sum(-1), (back * weights).sum(-1)

    return velocity


def consensus(gamma: float) -> Velocity:
    """v − γ/2 ∇‖v‖² of the non-saturating v."""

    def velocity(theta: Any, psi: Any) -> tuple[Any, Any]:
        s = sigmoid(psi * theta)
        q = s * (1 - s)
        forward, back = non_saturating(theta, psi)
        by_theta = -q * psi**2 * forward + (-s - q * psi * theta) * back
        by_psi = (1 - s - q * psi * theta) * forward - q * theta**2 * back
        return forward - gamma * by_theta, back - gamma * by_psi

    return velocity


@dataclass(frozen=True)
class Row:
    """One line of the table: a method with its hyperparameters, and what theory says of it."""

    method: str
    """Its label in records."""
    told: str
    velocity: Velocity
    published: dict[str, str]
    """What the table says of a ``mode``: the behaviour expected."""
    source: str
    clip: float = np.inf
    critic: Velocity | None = None
    """What the discriminator's steps before the last one of a round follow, if not ``velocity``."""
    together: bool = False
    """Whether both players move at once in any mode."""
    smooth: bool = True
    """Whether there is a Jacobian at the equilibrium."""
    noisy: bool = False


MODES = {
    "simultaneous": (True, 1),
    "alternating": (False, 1),
    "alternating, 5 critic steps": (False, 5),
}
"""Name → both players at once, discriminator steps a round."""
SIMULTANEOUS, ALTERNATING, FIVE = MODES
CONVERGES, CYCLES, GROWS, FALLS, RESTS = (
    "converges", "cycles", "grows", "falls slowly", "rests elsewhere",
)  # fmt: skip

ALL_CYCLE = dict.fromkeys(MODES, CYCLES)
TABLE = "Mescheder et al. 2018"
DERIVED = "derived for this project"


def _settles(velocity: Velocity, method: str, told: str, **more: Any) -> Row:
    return Row(
        method, told, velocity, {SIMULTANEOUS: CONVERGES, ALTERNATING: CONVERGES}, TABLE, **more
    )


ROWS = (
    Row("vanilla", "minimax", minimax, {SIMULTANEOUS: GROWS, ALTERNATING: CYCLES}, TABLE),
    Row("non_saturating", "non-saturating", non_saturating,
        {SIMULTANEOUS: CYCLES, ALTERNATING: FALLS}, DERIVED),
    Row("wgan_clip(clip=1000000000.0)", "WGAN, no clip", wasserstein,
        {SIMULTANEOUS: GROWS, ALTERNATING: CYCLES}, TABLE),
    Row("wgan_clip(clip=1.0)", "WGAN, clip 1", wasserstein, ALL_CYCLE, TABLE, clip=1.0),
    Row("wgan_gp(penalty_weight=0.25)", "WGAN-GP, λ ¼", gradient_penalty(0.25, False),
        ALL_CYCLE, TABLE, smooth=False),
    Row("wgan_gp(penalty_weight=2.0)", "WGAN-GP, λ 2", gradient_penalty(2.0, False),
        ALL_CYCLE, TABLE, smooth=False),
    Row("wgan_lp(penalty_weight=0.25)", "WGAN-LP, λ ¼", gradient_penalty(0.25, True),
        ALL_CYCLE, TABLE),
    Row("wgan_lp(penalty_weight=2.0)", "WGAN-LP, λ 2", gradient_penalty(2.0, True),
        ALL_CYCLE, TABLE),
    *(_settles(slope_penalty(gamma), f"r1(gamma={gamma})", f"R1, γ {words}")
      for gamma, words in ((0.5, "½"), (1.0, "1"), (2.0, "2"))),
    _settles(slope_penalty(1.0), "r2(gamma=1.0)", "R2, γ 1"),
    _settles(blurred(1.0), "instance_noise(strength=1.0, annealed=False)",
             "instance noise, σ 1", noisy=True),
    _settles(consensus(1.0), "consensus_optimization(gamma=1.0)", "consensus, γ 1",
             critic=non_saturating, together=True),
)  # fmt: skip


def jacobian(velocity: Velocity) -> Floats:
    """∂(vθ, vψ)/∂(θ, ψ) at (0, 0), by central differences of the closed form: (2, 2)."""
    e = 1e-5
    columns = [
        (np.array(velocity(*step)) - np.array(velocity(*-step))) / (2 * e)
        for step in (np.array([e, 0.0]), np.array([0.0, e]))
    ]
    return np.stack(columns, axis=1)


def eigenvalues(row: Row) -> Floats | None:
    """Of the Jacobian at the equilibrium, by rising imaginary part; None where there is none."""
    if not row.smooth:
        return None
    found = np.linalg.eigvals(jacobian(row.velocity)).astype(complex)
    return found[np.lexsort((found.real, found.imag))]


def factor(row: Row, mode: str, h: float = H) -> float | None:
    """What one round multiplies a small radius by, in the long run: its map's spectral radius."""
    if not row.smooth:
        return None
    simultaneous, critic_steps = MODES[mode]
    own = jacobian(row.velocity)
    critic = own if row.critic is None else jacobian(row.critic)
    psi_moves = np.eye(2) + h * np.diag([0.0, 1.0]) @ critic
    if simultaneous or row.together:
        last = np.eye(2) + h * own
    else:
        last = (np.eye(2) + h * np.diag([1.0, 0.0]) @ own) @ (
            np.eye(2) + h * np.diag([0.0, 1.0]) @ own
        )
    whole = last @ np.linalg.matrix_power(psi_moves, critic_steps - 1)
    return float(np.abs(np.linalg.eigvals(whole)).max())


def recursion(row: Row, mode: str, rounds: int = ROUNDS, h: float = H) -> Floats:
    """(θ, ψ) at the start and after every round by the closed form: (rounds + 1, 2)."""
    simultaneous, critic_steps = MODES[mode]
    theta, psi = START
    path = [(theta, psi)]
    for _ in range(rounds):
        for _ in range(critic_steps - 1):
            psi = np.clip(
                psi + h * (row.critic or row.velocity)(theta, psi)[1], -row.clip, row.clip
            )
        forward, back = row.velocity(theta, psi)
        psi = np.clip(psi + h * back, -row.clip, row.clip)
        if not (simultaneous or row.together):
            forward, _ = row.velocity(theta, psi)
        theta = theta + h * forward
        path.append((float(theta), float(psi)))
    return np.array(path)


def radius(path: Floats) -> Floats:
    return np.hypot(*path.T)


def behaviour(path: Floats) -> str:
    """What the second half of a path (T, 2) does.

    The last tenth is compared with the tenth at the middle. ``converges``: it lies within 0.05 of
    the equilibrium. ``rests elsewhere``: it moves by less than 0.001, outside. ``grows`` and
    ``falls slowly``: its mean radius is above 1.1 or below 0.9 times that at the middle.
    ``cycles``: none of these, and both weights change sign at least twice in the second half.
    Else ``unclear``.
    """
    if not np.isfinite(path).all():
        return "not finite"
    distance, tenth, half = radius(path), len(path) // 10, len(path) // 2
    late, middle = distance[-tenth:], distance[half : half + tenth]
    if late.max() < NEAR:
        return CONVERGES
    if np.ptp(path[-tenth:], axis=0).max() < STILL:
        return RESTS
    if late.mean() > 1.1 * middle.mean():
        return GROWS
    if late.mean() < 0.9 * middle.mean():
        return FALLS
    turns = (np.diff(np.sign(path[half:]), axis=0) != 0).sum(axis=0)
    return CYCLES if turns.min() >= 2 else "unclear"


def measured_factor(row: Row, path: Floats) -> float | None:
    """A round's factor on the radius, fitted to log radius where that is linear; else None.

    Of a path that converges: from where it stays within 0.05 on, down to 10⁻⁵. Of one that grows
    under a velocity that is linear everywhere: over all of it. Noise leaves no such stretch.
    """
    if row.noisy:
        return None
    distance, kind = radius(path), behaviour(path)
    if kind == GROWS and np.allclose(
        row.velocity(2.0, 2.0), np.multiply(2, row.velocity(1.0, 1.0))
    ):
        chosen = np.arange(len(distance))
    elif kind == CONVERGES:
        outside = np.flatnonzero(distance >= NEAR)
        lost = np.flatnonzero(distance < 1e-5)
        end = lost[0] if len(lost) else len(distance)
        chosen = np.arange(outside[-1] + 1, end)
    else:
        return None
    if len(chosen) < 20:
        return None
    return float(np.exp(np.polyfit(chosen, np.log(distance[chosen]), 1)[0]))


def off_recursion(row: Row, mode: str, path: Floats) -> Floats:
    """How far a path is from the closed form's after every round, in radii where these exceed 1."""
    expected = recursion(row, mode, len(path) - 1)
    return radius(path - expected) / np.maximum(1, radius(expected))


def parting(off: Floats) -> int | None:
    """The first round at which a path has left the closed form's, by more than 0.01."""
    found = np.flatnonzero(off > PARTED)
    return int(found[0]) if len(found) else None
