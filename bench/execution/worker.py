"""Trains one job in a process of its own: ``python -m bench.execution.worker JOB_FOLDER``.

The folder holds ``job.json``; the worker adds ``progress.json`` while it works and one folder per
finished cell with the files of its record. It imports torch, numpy and what its cells need, and
never MLflow, pandas or plotting.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.datasets.base import Dataset, Values
from bench.errors import BenchError
from bench.records.cell import SCHEMA, Cell, sources_of
from bench.records.store import pack, with_files
from bench.registry import make_architecture, make_dataset, make_method
from bench.training.engines import Compiled, Engine
from bench.training.examiner import Outcome
from bench.training.gradients import summary
from bench.training.loop import Training, blocks_of, train

HEARTBEAT_SECONDS = 1.0


def main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    _end_with(job["parent"])
    device = torch.device(job["device"])
    if device.type == "cpu":
        torch.set_num_threads(1)
    else:
        # the same cell on the same GPU is to give the same numbers, in full float32
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    # subnormal numbers, common in Adam's averages, slow a CPU down by half
    torch.set_flush_denormal(True)
    cells = [Cell.from_json(cell) for cell in job["cells"]]
    try:
        _train_all(cells, device, Path(job["cache"]), folder)
    except BenchError as error:
        (folder / "reason.txt").write_text(str(error), encoding="utf-8")
        sys.exit(1)
    except (MemoryError, torch.OutOfMemoryError) as error:
        (folder / "out_of_memory.txt").write_text(str(error), encoding="utf-8")
        raise
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        reason = f"{type(error).__name__}: {first_line}"
        (folder / "reason.txt").write_text(reason, encoding="utf-8")
        raise


def _train_all(cells: list[Cell], device: torch.device, cache: Path, folder: Path) -> None:
    first = cells[0]
    dataset = make_dataset(first.dataset.name, first.dataset.settings)
    architecture = make_architecture(first.architecture.name, first.architecture.settings)
    method = make_method(first.method.name, first.method.settings)
    if sources_of(method, dataset, architecture) != first.sources:
        raise BenchError(
            "the code or the data were changed after this run had been planned; run again"
        )
    dataset.prepare(cache, device)
    training = Training(
        method,
        dataset,
        architecture,
        first.setting.optimizer,
        first.setting.batch_size,
        first.updates,
        first.evaluations,
        first.setting.simultaneous,
        first.setting.critic_steps,
        first.setting.decay,
        first.setting.ema,
        first.setting.precision,
    )
    shared = _Shared(dataset, dataset.pack(dataset.real(dataset.kept_samples)), dataset.floor())
    by_seed = {cell.seed: cell for cell in cells}
    blocks = blocks_of(list(by_seed), training.width)
    engine = _engine(first, training, device, cache)
    beat = _Heartbeat(folder, total=first.updates * len(blocks))
    for number, seeds in enumerate(blocks):
        finished = number * first.updates
        outcomes = train(
            training,
            seeds,
            device,
            lambda done: beat(finished + done),  # noqa: B023 - called within the turn
            engine,
        )
        for outcome in outcomes:
            _write(folder, by_seed[outcome.seed], outcome, shared, device)


def _engine(cell: Cell, training: Training, device: torch.device, cache: Path) -> Engine:
    """Return what plays the rounds of a cell: it follows from the cell and the device alone."""
    if not training.is_long:
        return Engine()
    where = surroundings(device)["device_name"], torch.backends.cpu.get_cpu_capability()
    return Compiled(cache / "rounds", f"{cell.round} on {where}")


@dataclass(frozen=True)
class _Shared:
    """What all cells of a job hold alike."""

    dataset: Dataset
    real: NDArray[Any]
    floor: Values


def _write(
    folder: Path, cell: Cell, outcome: Outcome, shared: _Shared, device: torch.device
) -> None:
    samples = {
        "samples": np.stack(outcome.samples) if outcome.samples else np.empty(0),
        "updates": np.array([e["update"] for e in outcome.evaluations]),
        "real": shared.real,
    }
    if outcome.interpolations is not None:
        samples["interpolations"] = outcome.interpolations
    files = {"series.npz": pack(dict(outcome.series)), "samples.npz": pack(samples)}
    data = {
        "schema": SCHEMA,
        "key": cell.key,
        "cell": cell.to_json(),
        "ingredients": cell.ingredients(),
        "status": outcome.status,
        "reason": outcome.reason,
        "output": "",
        "result": {
            "evaluations": _plain(outcome.evaluations),
            "gradients": _plain(
                summary(
                    _watched(outcome.series, "discriminator"), _watched(outcome.series, "generator")
                )
            ),
            "cost": outcome.cost,
            "floor": _plain(shared.floor),
            "protocol": _plain(shared.dataset.protocol()),
            "not_computed": shared.dataset.not_computed(),
        },
        "run": {
            **outcome.timing,
            "engine": outcome.engine,
            "engine_note": outcome.engine_note,
            "peak_memory_mb": _peak_memory(device),
            **surroundings(device),
        },
    }
    scratch = folder / f".{cell.key}"
    scratch.mkdir()
    for name, content in files.items():
        (scratch / name).write_bytes(content)
    text = json.dumps(with_files(data, files), allow_nan=False)
    (scratch / "record.json").write_text(text, encoding="utf-8")
    os.rename(scratch, folder / cell.key)


def surroundings(device: torch.device) -> dict[str, Any]:
    """Where a cell was trained: recorded, and no part of its key."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": device.type,
        "device_name": name,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _watched(series: Mapping[str, NDArray[np.float32]], player: str) -> NDArray[np.float32]:
    """Gradient norms, (T,), not finite where the loss is not."""
    norms = series.get(f"{player}_norm", np.empty(0, np.float32))
    losses = series.get(f"{player}_loss", norms)
    return np.where(np.isfinite(losses), norms, np.float32(np.nan))


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: both become null."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


class _Heartbeat:
    """Says how far the job is, at most once a second."""

    def __init__(self, folder: Path, total: int):
        self._file, self._total, self._last = folder / "progress.json", total, 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._last >= HEARTBEAT_SECONDS:
            self._last = now
            scratch = self._file.with_suffix(".tmp")
            scratch.write_text(json.dumps({"fraction": done / self._total}), encoding="utf-8")
            os.replace(scratch, self._file)


def _end_with(parent: int) -> None:
    """Leave when the process that started us is gone, however it went."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
