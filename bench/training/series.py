"""Losses and gradient norms of every update of a population, fetched from the device in blocks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.training.game import Observed

Floats = NDArray[np.float32]


class Series:
    """Collects what rounds observe; (updates, P) by name, such as ``generator_norm``."""

    def __init__(self) -> None:
        self._pending: dict[str, list[Tensor]] = {}
        self._fetched: dict[str, list[Floats]] = {}

    def add(self, observed: Observed) -> None:
        """Take in one round's, which stay on the device."""
        for name, values in observed.items():
            self._pending.setdefault(name, []).append(values)

    def fetch(self) -> dict[str, Floats]:
        """Fetch what was added since the last call, which waits for the device, and return it."""
        new = {
            name: torch.cat(values).float().cpu().numpy() for name, values in self._pending.items()
        }
        for name, block in new.items():
            self._fetched.setdefault(name, []).append(block)
        self._pending = {}
        return new

    def whole(self) -> dict[str, Floats]:
        """Return all that was fetched."""
        return {name: np.concatenate(blocks) for name, blocks in self._fetched.items()}

    def saved(self) -> dict[str, Tensor]:
        """Return both parts as tensors, of which :meth:`restored` makes the same object."""
        fetched = {f"fetched/{name}": torch.from_numpy(all) for name, all in self.whole().items()}
        return fetched | {f"pending/{name}": torch.cat(all) for name, all in self._pending.items()}

    @classmethod
    def restored(cls, saved: dict[str, Tensor], device: torch.device) -> Series:
        series = cls()
        for place, values in saved.items():
            part, _, name = place.partition("/")
            if part == "fetched":
                series._fetched[name] = [values.numpy()]
            else:
                series._pending[name] = [values.to(device)]
        return series
