"""What the page is made from: two small tables, read from records and kept in git."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.mixtures import Mixture
from bench.errors import BenchError
from bench.execution.plan import plan
from bench.records.cell import Cell
from bench.records.record import Record
from bench.records.store import Store
from bench.registry import make_dataset
from bench.study import load_study
from tests.baselines.validation import dirac

METRICS = ("modes_1", "modes_20", "high_quality", "reverse_kl", "lenet_fd")
RUN_COLUMNS = ("problem", "dataset", "method", "seed", "status", "updates", *METRICS,
               "training_seconds", "device", "commit", "date")  # fmt: skip
PATH_COLUMNS = ("method", "mode", "behaviour", "theta", "psi", "late_least", "late_mean",
                "late_most", "factor", "off_closed_form", "parts_at", "commit", "date")  # fmt: skip

LEARNT = 10
"""Times chance, from which a share of high quality shows that modes are being learnt."""

Table = list[dict[str, str]]
Paths = dict[tuple[str, str], dirac.Floats]
"""Method and mode → (θ, ψ) after every round: (rounds + 1, 2)."""


def records(study: str, results: Path) -> list[Record]:
    """The records of a study's cells.

    Raises:
        BenchError: a cell is missing; it says which command trains it.
    """
    planned = plan(load_study(study).cells, Store(results))
    missing = sum(
        each.record is None or each.to_train or bool(each.to_measure()) for each in planned
    )
    if missing:
        raise BenchError(
            f"{missing} of {len(planned)} cells of {study} are not in '{results}'; train them: "
            f"bench run {study} --results {results}"
        )
    return [each.record for each in planned if each.record is not None]


def problem(cell: Cell) -> str:
    """What methods are compared on: the dataset and, of a mixture, what varies."""
    name = cell.dataset.name
    if cell.architecture.name != "mlp":
        return name
    rate = "constant" if cell.training.decay == "none" else "falling"
    plain = (
        ""
        if cell.architecture.hyperparameters["generator_batch_norm"]
        else ", no batch normalisation"
    )
    return f"{name}, {rate} rate{plain}"


def run_rows(found: list[Record]) -> Table:
    """A row a run: its scores at the last evaluation, and where and when it was trained."""
    rows = []
    for record in found:
        last, run = record.evaluations[-1], record.data["run"]
        scores = {name: _told(last.get(name)) for name in METRICS}
        rows.append({
            "problem": problem(record.cell), "dataset": record.cell.dataset.name,
            "method": record.cell.method.label,
            "seed": str(record.cell.seed), "status": record.status,
            "updates": str(record.cell.updates), **scores,
            "training_seconds": _told(run.get("training_seconds"), 3),
            "device": str(run.get("device_name", "")), **_origin(run),
        })  # fmt: skip
    return rows


def paths(found: list[Record]) -> Paths:
    """Of the records on dirac. A run that failed ends its path early."""
    modes = {mode: name for name, mode in dirac.MODES.items()}
    return {
        (r.cell.method.label, modes[own.simultaneous, own.critic_steps or 1]):
        np.array([(e["theta"], e["psi"]) for e in r.evaluations])
        for r in found
        for own in (r.cell.training,)
    }  # fmt: skip


def path_rows(found: list[Record]) -> Table:
    """A row a path: what it does, and how far it is from the closed form."""
    known = {row.method: row for row in dirac.ROWS}
    rows = []
    for record, ((method, mode), path) in zip(found, paths(found).items(), strict=True):
        late = dirac.radius(path)[-(len(path) // 10) :]
        off = dirac.off_recursion(known[method], mode, path)
        rows.append({
            "method": method, "mode": mode, "behaviour": dirac.behaviour(path),
            "theta": _told(path[-1, 0]), "psi": _told(path[-1, 1]),
            "late_least": _told(late.min()), "late_mean": _told(late.mean()),
            "late_most": _told(late.max()),
            "factor": _told(dirac.measured_factor(known[method], path), 8),
            "off_closed_form": _told(off.max(), 2), "parts_at": _told(dirac.parting(off)),
            **_origin(record.data["run"]),
        })  # fmt: skip
    return rows


def write(rows: Table, columns: tuple[str, ...], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(file: Path) -> Table:
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def scores(rows: Table, metric: str, higher: bool) -> dict[tuple[str, str, str], dict[int, float]]:
    """By problem, metric and method the score of every seed; a failed one is infinitely bad."""
    found: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for row in rows:
        failed = row["status"] != "ok" or not row[metric]
        value = (-math.inf if higher else math.inf) if failed else float(row[metric])
        found[row["problem"], metric, row["method"]][int(row["seed"])] = value
    return dict(found)


def chance(problem: str) -> float:
    """Share of points within 3σ of a centre, were they even over the square of the modes."""
    mixture = make_dataset(problem.partition(",")[0])
    assert isinstance(mixture, Mixture)
    centres, reach = mixture.centres(), 3 * mixture.sigma
    side = float(centres.max() - centres.min()) + 2 * reach
    return len(centres) * math.pi * reach**2 / side**2


def untrained(rows: Table) -> set[tuple[str, str]]:
    """Problems and methods whose mean share of high quality is below ten times chance.

    So few points near a mode count modes that nothing has been learnt of: the more scattered they
    are, the more.
    """
    found = set()
    for (problem, _, method), by_seed in scores(rows, "high_quality", True).items():
        reached = [max(value, 0.0) for value in by_seed.values()]
        if math.fsum(reached) / len(reached) < LEARNT * chance(problem):
            found.add((problem, method))
    return found


def _origin(run: dict[str, Any]) -> dict[str, str]:
    return {"commit": str(run.get("commit", "")), "date": str(run.get("finished_at", ""))[:10]}


def _told(value: float | None, digits: int = 6) -> str:
    return "" if value is None else f"{value:.{digits}g}"
