"""A GAN trained the way a textbook writes it: one seed, plain PyTorch, no harness."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from bench.architectures.base import Architecture


def train_textbook(
    architecture: Architecture, shape: tuple[int, ...], batch: int, updates: int, seed: int
) -> None:
    """Non-saturating GAN on standard normal data for ``updates`` updates of each player."""
    torch.manual_seed(seed)
    generator, discriminator = architecture.generator(shape), architecture.discriminator(shape)
    adam = {"lr": 1e-3, "betas": (0.5, 0.9)}
    generator_optimizer = torch.optim.Adam(generator.parameters(), **adam)
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
    for _ in range(updates):
        real = torch.randn(batch, *shape)
        fake = generator(torch.randn(batch, architecture.latent)).detach()
        loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
        discriminator_optimizer.zero_grad()
        loss.backward()
        discriminator_optimizer.step()

        loss = softplus(-discriminator(generator(torch.randn(batch, architecture.latent)))).mean()
        generator_optimizer.zero_grad()
        loss.backward()
        generator_optimizer.step()
