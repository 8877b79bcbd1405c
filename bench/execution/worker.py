"""Trains or measures one job; ``worker_process.py`` calls it for job after job.

The job's folder holds ``job.json``; the worker adds ``progress.json`` while it works and one folder
per finished cell with the files of its record. It imports torch, numpy and what its cells need, and
never MLflow, pandas or plotting.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.execution.devices import driver_version
from bench.execution.memory import (
    FRACTION,
    begin_peak,
    peak_memory_mb,
    ran_out_of_memory,
    release_memory,
)
from bench.execution.nondeterminism import collected
from bench.execution.prepared import KEPT, Heartbeat
from bench.execution.stopping import STOPPING, die
from bench.records.cell import SCHEMA, Cell
from bench.records.fingerprint import digest
from bench.records.record import pack, with_files
from bench.records.sources import sources_of
from bench.registry import make_architecture, make_dataset, make_method
from bench.training.block import Training, blocks_of
from bench.training.checkpoints import Outcome
from bench.training.engines import Compiled, Engine
from bench.training.loop import train
from bench.training.savepoints import Savepoints, Stopped, folder_of


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
    """Return the PyTorch modules that hold the float32 precision of products, convolutions."""
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda, backends.cudnn, backends.mkldnn
    places = [backends, cuda.matmul, cudnn, mkldnn]
    for part in ("matmul", "conv", "rnn"):
        places += [getattr(library, part, None) for library in (cudnn, mkldnn)]
    return [place for place in places if hasattr(place, "fp32_precision")]


def run_job(folder: Path, device: torch.device) -> bool:
    """Train or measure the job of a folder; False if it failed, with the reason in the folder."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    cells = [Cell.from_json(cell) for cell in job["cells"]]
    begin_peak(device)
    try:
        if "records" in job:
            from bench.execution.measure_job import measure_all

            measure_all(cells, job, device, folder)
        else:
            _train_all(cells, device, Path(job["cache"]), folder, job["save_every"])
    except Exception as error:
        file, reason = "reason.txt", f"{type(error).__name__}: {_first_line(error)}"
        if isinstance(error, BenchError):
            reason = str(error)
        elif ran_out_of_memory(error):
            # Python's own MemoryError says nothing
            file, reason = "out_of_memory.txt", _first_line(error) or reason.rstrip(": ")
        (folder / file).write_text(reason, encoding="utf-8")
        if not isinstance(error, BenchError):
            with suppress(OSError, ValueError):  # the job may have closed the stream
                traceback.print_exc()
    except Stopped:
        die()
    else:
        return True
    finally:
        STOPPING.over()
    return False


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _train_all(
    cells: list[Cell], device: torch.device, cache: Path, folder: Path, save_every: float
) -> None:
    first = cells[0]
    dataset = make_dataset(first.dataset.name, first.dataset.hyperparameters)
    architecture = make_architecture(first.architecture.name, first.architecture.hyperparameters)
    method = make_method(first.method.name, first.method.hyperparameters)
    if sources_of(method, dataset, architecture) != first.sources:
        raise BenchError(
            "the code or the data were changed after this run had been planned; run again"
        )
    dataset = KEPT.prepare(dataset, cache, device)
    fits = _Fits(cache, first, device)
    training = Training(
        method,
        dataset,
        architecture,
        first.training,
        first.updates,
        first.evaluations,
        fits.known(),
    )
    real = dataset.pack(dataset.real(dataset.kept_samples))
    waiting = {cell.seed: cell for cell in cells}
    beat = Heartbeat(folder, total=first.updates * len(cells))
    where = f"{surroundings(device)['device_name']}, torch {torch.__version__}"
    engine = _engine(first, training, device, cache)
    while waiting:
        seeds = blocks_of(list(waiting), training.width)[0]
        finished, share = (len(cells) - len(waiting)) * first.updates, len(seeds)
        start, group = seeds[0] // training.width * training.width, first.group
        savepoints = Savepoints(
            folder_of(cache, group, training.width, start), save_every, STOPPING, where
        )
        try:
            with collected() as operations:
                outcomes = train(
                    training,
                    seeds,
                    device,
                    lambda done: beat(finished + done * share),  # noqa: B023 - called in its turn
                    engine,
                    savepoints.keep,
                    savepoints,
                )
        except Exception as error:
            if not ran_out_of_memory(error) or training.width == 1:
                raise
            outcomes = []
        if not outcomes:  # outside the except block, so that the exception no longer holds memory
            training = replace(training, split=-(-training.width // 2))
            release_memory(device)
            continue
        notes = savepoints.set_aside
        if training.split:
            fits.remember(training.split)
            notes = [f"more than {training.split} seeds at a time do not fit into memory", *notes]
        for outcome in outcomes:
            cell = waiting.pop(outcome.seed)
            networks = savepoints.networks_of(cell.seed)
            _write(folder, cell, outcome, real, device, operations, networks, notes)
        STOPPING.over()


class _Fits:
    """The number of members that fit into memory where a full stack once did not."""

    def __init__(self, cache: Path, cell: Cell, device: torch.device):
        where = surroundings(device)["device_name"], os.environ.get(FRACTION)
        self._file = cache / "fits" / digest([cell.group, *where])

    def known(self) -> int | None:
        try:
            return max(1, int(self._file.read_text(encoding="ascii")))
        except (OSError, ValueError):
            return None

    def remember(self, members: int) -> None:
        with suppress(OSError):  # it only saves time
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(str(members), encoding="ascii")


def _engine(cell: Cell, training: Training, device: torch.device, cache: Path) -> Engine:
    """Return what plays the rounds of a cell: compiled where its budget is long enough."""
    if not training.is_long:
        return Engine()
    where = surroundings(device)["device_name"], torch.backends.cpu.get_cpu_capability()
    return Compiled(cache / "rounds", f"{cell.round} on {where}", ran_out_of_memory)


def _write(
    folder: Path,
    cell: Cell,
    outcome: Outcome,
    real: NDArray[Any],
    device: torch.device,
    operations: list[str],
    networks: Path,
    notes: list[str],
) -> None:
    """Write a finished cell's folder, whole or not at all."""
    samples = {
        "updates": np.array([e["update"] for e in outcome.checkpoints]),
        "real": real,
    }
    for iterate, shown in outcome.pictures.items():
        samples[f"{iterate} samples"] = np.stack(shown.samples)
        if shown.interpolations is not None:
            samples[f"{iterate} interpolations"] = shown.interpolations
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
            "checkpoints": outcome.checkpoints,
            "cost": outcome.cost,
        },
        "run": {
            **outcome.timing,
            "engine": outcome.engine,
            "engine_note": outcome.engine_note,
            **({"notes": notes} if notes else {}),
            **({"resumed": outcome.resumed} if outcome.resumed else {}),
            "nondeterministic": operations,
            "peak_memory_mb": peak_memory_mb(device),
            **surroundings(device),
        },
    }
    kept = {str(file.relative_to(networks)): file for file in sorted(networks.glob("*/*"))}
    scratch = folder / f".{cell.key}"
    scratch.mkdir()
    for name, content in files.items():
        (scratch / name).write_bytes(content)
    for name, file in kept.items():
        (scratch / name).parent.mkdir(exist_ok=True)
        # the savepoints' own stay, until this record is in the store
        _link(file, scratch / name)
    text = json.dumps(with_files(data, {**files, **kept}), allow_nan=False)
    (scratch / "record.json").write_text(text, encoding="utf-8")
    os.rename(scratch, folder / cell.key)


def _link(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:  # a file system without hard links
        shutil.copyfile(file, to)


def surroundings(device: torch.device) -> dict[str, Any]:
    """Return the machine and versions of a run: recorded, and no part of its key."""
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
    """Return versions of CUDA, cuDNN and the driver, as far as they are known."""
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
