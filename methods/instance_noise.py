"""Instance noise."""

from dataclasses import dataclass

from torch import Tensor

from bench.method import Method, Noise, NonNegative, Progress


@dataclass(frozen=True)
class InstanceNoise(Method):
    """Noise on all that the discriminator sees, with the non-saturating loss.

    Paper: Sønderby et al., "Amortised MAP Inference for Image Super-resolution", ICLR 2017;
    Arjovsky & Bottou, ICLR 2017, section 3.
    Objective: the non-saturating GAN's between data and samples that are both blurred by N(0, σ²),
    σ falling evenly from ``strength`` to 0 over the training if ``annealed``.
    The paper gives no strength for data like these; 0.1, of data that lie in [−1, 1], is ours.
    Changes: the discriminator's input, real and fake, in both players' updates.
    """

    on_request = True

    strength: NonNegative = 0.1
    annealed: bool = True

    def discriminator_input(self, samples: Tensor, progress: Progress, noise: Noise) -> Tensor:
        left = 1 - progress.fraction if self.annealed else 1.0
        return samples + self.strength * left * noise.normal(*samples.shape[1:])
