"""Memory of a worker: what counts as running out of it, its limit and its peak."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.execution import memory
from bench.execution.memory import limit_memory, ran_out_of_memory

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("64 GiB wanted"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously …"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. It may be that out of memory …"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to …"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to …"),
        torch.AcceleratorError("CUDA error: out of memory"),
    ],
    ids=str,
)
def test_an_allocation_that_failed_is_out_of_memory(error):
    assert ran_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("shape '[2]' is invalid for input of size 3"),
        ValueError("CUDA error: out of memory"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
    ],
    ids=str,
)
def test_other_errors_are_not(error):
    assert not ran_out_of_memory(error)


@pytest.fixture
def fractions(monkeypatch):
    called = []
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda *given: called.append(given)
    )
    return called


def test_the_share_of_a_gpus_memory_is_limited_on_request(fractions, monkeypatch):
    monkeypatch.delenv(memory.FRACTION, raising=False)
    limit_memory(CUDA)
    monkeypatch.setenv(memory.FRACTION, "0.25")
    limit_memory(CPU)
    assert fractions == []
    limit_memory(CUDA)
    assert fractions == [(0.25, CUDA)]


@pytest.mark.parametrize("given", ["half", "0", "-1", "1.5", "nan"])
def test_a_share_that_makes_no_sense_is_refused(fractions, monkeypatch, given):
    monkeypatch.setenv(memory.FRACTION, given)
    with pytest.raises(BenchError, match=f"BENCH_MEMORY_FRACTION is '{given}'"):
        limit_memory(CUDA)
    assert fractions == []


PEAKS = """
import torch
from bench.execution.memory import begin_peak, held_mb, peak_memory_mb
cpu = torch.device("cpu")
before = held_mb(cpu)
torch.ones(100_000_000).sum()
first = peak_memory_mb(cpu)
begin_peak(cpu)
torch.ones(1_000_000).sum()
print(first, peak_memory_mb(cpu), held_mb(cpu) - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_peak_memory_is_that_of_one_job():
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second, kept = map(float, done.stdout.split())
    assert first > second + 300
    assert kept < 50
