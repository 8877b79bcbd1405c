"""The contract of architectures: an ordinary pair of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from torch import nn

from bench.values import Count


@dataclass(frozen=True)
class Architecture(ABC):
    """A pair of networks; its fields are its hyperparameters.

    Both builders read torch's global random state for the initial weights and nothing else.
    """

    name: ClassVar[str]
    scalar_discriminator: ClassVar[bool] = False

    latent: Count = 16

    @abstractmethod
    def generator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        """Return the generator, (B, latent) → (B, *sample_shape)."""

    @abstractmethod
    def discriminator(self, sample_shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator, (B, *sample_shape) → (B,) logits."""

    @abstractmethod
    def does_not_fit(self, dataset: str, sample_shape: tuple[int, ...]) -> str | None:
        """Return why this architecture cannot generate these samples, or None."""

    @property
    def stacks(self) -> bool:
        """Whether members train as one stack, which pays where layers are fully connected.

        Convolutions train member by member: a stack of them is a grouped convolution, slower on a
        CPU, and differentiated group by group where a penalty asks for it.
        """
        return False

    @property
    def batch_norm_in_discriminator(self) -> bool:
        return False

    def hyperparameters(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}
