"""Where jobs run: on threads of this machine, or on a dask cluster."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from bench.errors import BenchError
from bench.execution.devices import VISIBLE, Devices, Slot, find_devices

if TYPE_CHECKING:
    from distributed import Client

    from bench.execution.jobs import Job, Row
    from bench.execution.progress import Progress
    from bench.execution.scheduler import Take

Kind = Literal["threads", "dask"]

CONNECT_SECONDS = 20.0
"""Time for a scheduler to answer, and for a connection to be closed."""


@dataclass(frozen=True)
class Crew:
    """Slots that take jobs."""

    size: int
    run: Callable[[list[Job], Progress, Take], Generator[list[Row], None, None]]
    """Yields the rows of each job as it finishes; closing it stops what still runs."""


@dataclass(frozen=True)
class Backend:
    """The backend that the user asked for."""

    kind: Kind
    scheduler: str
    """Address of a running dask scheduler; empty: none."""
    device: str
    jobs: int | None
    devices: Devices | None
    """Those of this machine; None where a cluster's are used."""

    @classmethod
    def of(
        cls, kind: Kind, scheduler: str, device: str, jobs: int | None, slots_per_device: int
    ) -> Backend:
        """Check what was asked for, as far as this is possible without a connection.

        Raises:
            BenchError: options do not go together, or this machine lacks the devices.
        """
        if not scheduler:
            return cls(kind, "", device, jobs, find_devices(device, jobs, slots_per_device))
        if kind != "dask":
            raise BenchError("--scheduler names a dask scheduler: add --backend dask")
        if device not in ("auto", "cpu", "cuda"):
            raise BenchError(
                f"--device {device}: on a cluster give auto, cpu or cuda; set {VISIBLE} where "
                "a worker is started to choose its GPU"
            )
        if slots_per_device != 1:
            raise BenchError(
                "--slots-per-device: on a cluster a worker has as many slots as threads; start it "
                "with `dask worker --nthreads N`"
            )
        if jobs is not None and jobs < 1:
            raise BenchError(f"--jobs is {jobs}; at least one worker is needed")
        return cls(kind, scheduler, device, jobs, None)

    @contextmanager
    def opened(self, cache: Path, console: Console) -> Iterator[Crew]:
        """Yield the slots that this run may use, for as long as it may.

        Raises:
            BenchError: there is none; the line gives the reason.
        """
        with ExitStack() as stack:
            slots: list[Slot] = []
            if self.devices is not None:
                slots, held = stack.enter_context(self.devices.leased())
                for line in held:
                    console.print(line, style="yellow", markup=False)
            if self.kind == "threads":
                from bench.execution.scheduler import run_jobs

                yield Crew(len(slots), partial(run_jobs, slots))
                return
            from bench.execution.cluster import Cluster
            from bench.execution.members import Package

            # these would print a traceback for every task; one line reports it instead
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            folder = stack.enter_context(_visible(cache))
            scheduler = self.scheduler or stack.enter_context(_local(slots, folder))
            client = stack.enter_context(_connected(scheduler))
            package = Package(cache, folder, self.device)
            cluster = Cluster(client, scheduler, self.jobs, package, console)
            cluster.wait_for_workers()
            yield Crew(cluster.size, cluster.run)


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False, name="bench")
    except Exception as error:
        raise BenchError(
            f"no dask scheduler answers at '{scheduler}'; `dask scheduler` starts one and prints "
            "its address, such as tcp://10.0.0.1:8786"
        ) from error
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=CONNECT_SECONDS)


@contextmanager
def _local(slots: list[Slot], folder: Path) -> Iterator[str]:
    """Start a cluster on this machine: a dask worker for each slot, or each GPU with its slots."""
    from distributed import Nanny, Scheduler, SpecCluster

    host: dict[str, Any] = {"host": "127.0.0.1", "dashboard": False}
    common = {**host, "memory_limit": 0, "silence_logs": logging.CRITICAL,
              "local_directory": str(folder), "preload": ["bench.execution.remote"]}  # fmt: skip
    visible = [slot.visible for slot in slots]
    kinds: list[dict[str, Any]] = [
        {"nthreads": visible.count(gpu), "env": {VISIBLE: gpu}}
        for gpu in dict.fromkeys(visible)
        if gpu is not None
    ]
    workers = {
        number: {"cls": Nanny, "options": common | kind}
        for number, kind in enumerate(kinds or [{"nthreads": 1}] * len(slots))
    }
    with SpecCluster(
        scheduler={
            "cls": Scheduler,
            "options": {**host, "port": 0, "dashboard_address": ":0"},
        },
        workers=workers,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster.scheduler_address


@contextmanager
def _visible(cache: Path) -> Iterator[Path]:
    """Yield a new folder, by which workers tell whether they see the results folder.

    The next run removes it if this one is killed.
    """
    folder = (cache / "jobs" / f"bench-job-{uuid.uuid4().hex}").absolute()
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
