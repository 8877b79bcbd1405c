"""Residual pair for images of 32 pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from bench.architectures.base import Architecture
from bench.architectures.layers import Logit
from bench.values import Count

SIZE, START = 32, 4
RESIDUAL_GAIN = math.sqrt(2)


@dataclass(frozen=True)
class ResNet(Architecture):
    """SNGAN's residual networks for 32 pixels (Miyato et al., ICLR 2018, appendix B.4, table 4).

    Generator: dense to 4 × 4, three up-sampling blocks, batch normalisation, ReLU, convolution,
    tanh. Discriminator: two down-sampling blocks, two that keep their size, ReLU, sum over all
    positions, dense. Initial weights are those of the authors' code: Glorot uniform with gain √2
    in the residual branches and 1 elsewhere, biases 0. The spectral normalisation is the method
    of that name. The last dense layer has a bias, as in the table; the authors' code leaves it out.
    """

    name: ClassVar[str] = "resnet"

    latent: Count = 128
    generator_width: Count = 256
    discriminator_width: Count = 128

    def generator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        width = self.generator_width
        return nn.Sequential(
            _glorot(nn.Linear(self.latent, width * START**2)),
            nn.Unflatten(1, (width, START, START)),
            _up(width),
            _up(width),
            _up(width),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _convolution(width, sample_shape[0], 3),
            nn.Tanh(),
        )

    def discriminator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        width = self.discriminator_width
        return nn.Sequential(
            _first_down(sample_shape[0], width),
            _down(width),
            _level(width),
            _level(width),
            nn.ReLU(),
            _SumOverPositions(),
            _glorot(nn.Linear(width, 1)),
            Logit(),
        )

    def does_not_fit(self, dataset: str, sample_shape: tuple[int, ...]) -> str | None:
        if len(sample_shape) == 3 and sample_shape[1:] == (SIZE, SIZE):
            return None
        return f"it makes images of {SIZE} × {SIZE} pixels, not samples of shape {sample_shape}"


class _Residual(nn.Module):
    """(B, C, H, W) → the sum of both branches."""

    def __init__(self, residual: nn.Module, shortcut: nn.Module):
        super().__init__()
        self.residual, self.shortcut = residual, shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        return self.residual(inputs) + self.shortcut(inputs)


class _SumOverPositions(nn.Module):
    """(B, C, H, W) → (B, C)."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.sum((2, 3))


# The authors up-sample before a shortcut's convolution, and pool after it but in the first block.
# A 1 × 1 convolution commutes with both; here it works on the smaller image, at a quarter of the
# cost.


def _up(width: int) -> nn.Module:
    """Double the size: (B, C, H, W) → (B, C, 2H, 2W)."""
    return _Residual(
        nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            _convolution(width, width, 3, RESIDUAL_GAIN),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _convolution(width, width, 3, RESIDUAL_GAIN),
        ),
        nn.Sequential(_convolution(width, width, 1), nn.Upsample(scale_factor=2)),
    )


def _first_down(channels: int, width: int) -> nn.Module:
    """Halve the size of pixels, with no ReLU before: (B, channels, H, W) → (B, C, H/2, W/2)."""
    return _Residual(
        nn.Sequential(
            _convolution(channels, width, 3, RESIDUAL_GAIN),
            nn.ReLU(),
            _convolution(width, width, 3, RESIDUAL_GAIN),
            nn.AvgPool2d(2),
        ),
        nn.Sequential(nn.AvgPool2d(2), _convolution(channels, width, 1)),
    )


def _down(width: int) -> nn.Module:
    """Halve the size: (B, C, H, W) → (B, C, H/2, W/2)."""
    return _Residual(
        nn.Sequential(_pre_activated(width), nn.AvgPool2d(2)),
        nn.Sequential(nn.AvgPool2d(2), _convolution(width, width, 1)),
    )


def _level(width: int) -> nn.Module:
    """Keep the size: (B, C, H, W) → the same shape."""
    return _Residual(_pre_activated(width), nn.Identity())


def _pre_activated(width: int) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        _convolution(width, width, 3, RESIDUAL_GAIN),
        nn.ReLU(),
        _convolution(width, width, 3, RESIDUAL_GAIN),
    )


def _convolution(inputs: int, outputs: int, kernel: int, gain: float = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    _glorot(layer, gain)
    return layer


def _glorot(layer: nn.Linear | nn.Conv2d, gain: float = 1) -> nn.Module:
    """Set uniform weights with variance gain² · 2 / (fan in + fan out), biases 0."""
    nn.init.xavier_uniform_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
