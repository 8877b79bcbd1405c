"""Measures and limits the memory of a worker process, and recognises running out of it."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

from bench.errors import BenchError

FRACTION = "BENCH_MEMORY_FRACTION"
"""Environment variable: the share of a GPU's memory that one worker may allocate."""

_NO_MEMORY = re.compile(
    r"CUDA(?: driver)? error: out of memory"
    r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
    r"|CUDNN_STATUS_NOT_SUPPORTED\b.*\bout of memory"
    r"|cuDNN.*\bout of memory|DefaultCPUAllocator: (?:can't allocate memory|not enough memory)",
    re.IGNORECASE | re.DOTALL,
)


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that the host or the GPU had no memory left.

    Only PyTorch's own allocator raises ``OutOfMemoryError``; the CUDA runtime, cuBLAS, cuDNN and
    the CPU's allocator raise a ``RuntimeError`` that says so in its text only.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    accelerator = getattr(torch, "AcceleratorError", None)
    if accelerator is not None and isinstance(error, accelerator):
        return "out of memory" in text.lower()
    return isinstance(error, RuntimeError) and _NO_MEMORY.search(text) is not None


def limit_memory(device: torch.device) -> None:
    """Apply ``BENCH_MEMORY_FRACTION`` to this process; nothing happens without it or on a CPU.

    Raises:
        BenchError: the variable is no number in (0, 1].
    """
    given = os.environ.get(FRACTION, "").strip()
    if not given or device.type != "cuda":
        return
    try:
        fraction = float(given)
    except ValueError:
        fraction = 0.0
    if not 0 < fraction <= 1:
        raise BenchError(f"{FRACTION} is '{given}'; it must be a number above 0 and at most 1")
    torch.cuda.set_per_process_memory_fraction(fraction, device)


def begin_peak(device: torch.device) -> None:
    """Start a new measurement of peak memory, where the system allows it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # only Linux has it, and not every kernel
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory since :func:`begin_peak`, in MiB.

    On a GPU it is the device memory that PyTorch allocated. On a CPU it is the resident memory of
    the process; where the kernel cannot restart that measurement (anywhere but on Linux), it is
    the peak since the worker started, so that an earlier job of the worker may have set it.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = _status("VmHWM")
    if peak is not None:
        return peak
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return whole / (2**20 if sys.platform == "darwin" else 2**10)


def release_memory(device: torch.device) -> None:
    """Free what nothing refers to any more, and return it to the system or the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)


def held_mb(device: torch.device) -> float:
    """Return the memory that this process keeps for itself after a clean-up, in MiB.

    Files mapped into memory do not count. On a GPU the device memory of live tensors is added. It
    is 0 on a CPU where the system does not say.
    """
    release_memory(device)
    device_mb = 0.0
    if device.type == "cuda":
        device_mb = torch.cuda.memory_allocated(device) / 2**20
    return (_status("RssAnon") or 0.0) + device_mb


def _status(name: str) -> float | None:
    """Return a line of ``/proc/self/status`` in MiB, or None without one."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(name + ":")]
    return int(found[0]) / 2**10 if found else None
