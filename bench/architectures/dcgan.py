"""Convolutional pair for images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from torch import nn

from bench.architectures.base import Architecture
from bench.architectures.layers import Init, Logit, initialised
from bench.values import Count

SIZES = {28: (4, 7, 14, 28), 32: (4, 8, 16, 32), 64: (4, 8, 16, 32, 64)}
WIDTHS = {28: (64, 128, 256), 32: (64, 128, 256), 64: (64, 128, 256, 512)}
"""The discriminator's ``published`` widths; the generator's are the same in reverse."""

Widths = tuple[Count, ...] | Literal["published"]


@dataclass(frozen=True)
class DCGAN(Architecture):
    """DCGAN (Radford, Metz & Chintala, ICLR 2016) for 28, 32 or 64 pixels.

    The generator starts at 4 × 4 and doubles with transposed convolutions, batch normalisation
    and ReLU up to a tanh; the discriminator halves with strided convolutions and leaky ReLU 0.2.
    28 pixels are reached by 4, 7, 14, 28. Widths: one per layer, from the generator's input to
    its output and from the discriminator's input to its output. The ``published`` ones are 512,
    256, 128, 64 at 64 pixels, as in PyTorch's DCGAN example, and 256, 128, 64 at 28 and 32; in
    reverse for the discriminator. ``init`` is the paper's N(0, 0.02), under which narrow networks
    without normalisation pass almost no signal, or torch's default.
    """

    name: ClassVar[str] = "dcgan"

    latent: Count = 100
    generator_widths: Widths = "published"
    discriminator_widths: Widths = "published"
    discriminator_batch_norm: bool = True
    init: Init = "dcgan"

    def generator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        channels, _, size = sample_shape
        sizes, widths = SIZES[size], _widths(self.generator_widths, WIDTHS[size][::-1])
        layers: list[nn.Module] = [
            nn.Unflatten(1, (self.latent, 1, 1)),
            nn.ConvTranspose2d(self.latent, widths[0], 4, bias=False),
        ]
        following_widths = (*widths[1:], channels)
        for (small, large), width, following in zip(
            pairwise(sizes), widths, following_widths, strict=True
        ):
            layers += [
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.ConvTranspose2d(
                    width, following, _kernel(small, large), 2, 1, bias=large == size
                ),
            ]
        return initialised(nn.Sequential(*layers, nn.Tanh()), self.init)

    def discriminator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        channels, _, size = sample_shape
        sizes, widths = SIZES[size][::-1], _widths(self.discriminator_widths, WIDTHS[size])
        layers: list[nn.Module] = []
        for (large, small), width in zip(pairwise(sizes), widths, strict=True):
            # as in the paper, no normalisation at the discriminator's input layer
            normalised = self.discriminator_batch_norm and large != size
            layers.append(
                nn.Conv2d(channels, width, _kernel(small, large), 2, 1, bias=not normalised)
            )
            if normalised:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(0.2))
            channels = width
        layers += [nn.Conv2d(channels, 1, 4), nn.Flatten(), Logit()]
        return initialised(nn.Sequential(*layers), self.init)

    def does_not_fit(self, dataset: str, sample_shape: tuple[int, ...]) -> str | None:
        if len(sample_shape) != 3 or sample_shape[1] != sample_shape[2]:
            return "it makes square images only"
        size = sample_shape[-1]
        if size not in SIZES:
            return f"it makes images of {', '.join(map(str, SIZES))} pixels, not {size}"
        layers = len(SIZES[size]) - 1
        given = (self.generator_widths, self.discriminator_widths)
        if any(len(_widths(widths, WIDTHS[size])) != layers for widths in given):
            return (
                f"for {size} pixels it needs {layers} generator and {layers} discriminator "
                "widths; leave them out for the published ones"
            )
        return None

    @property
    def batch_norm_in_discriminator(self) -> bool:
        return self.discriminator_batch_norm


def _widths(given: Widths, published: tuple[int, ...]) -> tuple[int, ...]:
    return published if isinstance(given, str) else given


def _kernel(small: int, large: int) -> int:
    """Return the kernel with which stride 2 and padding 1 lead from one size to the other."""
    return large - 2 * small + 4
