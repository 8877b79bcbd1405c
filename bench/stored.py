"""Trained generators as ordinary modules: load what a run has kept.

from bench.stored import load_run
run = load_run("results", "37c4008a")
images = run.generator()(run.latents(64))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.metric import Iterate
    from bench.records.record import Record
    from bench.records.store import Store


def find_record(store: Store, key: str) -> Record:
    """Return the record of a results folder whose key begins with ``key``.

    Raises:
        BenchError: there is no such record, or there are several.
    """
    found = store.beginning(key)
    if len(found) != 1:
        raise BenchError(
            f"{len(found) or 'no'} cells in '{store.results}' have a key that begins with '{key}'; "
            "bench plan lists the keys"
        )
    return found[0]


def load_run(results: str | Path, key: str) -> StoredRun:
    """Return a run by the beginning of its key.

    Raises:
        BenchError: there is no such run, or its method or architecture is gone.
    """
    from bench.records.store import Store

    return StoredRun(find_record(Store(Path(results)), key))


@dataclass(frozen=True)
class StoredRun:
    """A stored run, whose networks can be loaded."""

    record: Record

    @cached_property
    def architecture(self) -> Any:
        from bench.registry import make_architecture

        part = self.record.cell.architecture
        return make_architecture(part.name, part.hyperparameters)

    @cached_property
    def dataset(self) -> Any:
        from bench.registry import make_dataset

        part = self.record.cell.dataset
        return make_dataset(part.name, part.hyperparameters)

    @property
    def updates(self) -> list[int]:
        """Discriminator updates after which networks are kept, in order."""
        return sorted(self.record.networks)

    def generator(self, update: int | None = None, iterate: Iterate | None = None) -> nn.Module:
        """Return the generator (N, Z) → (N, …) after ``update`` updates, in evaluation mode.

        Args:
            update: one of :attr:`updates`; None: the last.
            iterate: the ``last`` weights or the ``averaged`` ones; None: those it was ranked by.

        Raises:
            BenchError: none is kept, or the file is damaged.
        """
        checkpoint = self.record.checkpoint(self._at(update))
        tensors = checkpoint.generator(iterate or self.record.iterate)
        return self._loaded(0, tensors, "generator")

    def discriminator(self, update: int | None = None) -> nn.Module:
        """Return the discriminator (N, …) → (N,), without its method's change of weights."""
        players = self.record.checkpoint(self._at(update)).players
        return self._loaded(1, players["discriminator"], "discriminator")

    def latents(self, count: int, seed: int | None = None) -> Tensor:
        """Return latents (count, Z); without a ``seed`` those that the run was measured with."""
        import torch

        from bench.training.streams import latents_of

        size = self.architecture.latent
        if seed is None:
            return latents_of(self.record.cell.seed, count, size)
        return torch.randn((count, size), generator=torch.Generator().manual_seed(seed))

    def samples(self, count: int, update: int | None = None, seed: int | None = None) -> Tensor:
        """Return samples: points (count, d), or images as bytes (count, C, H, W)."""
        from bench.measuring.evaluation import as_compared, generated

        images = len(self.dataset.sample_shape) == 3
        made = generated(self.generator(update), self.latents(count, seed), images)
        return as_compared(made)

    def _at(self, update: int | None) -> int:
        if not self.updates:
            raise BenchError(
                f"{self.record.cell} keeps no networks; a study with keep: all does, once it is "
                "trained again"
            )
        if update is None:
            return self.updates[-1]
        if update not in self.updates:
            kept = ", ".join(map(str, self.updates))
            raise BenchError(f"{self.record.cell} keeps networks after {kept} updates only")
        return update

    def _loaded(self, player: int, tensors: Any, name: str) -> nn.Module:
        from bench.measuring.evaluation import loaded, modules_of
        from bench.registry import make_method

        part = self.record.cell.method
        packing = make_method(part.name, part.hyperparameters).packing if player else 1
        module = modules_of(self.architecture, self.dataset, packing)[player]
        return loaded(module, tensors, name)


def write_samples(samples: Tensor, output: Path) -> None:
    """Write samples: a .npy or .npz file, or for images a folder of PNGs.

    In an array, images are (N, H, W) or (N, H, W, C) bytes.

    Raises:
        BenchError: what they are cannot be PNGs, or the place cannot be written to.
    """
    import numpy as np

    array = samples.cpu().numpy()
    if array.ndim == 4:
        array = array[:, 0] if array.shape[1] == 1 else array.transpose(0, 2, 3, 1)
    try:
        if output.suffix in (".npy", ".npz"):
            output.parent.mkdir(parents=True, exist_ok=True)
            with open(output, "wb") as file:
                if output.suffix == ".npy":
                    np.save(file, array)
                else:
                    np.savez(file, samples=array)
            return
        if array.ndim < 3:
            raise BenchError(
                f"points cannot be written as pictures; name a .npy file, as {output}.npy"
            )
        if array.ndim == 4 and array.shape[-1] not in (3, 4):
            raise BenchError(
                f"images of {array.shape[-1]} channels cannot be written as pictures; name a .npy "
                f"file, as {output}.npy"
            )
        from PIL import Image

        output.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(array):
            Image.fromarray(image).save(output / f"{number:06d}.png")
    except OSError as error:
        raise BenchError(f"cannot write to '{output}' ({error.strerror or error})") from error
