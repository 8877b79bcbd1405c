"""Layers and initialisation that several architectures share."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

MAXOUT_PIECES = 5

Init = Literal["torch", "dcgan"]


class Maxout(nn.Module):
    """The largest of five neighbouring values: (B, 5·W) → (B, W)."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.unflatten(1, (-1, MAXOUT_PIECES)).amax(2)


class Logit(nn.Module):
    """(B, 1) → (B,)."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0]


def initialised(network: nn.Module, init: Init) -> nn.Module:
    """Return the network with torch's initial weights, or with DCGAN's."""
    if init == "dcgan":
        dcgan_init(network)
    return network


@torch.no_grad()
def dcgan_init(network: nn.Module) -> None:
    """Set weights N(0, 0.02), biases 0, normalisation scales N(1, 0.02) (Radford et al. 2016)."""
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            part.weight.normal_(0, 0.02)
            if part.bias is not None:
                part.bias.zero_()
        elif isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.weight.normal_(1, 0.02)
            part.bias.zero_()
