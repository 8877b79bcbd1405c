"""Networks of a checkpoint on disk: one safetensors file, which holds no code.

Tensors are called ``generator/<name>``, ``discriminator/<name>`` and, where weights are averaged,
``average/<name>``, with the names of the module's ``state_dict``, buffers included.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.errors import BenchError
from bench.metric import Iterate as Iterate
from bench.metric import NotKept

FORMAT = 1
FOLDER = "networks"
Tensors = dict[str, Tensor]


def file_name(update: int) -> str:
    """Return the file, in a run's folder, of the networks after so many updates."""
    return f"{FOLDER}/{update:08d}.safetensors"


def update_of(name: str) -> int | None:
    """Return the discriminator updates in a file's name; None for another kind of file."""
    folder, _, file = name.partition("/")
    return int(file.partition(".")[0]) if folder == FOLDER else None


@dataclass(frozen=True)
class Checkpoint:
    """Both networks of one member after ``update`` discriminator updates."""

    update: int
    generator_update: int
    players: dict[str, Tensors]
    """``generator``, ``discriminator`` and perhaps ``average``: parameters and buffers by name."""

    @property
    def iterates(self) -> tuple[Iterate, ...]:
        """The generators that it holds."""
        return ("last", "averaged") if "average" in self.players else ("last",)

    def generator(self, iterate: Iterate) -> Tensors:
        """Return the generator's tensors; an average has the buffers of the last iterate.

        Raises:
            NotKept: no average was kept.
        """
        last = self.players["generator"]
        if iterate == "last":
            return last
        if "average" not in self.players:
            raise NotKept("no average of the generator's weights was kept: ema is null")
        return last | self.players["average"]

    def packed(self) -> bytes:
        """Return the bytes of a file, the same for the same networks."""
        from safetensors.torch import save

        tensors = {
            f"{player}/{name}": tensor.contiguous().cpu()
            for player, named in self.players.items()
            for name, tensor in named.items()
        }
        about = {"update": self.update, "generator_update": self.generator_update}
        return save(tensors, {"bench": json.dumps({"format": FORMAT, **about})})


def read(file: Path) -> Checkpoint:
    """Read a file of networks.

    Raises:
        BenchError: it is missing, damaged, or of another version; the message names it.
    """
    from safetensors import SafetensorError, safe_open

    players: dict[str, Tensors] = {}
    try:
        with safe_open(file, "pt") as stored:
            about: dict[str, Any] = json.loads((stored.metadata() or {})["bench"])
            if about["format"] != FORMAT:
                raise BenchError(
                    f"the networks in '{file}' are of format {about['format']}, this version "
                    f"knows {FORMAT}"
                )
            for name in stored.keys():  # noqa: SIM118 - no dictionary
                player, _, own = name.partition("/")
                players.setdefault(player, {})[own] = stored.get_tensor(name)
        return Checkpoint(about["update"], about["generator_update"], players)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        told = "there is no such file" if isinstance(error, FileNotFoundError) else error
        raise BenchError(f"the networks in '{file}' cannot be read ({told})") from error
