"""Savepoints: all that a block's training needs to go on after its process has ended.

A block has a folder: a savepoint is one safetensors file there, written beside and moved into
place, with its content's hash in its name; the two newest are kept. Beside them lies a folder a
seed, with the networks of the checkpoints taken so far.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as tree

from bench.networks import Checkpoint, file_name

EVERY = 120.0
"""Seconds from one savepoint to the next, where a study says nothing else."""
FORMAT = 1
KEPT = 2
SHARE = 0.02
"""Part of the time that writing savepoints may take at most."""

T = TypeVar("T")


class Stopped(BaseException):
    """Says that training has ended before its end, by request, with a savepoint."""


@dataclass(frozen=True)
class Saved:
    """What one savepoint holds."""

    tensors: dict[str, Tensor]
    about: dict[str, Any]

    @classmethod
    def of(cls, parts: dict[str, dict[str, Tensor]], about: dict[str, Any]) -> Saved:
        """Return the parts' tensors as one, named ``part/name``."""
        named = {f"{part}/{name}": x for part, own in parts.items() for name, x in own.items()}
        return cls(named, about)

    def below(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with ``prefix/``, by the rest of their names."""
        at = len(prefix) + 1
        return {k[at:]: value for k, value in self.tensors.items() if k.startswith(f"{prefix}/")}


class Savepoints:
    """Writes and finds the savepoints of one block of seeds.

    Args:
        folder: the block's own.
        every: seconds from one to the next; 0: none but the one when stopping.
        stopping: whether training is to end now.
        where: the machine, in words.
    """

    def __init__(
        self,
        folder: Path,
        every: float = 0.0,
        stopping: Callable[[], bool] = lambda: False,
        where: str = "",
    ):
        self.folder, self.every, self.stopping, self.where = folder, every, stopping, where
        self.set_aside: list[str] = []
        """What was found damaged, one line each."""
        self._kept: dict[str, str] = {}
        self._last, self._cost = time.monotonic(), 0.0

    def due(self) -> bool:
        """Tell whether it is time for the next one."""
        since = time.monotonic() - self._last
        return bool(self.every) and since >= max(self.every, self._cost / SHARE)

    def keep(self, seed: int, checkpoint: Checkpoint) -> None:
        """Write a seed's networks at once: those of a whole training may not fit into memory."""
        file = self.networks_of(seed) / file_name(checkpoint.update)
        file.parent.mkdir(parents=True, exist_ok=True)
        content = checkpoint.packed()
        file.write_bytes(content)
        self._kept[str(file.relative_to(self.folder))] = _hash(content)

    def networks_of(self, seed: int) -> Path:
        """Return the folder that holds a seed's ``networks/``."""
        return self.folder / str(seed)

    def write(self, update: int, saved: Saved) -> None:
        """Write a savepoint, whole or not at all, and remove the oldest of more than two."""
        from safetensors.torch import save

        begun = time.monotonic()
        about = {**saved.about, "format": FORMAT, "kept": self._kept}
        tensors = {k: each.detach().cpu().contiguous().clone() for k, each in saved.tensors.items()}
        content = save(tensors, {"bench": json.dumps(about)})
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / ".savepoint"
        with open(scratch, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, self.folder / f"{update:010d}-{_hash(content)}.safetensors")
        for old in _files(self.folder)[KEPT:]:
            old.unlink(missing_ok=True)
        self._last = time.monotonic()
        self._cost = self._last - begun

    def restore(self, restored: Callable[[Saved], T]) -> T | None:
        """Return what the newest sound savepoint is made into; None, and no files, without one.

        ``restored`` raises an exception on one that does not fit. Whatever cannot be read or used
        is set aside.
        """
        for file in _files(self.folder):
            try:
                saved = self._read(file)
                found = restored(saved)
            except Exception as error:  # damaged in any manner
                self.set_aside.append(f"a savepoint was passed over: {error}")
                file.rename(file.with_suffix(".damaged"))
                continue
            self._kept = saved.about["kept"]
            return found
        shutil.rmtree(self.folder, ignore_errors=True)
        return None

    def _read(self, file: Path) -> Saved:
        from safetensors import safe_open

        if _hash(file.read_bytes()) not in file.name:
            raise ValueError(f"'{file.name}' is not as it was written")
        with safe_open(file, "pt") as stored:
            about: dict[str, Any] = json.loads((stored.metadata() or {})["bench"])
            if about["format"] != FORMAT:
                raise ValueError(f"format {about['format']}")
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        for name, known in about["kept"].items():
            if _hash((self.folder / name).read_bytes()) != known:
                raise ValueError(f"'{name}' is not as it was written")
        return Saved(tensors, about)


def folder_of(cache: Path, group: str, width: int, first: int) -> Path:
    """Return the folder of a block's savepoints: one group, so wide, from that seed on."""
    return cache / "savepoints" / f"{group}-{width}-{first}"


def resumable(cache: Path) -> dict[tuple[str, int], int]:
    """Return the update from which a cell would go on, by its group and seed."""
    found = {}
    for folder in (cache / "savepoints").glob("*-*"):
        files = _files(folder)
        for own in folder.iterdir() if files else ():
            if own.name.isdecimal():
                found[folder.name.partition("-")[0], int(own.name)] = int(files[0].name[:10])
    return found


def forget(cache: Path, group: str, seed: int) -> None:
    """Remove what was kept of a seed, and its block's savepoints with the last one."""
    for folder in (cache / "savepoints").glob(f"{group}-*"):
        shutil.rmtree(folder / str(seed), ignore_errors=True)
        with suppress(OSError):
            if not any(own.name.isdecimal() for own in folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)


def flat(values: Any) -> dict[str, Tensor]:
    """Return a tree's tensors by their places."""
    leaves, _ = tree.tree_flatten_with_path(values)
    return {tree.keystr(path): leaf for path, leaf in leaves}


def filled(values: Any, saved: dict[str, Tensor]) -> Any:
    """Return a tree like ``values``, with what was saved in its place.

    Raises:
        ValueError: a tensor is missing, or of another shape or type.
    """
    if flat(values).keys() != saved.keys():
        raise ValueError("it holds other tensors")

    def one(path: Any, leaf: Tensor) -> Tensor:
        own = saved[tree.keystr(path)]
        if (own.shape, own.dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(f"{tree.keystr(path)} is of another shape or type")
        # compiled rounds read memory as it lay at first
        return leaf.detach().clone().copy_(own)

    return tree.tree_map_with_path(one, values)


def random_states(device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the states of global generators: torch's, and all others'."""
    torchs = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        torchs["cuda"] = torch.cuda.get_rng_state(device)
    kind, words, *rest = np.random.get_state()
    others = {"numpy": [kind, [int(word) for word in words], *rest], "python": random.getstate()}
    return torchs, others


def set_random_states(
    torchs: dict[str, Tensor], others: dict[str, Any], device: torch.device
) -> None:
    torch.set_rng_state(torchs["cpu"])
    if device.type == "cuda" and "cuda" in torchs:
        torch.cuda.set_rng_state(torchs["cuda"], device)
    np.random.set_state(tuple(others["numpy"]))
    version, words, left = others["python"]
    random.setstate((version, tuple(words), left))


def _files(folder: Path) -> list[Path]:
    """Return the savepoints, the newest first."""
    return sorted(folder.glob("*-*.safetensors"), reverse=True)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
