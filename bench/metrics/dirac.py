"""Where both players of the Dirac-GAN stand (Mescheder, Geiger & Nowozin, ICML 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bench.metric import Evaluation, Facts, Metric, Need, NotMeasured, Quantity, Results, Values


@dataclass(frozen=True)
class DiracPosition(Metric):
    """θ and ψ, and their distance from the equilibrium (0, 0)."""

    needs: ClassVar[Need] = "networks"

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        return (
            Quantity("radius", "radius", "√(θ² + ψ²), distance from the equilibrium (0, 0)",
                     False, 4),
            Quantity("distance", "|θ|", "distance of the generated point from the data", False, 4),
            Quantity("theta", "θ", "the generated point, with its sign", False, 4),
            Quantity("psi", "ψ", "the discriminator's slope, with its sign", False, 4),
        )  # fmt: skip

    def not_applicable(self, dataset: Facts) -> str | None:
        return None if dataset.name == "dirac" else "it looks at the players of the Dirac-GAN"

    def measure(self, seen: Evaluation) -> Results:
        players = seen.generator.state_dict() | seen.discriminator.state_dict()
        if players.keys() != {"theta", "psi.weight"}:
            raise NotMeasured("dataset dirac needs the architecture dirac")
        theta, psi = float(players["theta"]), float(players["psi.weight"])
        return {
            "radius": float((theta**2 + psi**2) ** 0.5),
            "distance": abs(theta),
            "theta": theta,
            "psi": psi,
        }

    def floor(self, dataset: Any) -> Values:
        return {quantity.name: 0.0 for quantity in self.quantities(dataset)}
