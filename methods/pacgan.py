"""PacGAN: several samples judged as one."""

from dataclasses import dataclass

from bench.method import ArchitectureFacts, Count, DatasetFacts, Method


@dataclass(frozen=True)
class PacGAN(Method):
    """Packed discriminator with the non-saturating loss.

    Paper: Lin et al., "PacGAN: The power of two samples in generative adversarial networks",
    NeurIPS 2018.
    Objective: the non-saturating GAN's between packs of ``packing`` (the paper's m) samples, all
    real or all fake, their channels or coordinates in a row.
    Changes: the discriminator's first layer, which is m times as deep, and what it sees: as in the
    paper m batches are drawn and packed into one, so that it makes as many decisions as other
    methods' on m times the data. With ``whole_batches`` off the study's batch is split into
    packs instead: equal data, m times fewer decisions; samples that fill no pack are left out.
    """

    on_request = True

    packing: Count = 2
    whole_batches: bool = True

    search = {"packing": [2, 3, 4]}

    @property
    def batches(self) -> int:
        return self.packing if self.whole_batches else 1

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        if architecture.scalar_discriminator and self.packing > 1:
            return "the discriminator is a single number, which cannot take several samples"
        return None
