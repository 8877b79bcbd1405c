"""Trains one job; ``worker_process.py`` calls it for job after job.

The job's folder holds ``job.json``; the worker adds ``progress.json`` while it works and one folder
per finished cell with the files of its record. It imports torch, numpy and what its cells need, and
never MLflow, pandas or plotting.
"""

from __future__ import annotations

import json
import os
import platform
import random
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.datasets.base import Dataset, Values
from bench.errors import BenchError
from bench.execution.devices import driver_version
from bench.execution.memory import begin_peak, peak_memory_mb, ran_out_of_memory
from bench.execution.nondeterminism import collected
from bench.records.cell import SCHEMA, Cell, sources_of, sources_of_part
from bench.records.fingerprint import digest
from bench.records.store import pack, with_files
from bench.registry import make_architecture, make_dataset, make_method
from bench.training.engines import Compiled, Engine
from bench.training.examiner import Outcome
from bench.training.gradients import summary
from bench.training.loop import Training, blocks_of, train

HEARTBEAT_SECONDS = 1.0
KEPT_ON_CPU = 4
"""Prepared datasets that a worker keeps on a CPU; on a GPU, whose memory they may take, it is 1."""


def settle(device: torch.device) -> None:
    """Set all global state that results depend on, whatever an earlier job has changed."""
    gpu = device.type == "cuda"
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.autograd.set_detect_anomaly(False)
    for kind in {"cpu", device.type}:
        torch.set_autocast_enabled(kind, False)
    if not gpu:
        torch.set_num_threads(1)
    # the same cell on the same GPU is to give the same numbers, in full float32
    if gpu or torch.are_deterministic_algorithms_enabled():  # the call imports for over a second
        torch.use_deterministic_algorithms(gpu, warn_only=True)
    # slow, and of no use to results
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.mkldnn.set_flags(True)
    torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark = True, False
    torch.backends.cudnn.deterministic = False
    # settings that contradict each other make PyTorch raise wherever it reads one of them
    for place in _precisions():
        place.fp32_precision = "none"
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    # subnormal numbers, common in Adam's averages, slow a CPU down by half
    torch.set_flush_denormal(True)
    # streams have generators of their own; these are for code that asks for none
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")


def _precisions() -> list[Any]:
    """The places where PyTorch keeps the precision of products and convolutions in float32."""
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda, backends.cudnn, backends.mkldnn
    places = [backends, cuda.matmul, cudnn, mkldnn]
    for part in ("matmul", "conv", "rnn"):
        places += [getattr(library, part, None) for library in (cudnn, mkldnn)]
    return [place for place in places if hasattr(place, "fp32_precision")]


def run_job(folder: Path, device: torch.device) -> bool:
    """Train the job of a folder; False if it failed, with the reason in the folder."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    cells = [Cell.from_json(cell) for cell in job["cells"]]
    begin_peak(device)
    try:
        _train_all(cells, device, Path(job["cache"]), folder)
    except Exception as error:
        file, reason = "reason.txt", f"{type(error).__name__}: {_first_line(error)}"
        if isinstance(error, BenchError):
            reason = str(error)
        elif ran_out_of_memory(error):
            file, reason = "out_of_memory.txt", _first_line(error)
        (folder / file).write_text(reason, encoding="utf-8")
        if not isinstance(error, BenchError):
            with suppress(OSError, ValueError):  # the job may have closed the stream
                traceback.print_exc()
    else:
        return True
    return False


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


class PreparedDatasets:
    """Keeps the last prepared datasets, so that the next job on the same data starts at once."""

    def __init__(self) -> None:
        self._kept: dict[str, Dataset] = {}

    def prepare(self, dataset: Dataset, cache: Path, device: torch.device) -> Dataset:
        """Return ``dataset`` prepared, in a copy of its own that a job may change.

        Datasets that lack metrics are prepared each time: what they lack may have come since.
        """
        known = [dataset.name, dataset.settings(), dataset.content(), str(cache), str(device)]
        # a file of the user's may have been changed since the last job
        key = digest([*known, sources_of_part(dataset)])
        kept = self._kept.pop(key, None)
        if kept is None:
            while len(self._kept) >= (KEPT_ON_CPU if device.type == "cpu" else 1):
                # the one that was not asked for for the longest time
                del self._kept[next(iter(self._kept))]
            dataset.prepare(cache, device)
            if dataset.not_computed():
                return dataset
            kept = dataset
        self._kept[key] = kept
        return kept.as_prepared()

    def clear(self) -> None:
        self._kept.clear()


KEPT = PreparedDatasets()


def _train_all(cells: list[Cell], device: torch.device, cache: Path, folder: Path) -> None:
    first = cells[0]
    dataset = make_dataset(first.dataset.name, first.dataset.settings)
    architecture = make_architecture(first.architecture.name, first.architecture.settings)
    method = make_method(first.method.name, first.method.settings)
    if sources_of(method, dataset, architecture) != first.sources:
        raise BenchError(
            "the code or the data were changed after this run had been planned; run again"
        )
    dataset = KEPT.prepare(dataset, cache, device)
    training = Training(
        method,
        dataset,
        architecture,
        first.training,
        first.updates,
        first.evaluations,
    )
    shared = _Shared(dataset, dataset.pack(dataset.real(dataset.kept_samples)), dataset.floor())
    by_seed = {cell.seed: cell for cell in cells}
    blocks = blocks_of(list(by_seed), training.width)
    engine = _engine(first, training, device, cache)
    beat = _Heartbeat(folder, total=first.updates * len(blocks))
    for number, seeds in enumerate(blocks):
        finished = number * first.updates
        with collected() as operations:
            outcomes = train(
                training,
                seeds,
                device,
                lambda done: beat(finished + done),  # noqa: B023 - called within the turn
                engine,
            )
        for outcome in outcomes:
            _write(folder, by_seed[outcome.seed], outcome, shared, device, operations)


def _engine(cell: Cell, training: Training, device: torch.device, cache: Path) -> Engine:
    """Return what plays the rounds of a cell: compiled where its budget is long enough."""
    if not training.is_long:
        return Engine()
    where = surroundings(device)["device_name"], torch.backends.cpu.get_cpu_capability()
    return Compiled(cache / "rounds", f"{cell.round} on {where}", ran_out_of_memory)


@dataclass(frozen=True)
class _Shared:
    """What all cells of a job hold alike."""

    dataset: Dataset
    real: NDArray[Any]
    floor: Values


def _write(
    folder: Path,
    cell: Cell,
    outcome: Outcome,
    shared: _Shared,
    device: torch.device,
    operations: list[str],
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
            "nondeterministic": operations,
            "peak_memory_mb": peak_memory_mb(device),
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
            **(_gpu_versions() if device.type == "cuda" else {}),
        },
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _gpu_versions() -> dict[str, str]:
    """Versions of CUDA, cuDNN and the driver, as far as they are known."""
    versions = {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "driver": driver_version(),
    }
    return {name: str(version) for name, version in versions.items() if version is not None}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


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
