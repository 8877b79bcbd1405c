"""The devices of this machine, found without touching CUDA, and how runs and workers share them."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from bench.errors import BenchError
from bench.execution.cores import cores
from bench.locks import hold, release
from bench.temporary import REMEDY, shared_folder

VISIBLE = "CUDA_VISIBLE_DEVICES"
MOST = 64
"""Workers on one GPU beyond which a number is a slip."""


@dataclass(frozen=True)
class Slot:
    """Room for one worker: a CPU core, or a GPU made the only one it sees."""

    device: str
    visible: str | None = None
    """UUID of the GPU or MIG device."""
    share: int = 1
    """Number of workers on the GPU, whose memory is divided among them, or on each core."""
    threads: int = 1
    """Cores for the scores that a GPU's worker computes on the CPU."""
    variables: tuple[tuple[str, str], ...] = ()
    """More of the worker's environment: where a user's parts are on another machine."""

    def environment(self) -> dict[str, str]:
        """Return variables for the worker: threads, no GPU but its own, its share of memory."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))
        memory = {} if self.visible is None else {"BENCH_MEMORY_FRACTION": repr(1 / self.share)}
        return dict(self.variables) | threads | memory | {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS is not deterministic
            VISIBLE: "" if self.visible is None else self.visible,
        }  # fmt: skip

    def __str__(self) -> str:
        return self.device if self.visible is None else f"{self.device}:{self.visible}"


@dataclass(frozen=True)
class Devices:
    """Devices that a run may use, and how many workers it may start on them."""

    gpus: tuple[str, ...]
    """UUIDs in the order of their use; none: the CPU."""
    jobs: int | None = None
    per_gpu: int = 1

    def slots(self) -> list[Slot]:
        """Return room for workers, one on every GPU before a second one on any."""
        if not self.gpus:
            workers = self.jobs or cores()
            return [Slot("cpu", share=math.ceil(workers / cores()))] * workers
        chosen = (self.gpus * self.per_gpu)[: self.jobs]
        threads, workers_on = max(1, cores() // len(chosen)), Counter(chosen)
        return [Slot("cuda", gpu, workers_on[gpu], threads) for gpu in chosen]

    @contextmanager
    def leased(self) -> Iterator[tuple[list[Slot], list[str]]]:
        """Keep other runs of this user off the GPUs while this one trains.

        Yields the slots on GPUs that no other run holds, and a line for each GPU passed over.

        Raises:
            BenchError: other runs hold all of them.
        """
        with ExitStack() as locks:
            gpus: list[str] = []
            held: list[str] = []
            for gpu in self.gpus:
                if len(gpus) == self.jobs:
                    break
                lock = _lock_of(gpu)
                if holder := hold(lock, REMEDY):
                    lock.close()
                    held.append(f"GPU {gpu} is in use by {holder}")
                else:
                    locks.callback(release, lock)
                    gpus.append(gpu)
            if held and not gpus:
                raise BenchError(
                    f"{'; '.join(held)}; wait for it, or name another with --device (make: "
                    "DEVICE=…)"
                )
            yield Devices(tuple(gpus), self.jobs, self.per_gpu).slots(), held


def find_devices(device: str, jobs: int | None = None, per_gpu: int = 1) -> Devices:
    """Read ``auto``, ``cpu``, ``cuda`` or ``cuda:1,0``, whose numbers count the visible GPUs.

    ``auto`` takes the GPUs if there are any. ``jobs`` bounds the number of workers.

    Raises:
        BenchError: it cannot be read, or such devices are not here.
    """
    if jobs is not None and jobs < 1:
        raise BenchError(f"--jobs is {jobs}; at least one worker is needed")
    if not 1 <= per_gpu <= MOST:
        raise BenchError(f"--slots-per-device is {per_gpu}; give a number from 1 to {MOST}")
    kind, _, wanted = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (wanted and kind != "cuda"):
        raise BenchError(f"unknown device '{device}'; there are: auto, cpu, cuda, cuda:0,2")
    gpus = visible_gpus() if kind != "cpu" else []
    if kind == "cuda" and not gpus:
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
    return Devices(tuple(gpus), jobs, per_gpu)


def _below(index: str, count: int) -> bool:
    return index.isdecimal() and int(index) < count


@dataclass(frozen=True)
class Gpu:
    """A GPU as NVML names it."""

    uuid: str
    """Empty where it does not answer."""
    divided: bool = False
    """Whether MIG divides it: then its parts are used in its place."""
    parts: dict[str, str] = field(default_factory=dict)
    """UUIDs of its MIG devices, by each name that CUDA takes for one."""

    @property
    def usable(self) -> list[str]:
        """UUIDs to run on."""
        if self.divided:
            return list(dict.fromkeys(self.parts.values()))
        return [self.uuid] if self.uuid else []


def visible_gpus() -> list[str]:
    """Return UUIDs of the GPUs and MIG devices that ``CUDA_VISIBLE_DEVICES`` leaves, in its order.

    It is read as CUDA reads it: numbers or beginnings of UUIDs; the list ends at the first entry
    that names nothing, as -1. Numbers count GPUs in the order of their buses, as nvidia-smi does.
    A GPU that MIG divides is replaced by all its MIG devices.

    Raises:
        BenchError: it is set, and names nothing or one GPU twice; CUDA would show none.
    """
    machine = _machine()
    chosen = os.environ.get(VISIBLE)
    if chosen is None or not machine:
        return [uuid for gpu in machine for uuid in gpu.usable]
    entries = [entry.strip() for entry in chosen.split(",")]
    if entries[0] in ("", "NoDevFiles") or re.match(r"-\d", entries[0]):
        return []  # NoDevFiles is Slurm's word for none
    # CUDA takes numbers or UUIDs, as the first entry is
    numbers = not entries[0].startswith(("GPU-", "MIG-"))
    found: list[str] = []
    for entry in entries:
        named = _numbered(entry, machine) if numbers else _named(entry, machine)
        if not named and not found:
            raise BenchError(
                f"{VISIBLE} is '{chosen}', but '{entry}' is none of this machine's {len(machine)} "
                "GPUs; correct it, unset it, or use --device cpu (make: DEVICE=cpu)"
            )
        if not named:
            break
        if set(named) & set(found):
            raise BenchError(f"{VISIBLE} is '{chosen}', which names a GPU twice: CUDA shows none")
        found += named
    return found


def _numbered(entry: str, machine: list[Gpu]) -> list[str]:
    # CUDA reads the digits an entry begins with
    digits = re.match(r"\+?(\d+)", entry)
    return machine[int(digits[1])].usable if digits and int(digits[1]) < len(machine) else []


def _named(entry: str, machine: list[Gpu]) -> list[str]:
    """Return the UUIDs to use of the only GPU or MIG device whose UUID has this prefix."""
    names: dict[str, list[str]] = {gpu.uuid: gpu.usable for gpu in machine if gpu.uuid}
    names |= {name: [uuid] for gpu in machine for name, uuid in gpu.parts.items()}
    if entry in names:
        return names[entry]
    alike = [usable for name, usable in names.items() if name.startswith(entry)]
    told = len(entry) > len("GPU-") and alike and all(usable == alike[0] for usable in alike)
    return alike[0] if told else []


def _machine() -> list[Gpu]:
    """Return every GPU of this machine by its number; none where NVML cannot be used."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # no driver, no library, no permission: for us all the same, no GPU
        return []


def _gpu(nvml: Any, index: int) -> Gpu:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = _text(nvml.nvmlDeviceGetUUID(handle))
    except nvml.NVMLError:  # it has fallen off the bus, say; the others keep their numbers
        return Gpu("")
    try:
        divided = nvml.nvmlDeviceGetMigMode(handle)[0] == 1
    except nvml.NVMLError:  # a GPU that knows no MIG
        divided = False
    parts: dict[str, str] = {}
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) if divided else ():
        try:
            part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
            own = _text(nvml.nvmlDeviceGetUUID(part))
            place = nvml.nvmlDeviceGetGpuInstanceId(part), nvml.nvmlDeviceGetComputeInstanceId(part)
        except nvml.NVMLError:  # nothing has this number
            continue
        parts |= {own: own, "MIG-{}/{}/{}".format(uuid, *place): own}
    return Gpu(uuid, divided, parts)


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver, such as 570.124.06; None where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return _text(pynvml.nvmlSystemGetDriverVersion())
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # as in _machine
        return None


def _text(value: str | bytes) -> str:
    # older versions of the library give bytes
    return value.decode() if isinstance(value, bytes) else value


def _lock_of(gpu: str) -> IO[str]:
    """Open the file whose lock leases a GPU, in a folder that all runs of this user share."""
    try:
        return open(shared_folder() / f"{gpu.replace('/', '_')}.lock", "a+", encoding="utf-8")
    except OSError as error:
        raise BenchError(
            f"cannot keep other runs off the GPUs: '{error.filename}' cannot be written to "
            f"({error.strerror}); set TMPDIR to another folder"
        ) from error
