"""What was published, and which orders of methods follow from it."""

from __future__ import annotations

from itertools import product

from tests.baselines.validation.orders import Claim, Published

PLAIN, PAC2, PAC3, R3 = "non_saturating", "pacgan", "pacgan(packing=3)", "r3gan"
TOLD = {PLAIN: "plain GAN", PAC2: "PacGAN2", PAC3: "PacGAN3", R3: "relativistic + R1 + R2"}
HIGHER = {"modes_1": True, "high_quality": True, "reverse_kl": False}
HEADS = {"modes_1": "modes (≥1)", "high_quality": "high quality", "reverse_kl": "reverse KL"}

MIXTURES = {
    "ring8": {
        PLAIN: {"modes_1": Published(6.3, 0.5), "high_quality": Published(0.982, 0.002),
                "reverse_kl": Published(0.45, 0.09)},
        PAC2: {"modes_1": Published(7.9, 0.1), "high_quality": Published(0.956, 0.020),
               "reverse_kl": Published(0.07, 0.03)},
        PAC3: {"modes_1": Published(7.8, 0.1), "high_quality": Published(0.977, 0.003),
               "reverse_kl": Published(0.10, 0.02)},
    },
    "grid25": {
        PLAIN: {"modes_1": Published(17.3, 0.8), "high_quality": Published(0.948, 0.007),
                "reverse_kl": Published(0.70, 0.07)},
        PAC2: {"modes_1": Published(23.8, 0.7), "high_quality": Published(0.913, 0.008),
               "reverse_kl": Published(0.13, 0.04)},
        PAC3: {"modes_1": Published(24.6, 0.4), "high_quality": Published(0.942, 0.004),
               "reverse_kl": Published(0.06, 0.02)},
    },
}  # fmt: skip
"""Lin et al. 2018 (PacGAN), section 4.1: mean and standard error of ten runs."""

STACKED = {
    "stacked_mnist": {
        PLAIN: {"modes_1": Published(78.9, 6.5), "reverse_kl": Published(4.50)},
        PAC2: {"modes_1": Published(1000.0), "reverse_kl": Published(0.06)},
        R3: {},
    },
}
"""PacGAN, section 4.2, in VEEGAN's setting; of ``r3gan`` (Huang et al. 2024) only the order."""

ORDERS = ((PAC2, PLAIN), (PAC3, PLAIN), (PAC3, PAC2))


def mixture_claims(problem: str) -> list[Claim]:
    values = MIXTURES[problem.partition(",")[0]]
    return [
        Claim(problem, metric, better, worse, HIGHER[metric],
              (values[better][metric], values[worse][metric]))
        for metric, (better, worse) in product(("modes_1", "reverse_kl"), ORDERS)
    ]  # fmt: skip


def stacked_claims() -> list[Claim]:
    values = STACKED["stacked_mnist"]
    return [
        Claim("stacked_mnist", metric, better, PLAIN, HIGHER[metric],
              (values[better][metric], values[PLAIN][metric]) if values[better] else None)
        for better in (PAC2, R3) for metric in ("modes_1", "reverse_kl")
    ]  # fmt: skip
