"""The devices of this machine, counted without touching CUDA, and how they are shared out."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bench.errors import BenchError


@dataclass(frozen=True)
class Slot:
    """Room for one worker: a CPU core, or a whole GPU made the only one it sees."""

    device: str
    visible: str | None = None

    def environment(self) -> dict[str, str]:
        """Variables for the worker: one thread, and no GPU but its own."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        return threads | {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS is not deterministic
            "CUDA_VISIBLE_DEVICES": "" if self.visible is None else self.visible,
        }

    def __str__(self) -> str:
        return self.device if self.visible is None else f"{self.device}:{self.visible}"


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """GPUs by index or UUID, through NVML; those ``CUDA_VISIBLE_DEVICES`` names where it is set."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = _nvml_count()
    if not count or (chosen is not None and chosen.strip() in ("", "-1")):
        return []
    if chosen is None:
        return [str(index) for index in range(count)]
    return [name.strip() for name in chosen.split(",") if name.strip()]


def _nvml_count() -> int:
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # no driver, no library, no permission: for us all the same, no GPU
        return 0


def slots(device: str, jobs: int | None) -> list[Slot]:
    """Where workers may run: ``auto``, ``cpu``, ``cuda`` or ``cuda:0,2``.

    ``auto`` takes the GPUs if there are any. ``jobs`` bounds the number of workers.
    """
    if jobs is not None and jobs < 1:
        raise BenchError(f"--jobs is {jobs}; at least one worker is needed")
    kind, _, wanted = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (wanted and kind != "cuda"):
        raise BenchError(f"unknown device '{device}'; there are: auto, cpu, cuda, cuda:0,2")
    gpus = visible_gpus() if kind != "cpu" else []
    if kind == "cpu" or (kind == "auto" and not gpus):
        return [Slot("cpu")] * (jobs or cores())
    if not gpus:
        raise BenchError("no GPU can be seen here; use --device cpu (make: DEVICE=cpu)")
    if wanted:
        absent = [index for index in wanted.split(",") if not _below(index, len(gpus))]
        if absent:
            raise BenchError(
                f"there is no GPU {absent[0]!r}; this machine shows {len(gpus)}, counted from 0"
            )
        gpus = [gpus[int(index)] for index in wanted.split(",")]
        if len(set(gpus)) < len(gpus):
            raise BenchError(f"device '{device}' names a GPU twice")
    return [Slot("cuda", gpu) for gpu in gpus][:jobs]


def _below(index: str, count: int) -> bool:
    return index.isdecimal() and int(index) < count
