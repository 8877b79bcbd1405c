"""The usual GAN: the base of the contract, unchanged."""

from dataclasses import dataclass

from bench.method import Method


@dataclass(frozen=True)
class NonSaturating(Method):
    """Non-saturating GAN, the baseline of every comparison.

    Paper: Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, section 3.
    Objective: the discriminator as in the minimax game; the generator maximises log D(G(z)).
    Changes: nothing; every hook is the contract's default.
    """
