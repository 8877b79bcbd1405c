"""Two time-scale update rule."""

from dataclasses import dataclass

from bench.method import Method, Optimizer, Positive


@dataclass(frozen=True)
class TTUR(Method):
    """Two time-scale update rule with the non-saturating loss.

    Paper: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
    Equilibrium", NeurIPS 2017; the ratio of 4 as in Zhang et al., SAGAN, ICML 2019.
    Objective: the non-saturating GAN's.
    Changes: the discriminator learns ``ratio`` times as fast as the study says.
    """

    ratio: Positive = 4.0

    search = {"ratio": (1, 16, "log")}

    def optimizers(self, base: Optimizer) -> tuple[Optimizer, Optimizer]:
        return base, base.scaled(self.ratio)
