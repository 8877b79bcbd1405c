"""How many modes of a mixture are captured, and how evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bench.measuring.histograms import balance, captured
from bench.metric import Evaluation, Facts, Metric, Quantity, Results


@dataclass(frozen=True)
class Modes(Metric):
    """Captured modes and high-quality share of points (VEEGAN; PacGAN, section 4.1).

    A sample is of high quality if it lies within 3σ of its nearest centre; a mode is captured if
    it is the nearest centre of enough high-quality samples.
    """

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        modes = len(dataset.centres())  # type: ignore[attr-defined]
        return (
            Quantity("modes_20", f"modes (≥20) of {modes}", "modes with at least 20 high-quality "
                     "samples", True, 2, ceiling=modes),
            Quantity("modes_1", f"modes (≥1) of {modes}", "modes with at least one high-quality "
                     "sample, PacGAN's count", True, 2, ceiling=modes),
            Quantity("high_quality", "high quality", "share of samples within 3σ of a mode's "
                     "centre", True, 1, percent=True),
            Quantity("reverse_kl", "reverse KL", "nats from the high-quality samples' histogram "
                     "over modes to the uniform one", False, 3),
            Quantity("jsd", "JSD", "Jensen–Shannon divergence of the same histogram, nats", False,
                     3),
        )  # fmt: skip

    def not_applicable(self, dataset: Facts) -> str | None:
        return None if hasattr(dataset, "centres") else "it counts the modes of a mixture"

    def measure(self, seen: Evaluation) -> Results:
        mixture = seen.dataset
        points = seen.samples.detach().cpu().double().numpy()
        return mode_coverage(points, mixture.centres().double().numpy(), mixture.sigma)


def mode_coverage(samples: NDArray[Any], centres: NDArray[Any], sigma: float) -> Results:
    """Count captured modes; ``samples`` (N, 2), ``centres`` (K, 2), ``sigma`` of one mode."""
    counts, good = captured(samples, centres, sigma)
    return {
        "modes_1": float((counts >= 1).sum()),
        "modes_20": float((counts >= 20).sum()),
        "high_quality": good,
        **balance(counts, "no sample is of high quality"),
    }
