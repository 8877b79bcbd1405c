"""Convolutions as matrix products where oneDNN is slow on a CPU, for the trace of a round.

Measured on one core (docs/performance.md): a convolution whose kernel covers the whole image is a
plain product, and takes 3 to 20 times as long as one; the gradient towards an image of one channel
and the transposed convolution that makes one reach 4 GFLOP/s, a fifth of what a product and a fold
do. All others are left to the library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import fold

aten = torch.ops.aten


def convolution(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Any:
    """Return what ``aten.convolution`` does, or NotImplemented where it is best left to it."""
    if not _plain(images, dilation, output_padding, groups):
        return NotImplemented
    made: Tensor
    if _covers(images, weight, padding, transposed):
        columns = weight.flatten(1)
        product = images.flatten(1) @ (columns if transposed else columns.t())
        made = product.view(len(images), *_size(weight, transposed))
    elif transposed and weight.shape[1] == 1:
        made = _folded(images, weight, stride, padding)
    else:
        return NotImplemented
    return made if bias is None else made + bias.view(1, -1, 1, 1)


def convolution_backward(
    grad: Tensor,
    images: Tensor,
    weight: Tensor,
    bias_sizes: list[int] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    output_mask: list[bool],
) -> Any:
    """Return what ``aten.convolution_backward`` does, likewise."""
    if not _plain(images, dilation, output_padding, groups):
        return NotImplemented
    covers = _covers(images, weight, padding, transposed)
    towards_one = not transposed and weight.shape[1] == 1 and output_mask[0]
    if not covers and not towards_one:
        return NotImplemented
    for_images = for_weight = None
    for_bias = grad.sum((0, 2, 3)) if output_mask[2] else None
    if covers:
        rows, columns, pixels = grad.flatten(1), weight.flatten(1), images.flatten(1)
        if output_mask[0]:
            product = rows @ (columns.t() if transposed else columns)
            for_images = product.view(images.shape)
        if output_mask[1]:
            product = pixels.t() @ rows if transposed else rows.t() @ pixels
            for_weight = product.view(weight.shape)
        return for_images, for_weight, for_bias
    for_images = _folded(grad, weight, stride, padding, images.shape[2:])
    if output_mask[1]:
        _, for_weight, _ = aten.convolution_backward.default(
            grad, images, weight, bias_sizes, stride, padding, dilation, transposed,
            output_padding, groups, [False, True, False],
        )  # fmt: skip
    return for_images, for_weight, for_bias


TABLE: dict[Any, Callable[..., Any]] = {
    aten.convolution.default: convolution,
    aten.convolution_backward.default: convolution_backward,
}
"""For ``make_fx``."""


def _plain(images: Tensor, dilation: list[int], output_padding: list[int], groups: int) -> bool:
    usual = groups == 1 and set(dilation) == {1} and set(output_padding) == {0}
    return usual and images.ndim == 4 and images.device.type == "cpu"


def _covers(images: Tensor, weight: Tensor, padding: list[int], transposed: bool) -> bool:
    """Tell whether every output pixel sees the whole image, or every input makes a whole one."""
    covered = (1, 1) if transposed else tuple(weight.shape[2:])
    return set(padding) == {0} and tuple(images.shape[2:]) == covered


def _size(weight: Tensor, transposed: bool) -> tuple[int, ...]:
    return tuple(weight.shape[1:]) if transposed else (len(weight), 1, 1)


def _folded(
    small: Tensor,
    weight: Tensor,
    stride: list[int],
    padding: list[int],
    size: tuple[int, ...] | torch.Size | None = None,
) -> Tensor:
    """Return the transposed convolution: (N, O, h, w), (O, C, k, k) → (N, C, H, W)."""
    kernel = weight.shape[2:]
    if size is None:
        sides = zip(small.shape[2:], kernel, stride, padding, strict=True)
        size = tuple((n - 1) * s - 2 * p + k for n, k, s, p in sides)
    columns = weight.flatten(1).t() @ small.flatten(2)
    return fold(columns, tuple(size), tuple(kernel), padding=tuple(padding), stride=tuple(stride))
