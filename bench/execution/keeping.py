"""Which networks of a run are kept."""

from __future__ import annotations

from bench.measuring.evaluation import modules_of
from bench.records.cell import Cell
from bench.records.fingerprint import digest
from bench.records.record import Record
from bench.registry import make_architecture, make_dataset

POLICIES = ("all", "ends", "last", "none")
"""``ends``: the untrained, the best and the last."""
SMALL = 4 * 2**20
"""Bytes of a run's networks up to which all of them are kept, unless a study says otherwise."""


def policy_of(record: Record, asked: str | None) -> str:
    """Return the study's policy; by default, `all` of small networks and `ends` of others."""
    return asked or ("all" if bytes_kept(record) <= SMALL else "ends")


def bytes_kept(record: Record) -> int:
    """Return the bytes of the networks that a record keeps."""
    return sum(record.data["files"][name]["bytes"] for name in record.networks.values())


def prunable(record: Record, policy: str) -> list[int]:
    """Return the updates whose networks a policy deletes.

    One that was not measured yet keeps all; so does one of which no metric tells the best
    checkpoint, where the best is to be kept.
    """
    updates = sorted(record.networks)
    if policy == "all" or not record.known:
        return []
    if policy == "none":
        return updates
    kept = {updates[-1]}
    if policy == "ends":
        best = {each.best for each in record.known.values() if each.best is not None}
        if not best:
            return []
        kept |= {updates[0], *best}
    return [update for update in updates if update not in kept]


def bytes_to_keep(cells: list[Cell], asked: str | None) -> int:
    """Return the approximate size of the cells' networks; 0 for those that cannot be built."""
    sizes: dict[str, int] = {}
    total = 0
    for cell in cells:
        named = digest(
            [
                cell.architecture.name,
                cell.architecture.hyperparameters,
                cell.dataset.hyperparameters,
            ]
        )
        if named not in sizes:
            sizes[named] = _bytes_of(cell)
        points = cell.evaluations + 1
        policy = asked or ("all" if sizes[named] * points <= SMALL else "ends")
        total += sizes[named] * {"all": points, "ends": 3, "last": 1, "none": 0}[policy]
    return total


def _bytes_of(cell: Cell) -> int:
    """Return the bytes of one checkpoint's networks."""
    part = cell.dataset
    architecture = make_architecture(cell.architecture.name, cell.architecture.hyperparameters)
    try:
        players = modules_of(architecture, make_dataset(part.name, part.hyperparameters), 1)
    except Exception:  # a user's file may raise anything; a run reports it
        return 0
    tensors = [tensor for module in players for tensor in module.state_dict().values()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
