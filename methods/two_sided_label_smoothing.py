"""Two-sided label smoothing."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from bench.method import Share
from methods.label_smoothing import LabelSmoothing


@dataclass(frozen=True)
class TwoSidedLabelSmoothing(LabelSmoothing):
    """Two-sided label smoothing with the non-saturating loss.

    Paper: Szegedy et al., CVPR 2016, section 7, for classifiers; for GANs as in Salimans et al.,
    "Improved Techniques for Training GANs", NeurIPS 2016, section 3.4, who advise the one-sided.
    Objective: cross-entropy with target ``real_target`` for real samples and ``fake_target`` for
    fake ones; the generator's loss is the non-saturating one.
    Changes: both of the discriminator's targets.
    """

    on_request = True

    fake_target: Share = 0.1

    search = {"real_target": (0.7, 1.0), "fake_target": (0.0, 0.3)}

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = self.real_target * softplus(-real_logits)
        real = real + (1 - self.real_target) * softplus(real_logits)
        fake = (1 - self.fake_target) * softplus(fake_logits)
        fake = fake + self.fake_target * softplus(-fake_logits)
        return real.mean(1) + fake.mean(1)
