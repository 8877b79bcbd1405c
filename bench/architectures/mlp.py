"""Fully connected pair for points in the plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from bench.architectures.base import Architecture
from bench.architectures.layers import MAXOUT_PIECES, Init, Logit, Maxout, initialised
from bench.values import Count

Activation = Literal["relu", "leaky_relu", "tanh", "maxout"]


@dataclass(frozen=True)
class MLP(Architecture):
    """Fully connected networks, linear at the end.

    ``init`` is torch's default, or N(0, 0.02) for the weights and 0 for the biases as in DCGAN
    and PacGAN. PacGAN's mixtures: four generator layers of 400 with batch normalisation, three
    discriminator layers of 200 maxout units, latent 2.
    """

    name: ClassVar[str] = "mlp"

    latent: Count = 16
    generator_widths: tuple[Count, ...] = (128, 128)
    discriminator_widths: tuple[Count, ...] = (128, 128)
    generator_activation: Activation = "relu"
    discriminator_activation: Activation = "relu"
    generator_batch_norm: bool = False
    discriminator_batch_norm: bool = False
    init: Init = "torch"

    def generator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        outputs = math.prod(sample_shape)
        layers = self._layers(
            self.latent, self.generator_widths, self.generator_activation, self.generator_batch_norm
        )
        last = nn.Linear(self.generator_widths[-1], outputs)
        return initialised(nn.Sequential(*layers, last, nn.Unflatten(1, sample_shape)), self.init)

    def discriminator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        layers = self._layers(
            math.prod(sample_shape),
            self.discriminator_widths,
            self.discriminator_activation,
            self.discriminator_batch_norm,
        )
        last = nn.Linear(self.discriminator_widths[-1], 1)
        return initialised(nn.Sequential(nn.Flatten(), *layers, last, Logit()), self.init)

    def does_not_fit(self, dataset: str, sample_shape: tuple[int, ...]) -> str | None:
        return "its pair of numbers has the architecture dirac" if dataset == "dirac" else None

    @property
    def stacks(self) -> bool:
        return True

    @property
    def batch_norm_in_discriminator(self) -> bool:
        return self.discriminator_batch_norm

    def _layers(
        self, inputs: int, widths: tuple[int, ...], activation: Activation, batch_norm: bool
    ) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for width in widths:
            units = width * MAXOUT_PIECES if activation == "maxout" else width
            layers.append(nn.Linear(inputs, units))
            if batch_norm:
                layers.append(nn.BatchNorm1d(units))
            layers.append(_activation(activation))
            inputs = width
        return layers


def _activation(name: Activation) -> nn.Module:
    return {"relu": nn.ReLU, "tanh": nn.Tanh, "maxout": Maxout}.get(
        name, lambda: nn.LeakyReLU(0.2)
    )()
