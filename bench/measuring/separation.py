"""Measures of how well scores separate two sides."""

from __future__ import annotations

import torch
from torch import Tensor


def separation(above: Tensor, below: Tensor) -> float:
    """Return the chance that a score of one side exceeds one of the other, equal ones half.

    (N,), (M,) → the area under the ROC curve: 1 perfect, ½ none, 0 reversed.
    """
    sorted_below = below.detach().double().cpu().sort().values
    values = above.detach().double().cpu()
    less = torch.searchsorted(sorted_below, values, side="left")
    at_most = torch.searchsorted(sorted_below, values, side="right")
    return float((less + at_most).double().mean() / (2 * len(below)))


def as_trained(samples: Tensor) -> Tensor:
    """Return bytes of images in [−1, 1], as networks see them; other samples as they are."""
    return samples.float() / 127.5 - 1 if samples.dtype == torch.uint8 else samples


def spread(samples: Tensor, count: int) -> Tensor:
    """Return at most ``count`` samples, evenly from all of them."""
    if len(samples) <= count:
        return samples
    return samples[torch.linspace(0, len(samples) - 1, count).round().long()]
