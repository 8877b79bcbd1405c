"""An Inception network with random weights in the published format, and images to show it.

What agrees on these agrees on the published weights: the code does not look at their values.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate


def save_random_weights(file: Path, seed: int = 0) -> str:
    """Write a state dict as pytorch-fid loads it; returns the file's SHA-256.

    Batch normalisation takes its statistics from a few random images, without which activations
    would shrink from layer to layer until all images look alike.
    """
    import torchvision

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        network = torchvision.models.inception_v3(
            num_classes=1008, aux_logits=False, weights=None, init_weights=False
        )
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        images = interpolate(random_images(4, seed=seed).float(), size=(299, 299)) / 127.5 - 1
        with torch.no_grad():
            network.train()(images)
    torch.save(network.state_dict(), file)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def random_images(count: int, channels: int = 3, size: int = 32, seed: int = 0) -> Tensor:
    """Bytes (count, channels, size, size): blurred noise of many brightnesses and contrasts."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, channels, 4, 4, generator=generator)
    fine = torch.randn(count, channels, size, size, generator=generator)
    level, contrast = torch.rand(2, count, 1, 1, 1, generator=generator)
    noise = interpolate(coarse, size=(size, size), mode="bilinear") + 0.3 * fine
    return ((level + contrast * noise) * 128).clamp(0, 255).byte()


def save_images(folder: Path, images: Tensor, begin: int = 0) -> list[Path]:
    """Write bytes (N, 1 or 3, H, W) as PNG files, gray ones as gray."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, image in enumerate(images, begin):
        pixels = image[0] if len(image) == 1 else image.permute(1, 2, 0)
        files.append(folder / f"{number:05}.png")
        Image.fromarray(pixels.numpy()).save(files[-1])
    return files
