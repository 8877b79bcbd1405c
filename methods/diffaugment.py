"""Differentiable augmentation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.method import ArchitectureFacts, DatasetFacts, Method, Noise, Progress, Share


@dataclass(frozen=True)
class DiffAugment(Method):
    """Differentiable augmentation with the non-saturating loss.

    Paper: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training",
    NeurIPS 2020; policy and constants of the authors' code.
    Objective: the non-saturating GAN's between data and samples that are both augmented at random,
    each image on its own: brightness, saturation, contrast; shifts by up to ``translation`` of the
    size, zeros moving in; a square of ``cutout`` of the size set to zero.
    Changes: the discriminator's input, real and fake, in both players' updates. Saturation does
    nothing to images of one channel.
    """

    on_request = True

    color: bool = True
    translation: Share = 0.125
    cutout: Share = 0.5

    search = {"color": [True, False], "translation": (0.0, 0.25), "cutout": (0.0, 0.75)}

    def discriminator_input(self, samples: Tensor, progress: Progress, noise: Noise) -> Tensor:
        if self.color:
            samples = _colored(samples, noise)
        if self.translation:
            samples = _moved(samples, self.translation, noise)
        return _cut(samples, self.cutout, noise) if self.cutout else samples

    def not_applicable(self, dataset: DatasetFacts, architecture: ArchitectureFacts) -> str | None:
        if len(dataset.sample_shape) != 3:
            return "its augmentations are made for images"
        return None


def _colored(images: Tensor, noise: Noise) -> Tensor:
    """Brightness by ±½, saturation by 0 to 2, contrast by ½ to 1½."""
    brightness, saturation, contrast = noise.uniform(3, images.shape[1], 1, 1, 1).unbind(1)
    images = images + (brightness - 0.5)
    grey = images.mean(2, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    mean = images.mean((2, 3, 4), keepdim=True)
    return mean + (images - mean) * (contrast + 0.5)


def _moved(images: Tensor, share: float, noise: Noise) -> Tensor:
    rows, columns = (_shift(images, axis, share, noise) for axis in (3, 4))
    return rows @ images @ columns.mT


def _shift(images: Tensor, axis: int, share: float, noise: Noise) -> Tensor:
    """A matrix of zeros and ones for each image that moves its rows, zeros moving in.

    As a product it has a fast backward, where that of an index sorts.
    """
    size = images.shape[axis]
    reach = int(size * share + 0.5)
    shift = _whole(noise, images, 2 * reach + 1) - reach
    places = torch.arange(size, device=images.device)
    return (places[:, None] + shift == places).to(images.dtype)


def _cut(images: Tensor, share: float, noise: Noise) -> Tensor:
    hidden = torch.ones((), dtype=torch.bool, device=images.device)
    for axis in (3, 4):
        size = images.shape[axis]
        length = int(size * share + 0.5)
        # the square may lie partly outside; an even one has one more place for its middle
        first = _whole(noise, images, size + 1 - length % 2) - length // 2
        place = _places(images, axis)
        hidden = hidden & (place >= first) & (place < first + length)
    return images * ~hidden


def _whole(noise: Noise, images: Tensor, count: int) -> Tensor:
    """One of 0 … count − 1 for each image."""
    return (noise.uniform(images.shape[1], 1, 1, 1) * count).long()


def _places(images: Tensor, axis: int) -> Tensor:
    shape = [1] * images.ndim
    shape[axis] = -1
    return torch.arange(images.shape[axis], device=images.device).view(shape)
