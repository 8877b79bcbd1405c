"""R3GAN: relativistic pairing with both zero-centred penalties."""

from dataclasses import dataclass, replace

from torch import Tensor

from bench.method import (
    ArchitectureFacts,
    DatasetFacts,
    Discriminator,
    Noise,
    NonNegative,
    Optimizer,
    no_single_samples,
)
from methods.r1 import squared_slope
from methods.relativistic import Relativistic


@dataclass(frozen=True)
class R3GAN(Relativistic):
    """Relativistic pairing GAN with R1 and R2.

    Paper: Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", NeurIPS 2024,
    section 2.
    Objective: that of ``relativistic``, plus γ/2 · E[‖∇D‖²] over real and over fake samples alike.
    Changes: both losses, the penalty, and Adam's first beta, which is 0. The paper tunes γ for
    every dataset, so that 1 is no more than a start.
    """

    on_request = True

    gamma: NonNegative = 1.0

    search = {"gamma": (0.01, 100, "log")}

    def penalty(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, noise: Noise
    ) -> Tensor:
        slopes = squared_slope(discriminator, real) + squared_slope(discriminator, fake)
        return self.gamma / 2 * slopes

    def optimizers(self, base: Optimizer) -> tuple[Optimizer, Optimizer]:
        without_momentum = replace(base, betas=(0.0, base.betas[1]))
        return without_momentum, without_momentum

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        return no_single_samples(architecture)
