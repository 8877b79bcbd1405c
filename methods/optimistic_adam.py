"""Optimistic Adam."""

from dataclasses import dataclass, replace

from bench.method import Method, Optimizer


@dataclass(frozen=True)
class OptimisticAdam(Method):
    """Optimistic Adam with the non-saturating loss.

    Paper: Daskalakis et al., "Training GANs with Optimism", ICLR 2018, algorithm 1.
    Objective: the non-saturating GAN's.
    Changes: the optimiser of both players: it makes twice the step it would make, and takes back
    the one of the update before. Where the study says RMSProp or SGD, it is theirs.
    """

    on_request = True

    def optimizers(self, base: Optimizer) -> tuple[Optimizer, Optimizer]:
        optimistic = replace(base, kind=f"optimistic_{base.kind}")
        return optimistic, optimistic
