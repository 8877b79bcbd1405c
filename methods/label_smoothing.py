"""One-sided label smoothing."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from bench.method import Method, Share


@dataclass(frozen=True)
class LabelSmoothing(Method):
    """One-sided label smoothing with the non-saturating loss.

    Paper: Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016, section 3.4.
    Objective: cross-entropy with target ``real_target`` instead of 1 for real samples and 0 for
    fake ones; the generator's loss is the non-saturating one.
    Changes: the discriminator's target for real samples.
    """

    real_target: Share = 0.9

    search = {"real_target": (0.7, 1.0)}

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = self.real_target * softplus(-real_logits)
        real = real + (1 - self.real_target) * softplus(real_logits)
        return real.mean(1) + softplus(fake_logits).mean(1)
